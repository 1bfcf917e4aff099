"""The Python of the how-to pages runs as it stands, and all of the docs' can be pasted."""

from pathlib import Path

import deltalake
import numpy as np
import pytest
from repl import Prompt, python_blocks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Run the blocks of a page on some vectors, in an empty folder."""

    def blocks(page, instead=None, **names):
        monkeypatch.chdir(tmp_path)
        found = python_blocks(root / "docs" / "howto" / page)
        assert found
        prompt = Prompt(names)
        for block in found:
            prompt.paste(block.replace(*instead) if instead else block)
        return prompt.locals

    return blocks


def test_embeddings_written_as_the_page_says_come_back(run, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    page, place = "bring_your_embeddings.md", tmp_path / "items"
    run(page, instead=("/tmp/sids/items", str(place)), vectors=vectors, item_ids=list(range(5)))
    (file,) = place.glob("*.parquet")
    assert deltalake.DeltaTable(place).file_uris()[0].endswith(file.name)


def test_presets_are_compared_on_rows_of_a_table_in_some_order(run, capsys):
    centres = np.random.default_rng(0).normal(size=(30, 8))
    rows = np.random.default_rng(1)
    vectors = centres[np.sort(rows.integers(0, 30, 700))] + 0.3 * rows.normal(size=(700, 8))
    names = run("choose_a_codebook.md", vectors=vectors.astype(np.float32))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["fast", "faithful"]
    assert 0 < names["errors"].relative[-1] < names["errors"].relative[0] < 1
    assert names["errors"].relative[-1] < 0.05  # of rows in the table's order 0.21


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_can_be_pasted_into_the_prompt(page):
    prompt = Prompt(runs=False)
    for block in python_blocks(page):
        if not block.startswith(">>> "):  # a session, shown
            prompt.paste(block)


def test_the_prompt_ends_a_class_at_a_blank_line():
    block = "class A:\n    x = 1\n\n    y = 2\n"
    with pytest.raises(IndentationError):
        Prompt().paste(block)
    with pytest.raises(SyntaxError):
        Prompt().paste("for x in []:\n    pass\nprint(x)\n")
    with pytest.raises(SyntaxError, match="still waits"):
        Prompt().paste("x = (1,\n")
    with pytest.raises(ZeroDivisionError):
        Prompt().paste("1 / 0\n")

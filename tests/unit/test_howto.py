"""The Python of the how-to pages runs as it stands."""

import re

import deltalake
import numpy as np
import pytest


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Run the blocks of a page on some vectors, in an empty folder."""

    def blocks(page, **names):
        monkeypatch.chdir(tmp_path)
        text = (root / "docs" / "howto" / page).read_text()
        found = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        assert found
        for block in found:
            exec(block, names)
        return names

    return blocks


def test_embeddings_written_as_the_page_says_come_back(run, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    run("bring_your_embeddings.md", vectors=vectors, item_ids=list(range(5)))
    (file,) = (tmp_path / "tables" / "items").glob("*.parquet")
    assert deltalake.DeltaTable(tmp_path / "tables" / "items").file_uris()[0].endswith(file.name)


def test_presets_are_compared(run, capsys):
    centres = np.random.default_rng(0).normal(size=(30, 8))
    rows = np.random.default_rng(1)
    vectors = centres[rows.integers(0, 30, 700)] + 0.3 * rows.normal(size=(700, 8))
    names = run("choose_a_codebook.md", vectors=vectors.astype(np.float32))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["fast", "faithful"]
    assert 0 < names["errors"].relative[-1] < names["errors"].relative[0] < 1

"""The tutorial, word by word: its blocks pasted in order, in a copy of the checkout."""

import re
import subprocess
from pathlib import Path

import pytest
from repl import Prompt

pytestmark = [pytest.mark.spark, pytest.mark.torch, pytest.mark.slow]

LINKS = ("spark-submit.sh", "jobs", "lib", "conf", "examples", "build", ".venv")


@pytest.fixture
def checkout(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the checkout and takes what the tutorial writes."""
    for name in LINKS:
        if (root / name).exists():
            (tmp_path / name).symlink_to(root / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_tutorial_ends_in_a_model_that_has_learned(root: Path, checkout: Path) -> None:
    text = (root / "docs" / "tutorial.md").read_text()
    blocks = re.findall(r"```(python|sh)\n(.*?)```", text, re.DOTALL)
    prompt = Prompt()
    for language, block in blocks:
        if language == "python":
            prompt.paste(block)
        else:
            ran = subprocess.run(
                ["bash", "-euc", block], capture_output=True, text=True, timeout=600, check=False
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [language for language, _ in blocks].count("sh") == 4
    names = prompt.locals
    assert 0 < names["lost"] < 1
    assert names["nearest"][0] == "REGENCY CAKESTAND 3 TIER"
    assert (checkout / "quickstart" / "quality" / "audit_quality.html").is_file()
    assert names["after"] > 2 * names["before"]

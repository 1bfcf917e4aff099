import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from semantic_ids.audit_configs import ReportSection
from semantic_ids.errors import ConfigError, TableError
from semantic_ids.report import Page, render
from semantic_ids.spark.report_folder import (
    require_report,
    require_writable,
    staged_files,
    write_page,
)

PAGE = Page("audit_x", "X", "It is so.", (), ())


def test_staged_files_take_their_places_together_and_drop_what_is_stale(tmp_path):
    folder = tmp_path / "report"
    (folder / "comparison").mkdir(parents=True)
    for name in ("old.parquet", "theirs.parquet"):
        (folder / "comparison" / name).touch()
    with staged_files(folder, ["comparison/old.parquet", "comparison/new.parquet"]) as scratch:
        (scratch / "comparison").mkdir()
        (scratch / "comparison" / "new.parquet").write_text("new")
        (scratch / "report.md").write_text("text")
        assert not (folder / "report.md").exists()
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert found == ["comparison/new.parquet", "comparison/theirs.parquet", "report.md"]


def test_staged_files_leave_what_stood_there_when_the_work_fails(tmp_path):
    (tmp_path / "report.md").write_text("before")

    def write_half():
        with staged_files(tmp_path, []) as scratch:
            (scratch / "report.md").write_text("half")
            raise TableError("boom")

    with pytest.raises(TableError, match="boom"):
        write_half()
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
    assert (tmp_path / "report.md").read_text() == "before"


def test_staged_files_say_in_one_sentence_why_the_folder_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigError, match=r"report.folder: .* must be writable, got: Not a dir"),
        staged_files(tmp_path / "file" / "report", []),
    ):
        pass


def test_require_writable_writes_nothing_and_refuses_a_file(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^checkpoint: .* must be a folder, .*file is a file"):
        require_writable(tmp_path / "file" / "report", "checkpoint")


def test_require_writable_refuses_a_scheme():
    with pytest.raises(ConfigError, match="must be a local folder, without a scheme"):
        require_writable(Path("s3a://bucket/report"))


def test_write_page_writes_a_file_for_each_format_and_drops_those_of_before(tmp_path):
    (tmp_path / "theirs.html").touch()
    files = write_page(tmp_path, PAGE, ["html", "markdown", "json"])
    assert files == tuple(tmp_path / f"audit_x.{suffix}" for suffix in ("html", "md", "json"))
    assert files[1].read_text(encoding="utf-8") == render(PAGE, "markdown")
    assert write_page(tmp_path, PAGE, ["json"]) == (tmp_path / "audit_x.json",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit_x.json", "theirs.html"]


def test_write_page_keeps_every_file_when_one_cannot_be_moved(tmp_path):
    write_page(tmp_path, PAGE, ["json"])
    before = (tmp_path / "audit_x.json").read_bytes()
    (tmp_path / "audit_x.html").mkdir()
    (tmp_path / "audit_x.html" / "theirs").touch()
    with pytest.raises(ConfigError, match=r"report.folder: .* must be writable, got: Is a dir"):
        write_page(tmp_path, PAGE, ["html", "json"])
    assert (tmp_path / "audit_x.json").read_bytes() == before


def test_write_page_takes_a_text_that_utf8_cannot_hold(tmp_path):
    page = Page("audit_x", "half \ud83d", "half \ud83d", (), ())
    html, markdown, json_ = write_page(tmp_path, page, ["html", "markdown", "json"])
    assert "half \ufffd" in html.read_text(encoding="utf-8")
    assert "half \ufffd" in markdown.read_text(encoding="utf-8")
    assert json.loads(json_.read_text(encoding="utf-8"))["title"] == "half ?"


def test_html_without_its_libraries_is_refused_before_any_work(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "semantic_ids.spark.report_folder.find_spec",
        lambda name: None if name == "matplotlib" else find(name),
    )
    with pytest.raises(ConfigError, match=r"report.formats: html needs matplotlib: install "):
        require_report(ReportSection(folder=str(tmp_path)))
    require_report(ReportSection(folder=str(tmp_path), formats=["markdown", "json"]))


KILLED = """
import os, signal, sys
from pathlib import Path
from semantic_ids.spark.report_folder import staged_files
with staged_files(Path(sys.argv[1]), []) as scratch:
    (scratch / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_runs_that_write_into_one_folder_at_once_both_arrive_and_clean_up_after_the_killed(
    tmp_path,
):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    (left,) = tmp_path.glob(".partial-*/half")
    with staged_files(tmp_path, ["a"]) as first:
        assert not left.parent.exists()
        (first / "a").write_text("of the first")
        with staged_files(tmp_path, ["b"]) as second:
            (second / "b").write_text("of the second")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_folder_that_no_file_system_can_have_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=r"^report\.folder: must be a path, got "):
        require_writable(tmp_path / name)

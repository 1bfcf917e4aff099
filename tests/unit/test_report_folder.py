from pathlib import Path

import pytest

from semantic_ids.errors import ConfigError, TableError
from semantic_ids.spark.report_folder import require_writable, staged_files


def test_staged_files_take_their_places_together_and_drop_what_is_stale(tmp_path):
    folder = tmp_path / "report"
    (folder / "comparison").mkdir(parents=True)
    for name in ("old.parquet", "theirs.parquet"):
        (folder / "comparison" / name).touch()
    with staged_files(folder, ["comparison/old.parquet", "comparison/new.parquet"]) as scratch:
        (scratch / "comparison").mkdir()
        (scratch / "comparison" / "new.parquet").write_text("new")
        (scratch / "footprint.md").write_text("text")
        assert not (folder / "footprint.md").exists()
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert found == ["comparison/new.parquet", "comparison/theirs.parquet", "footprint.md"]


def test_staged_files_leave_what_stood_there_when_the_work_fails(tmp_path):
    (tmp_path / "footprint.md").write_text("before")

    def write_half():
        with staged_files(tmp_path, []) as scratch:
            (scratch / "footprint.md").write_text("half")
            raise TableError("boom")

    with pytest.raises(TableError, match="boom"):
        write_half()
    assert [path.name for path in tmp_path.iterdir()] == ["footprint.md"]
    assert (tmp_path / "footprint.md").read_text() == "before"


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
    with pytest.raises(ConfigError, match=r"must be a folder, .*file is a file"):
        require_writable(tmp_path / "file" / "report")


def test_require_writable_refuses_a_scheme():
    with pytest.raises(ConfigError, match="must be a local folder, without a scheme"):
        require_writable(Path("s3a://bucket/report"))

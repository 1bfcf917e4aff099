"""Files that are not what the log says: refused in one sentence."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sequence_tables import Sequences, random_segments, write_sequences

from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers import ExampleDataset, SequenceDataset, SequenceHistories

pytestmark = pytest.mark.torch

USERS = range(40)
READS = {
    "dataset": lambda path: list(SequenceDataset(path, 8)),
    "histories": lambda path: SequenceHistories(path).of(USERS),
}
readers = pytest.mark.parametrize("read", READS.values(), ids=READS)


@pytest.fixture
def table(tmp_path: Path) -> Sequences:
    return write_sequences(tmp_path / "t", [s for s in random_segments(40) if s.sids])


def rewrite(path: str, change: Callable[[Any], Any] = lambda table: table) -> Path:
    """Write the rows of one file anew, changed."""
    file = min(Path(path).rglob("*.parquet"))
    rows = change(pq.ParquetFile(file).read())
    pq.write_table(rows, file)
    return file


def test_a_file_that_was_written_anew_with_the_same_rows_is_read(table):
    rewrite(table.path)
    n_events = sum(len(s.sids) for s in table.segments)
    assert sum(batch.values.numel() for batch in SequenceDataset(table.path, 8)) == n_events
    assert SequenceHistories(table.path).of(USERS).values.numel() == n_events


@readers
@pytest.mark.parametrize("n_rows", [0, 1])
def test_a_file_with_other_rows_than_the_log_says_is_refused(table, read, n_rows):
    rewrite(table.path, lambda rows: rows.slice(0, n_rows))
    said = rf"parquet must have the \d+ rows that the log of the table says, got {n_rows}$"
    with pytest.raises(TableError, match=said):
        read(table.path)


def test_a_file_of_examples_with_other_rows_than_the_log_says_is_refused(table, tmp_path):
    path = str(tmp_path / "examples")
    examples = pa.table({"user_id": [1, 2, 3], "timestamp": [0, 0, 0]})
    deltalake.write_deltalake(path, examples)
    rewrite(path, lambda rows: rows.slice(1))
    with pytest.raises(TableError, match=r"must have the 3 rows that the log of .* says, got 2"):
        ExampleDataset(path, SequenceHistories(table.path), 2)


def test_files_of_which_the_log_says_no_number_of_rows_are_read(tmp_path):
    path = str(tmp_path / "t")
    table = write_sequences(tmp_path / "t", random_segments(40))
    for log in Path(path, "_delta_log").glob("*.json"):
        actions = map(json.loads, log.read_text().splitlines())
        log.write_text("\n".join(json.dumps(without_statistics(a)) for a in actions))
    assert sum(map(len, SequenceDataset(path, 8))) == len(table.segments)
    assert len(SequenceHistories(path).of(USERS)) == len(USERS)


def without_statistics(action: dict) -> dict:
    if "add" in action:
        action["add"].pop("stats")
    return action


def set_column(rows: Any, name: str, column: Any) -> Any:
    return rows.set_column(rows.column_names.index(name), name, column)


def as_text(bytes_of_text: list[bytes]) -> Any:
    """Give a column of strings that are not checked to be UTF-8."""
    binary = pa.array(bytes_of_text, pa.binary())
    return pa.StringArray.from_buffers(len(binary), *binary.buffers()[1:])


@readers
@pytest.mark.parametrize("n_events", [-1, 0])
def test_a_segment_with_fewer_events_than_its_bytes_say_is_refused(table, read, n_events):
    def change(rows: Any) -> Any:
        return set_column(rows, "n_events", pa.array([n_events] * len(rows), pa.int32()))

    rewrite(table.path, change)
    with pytest.raises(InputError, match=f"sids must .* for each of a segment's {n_events} events"):
        read(table.path)


@readers
@pytest.mark.parametrize(("name", "kind"), [("user_id", pa.int64()), ("n_events", pa.int32())])
def test_a_null_is_refused(table, read, name, kind):
    rewrite(table.path, lambda rows: set_column(rows, name, pa.nulls(len(rows), kind)))
    with pytest.raises(InputError, match=f"{name} must not be null, got a null in .*parquet"):
        read(table.path)


@readers
@pytest.mark.parametrize("n_other", [1, 100])
def test_a_file_of_another_codebook_than_the_log_says_is_refused(table, read, n_other):
    def change(rows: Any) -> Any:
        ids = rows.column("codebook_id").to_pylist()
        return set_column(rows, "codebook_id", pa.array(["f" * 32] * n_other + ids)[: len(rows)])

    rewrite(table.path, change)
    with pytest.raises(TableError, match=r"codebook_id must be .* f{32}$"):
        read(table.path)


def test_segments_without_events_before_others_do_not_confuse_the_order_of_times(tmp_path):
    segments = random_segments(40)
    table = write_sequences(tmp_path / "t", segments)
    expected = [len(s.sids) for s in segments]
    assert not all(expected)
    assert SequenceHistories(table.path).of(USERS).lengths.tolist() == expected


@pytest.mark.parametrize("last", [b"user 39", b"user \xff"])
def test_user_ids_that_are_not_utf_8_are_refused(tmp_path, last):
    segments = random_segments(40, user_id=lambda i: f"user {i:02}")
    day = segments[0].ds
    path = write_sequences(tmp_path / "t", [replace(s, ds=day, bucket=0) for s in segments]).path
    users = as_text([b"user 00", *[b"user 0\xff"] * 38, last])
    rewrite(path, lambda rows: set_column(rows, "user_id", users))
    said = r"UTF-8, got .*" if last.isascii() else r"must hold text in UTF-8, got b'user .xff'"
    with pytest.raises(TableError, match=said):
        SequenceHistories(path).of(["user 07"])
    with pytest.raises(TableError, match=r"user_id must be text in UTF-8, .* in .*parquet"):
        list(SequenceDataset(path, 8))


@readers
@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("n_events", pa.array([1.5]), r"n_events must be an integer in .*parquet, got double"),
        ("sids", pa.array([[1]]), r"sids must be binary in .*parquet, got list<.*"),
        ("quantity", pa.array([1]), r"quantity must be binary in .*parquet, got int64"),
    ],
)
def test_a_column_of_another_type_in_a_file_is_refused(table, read, name, column, said):
    rewrite(table.path, lambda rows: set_column(rows, name, column.take([0] * len(rows))))
    with pytest.raises(TableError, match=said):
        read(table.path)


@readers
@pytest.mark.parametrize("name", ["user_id", "timestamps", "codebook_id"])
@pytest.mark.parametrize("n", [0, 2])
def test_a_column_that_a_file_lacks_or_has_twice_is_refused(table, read, name, n):
    def change(rows: Any) -> Any:
        if n == 0:
            return rows.drop_columns([name])
        return rows.append_column(name, rows.column(name))

    rewrite(table.path, change)
    with pytest.raises(TableError, match=rf"each file must have one column {name}, got {n} in"):
        read(table.path)

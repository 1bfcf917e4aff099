"""Files that are not what the log, or a checksum in them, says: refused in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sequence_tables import Sequences, random_segments, write_sequences

from semantic_ids.errors import TableError
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
    """Write the rows of one file anew, changed, as Spark writes them: with checksums of pages."""
    file = min(Path(path).rglob("*.parquet"))
    rows = change(pq.ParquetFile(file).read())
    pq.write_table(rows, file, write_page_checksum=True, use_dictionary=False, compression="none")
    return file


def test_a_file_that_was_written_anew_with_the_same_rows_is_read(table):
    rewrite(table.path)
    n_events = sum(len(s.sids) for s in table.segments)
    assert sum(batch.values.numel() for batch in SequenceDataset(table.path, 8)) == n_events
    assert SequenceHistories(table.path).of(USERS).values.numel() == n_events


@readers
@pytest.mark.parametrize("name", ["user_id", "sids", "timestamps"])
def test_a_changed_bit_of_a_page_is_refused(table, read, name):
    file = rewrite(table.path)
    group = pq.ParquetFile(file).metadata.row_group(0)
    chunks = (group.column(i) for i in range(group.num_columns))
    chunk = next(chunk for chunk in chunks if chunk.path_in_schema == name)
    stored = bytearray(file.read_bytes())
    stored[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    file.write_bytes(stored)
    with pytest.raises(TableError, match=r"parquet must be a sound Parquet file, .* CRC"):
        read(table.path)


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

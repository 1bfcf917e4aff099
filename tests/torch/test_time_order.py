"""Examples in the order of time: what is in order to the microsecond, and what is not."""

from itertools import chain
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from history_tables import START, write
from sequence_tables import random_segments
from torch.utils.data import DataLoader

from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers import ExampleDataset, SequenceHistories

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


@pytest.fixture(scope="module")
def histories(tmp_path_factory) -> SequenceHistories:
    segments = [s for s in random_segments(9, width=3, codebook_id="a" * 32) if s.timestamps]
    path = write(tmp_path_factory.mktemp("t") / "sequences", segments).path
    return SequenceHistories(path, columns=["timestamps"])


def examples(ticks: list[int | None]) -> pa.Table:
    """Make an example of each microsecond after START; a struct stands before the timestamps."""
    times = [None if tick is None else START + tick for tick in ticks]
    return pa.table(
        {
            "context": [{"a": 1, "b": "x"}] * len(ticks),
            "user_id": pa.array([0] * len(ticks), pa.int64()),
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
        }
    )


def write_examples(path: Path, *files: list[int | None], row_group_size: int = 100) -> Path:
    """Write one file for each list."""
    writing = deltalake.WriterProperties(max_row_group_size=row_group_size)
    for ticks in files:
        deltalake.write_deltalake(path, examples(ticks), mode="append", writer_properties=writing)
    return path


def in_time_order(path: Path, histories: SequenceHistories, **arguments) -> ExampleDataset:
    return ExampleDataset(path, histories, 2, order="time", window=2, **arguments)


def ticks_of(dataset: ExampleDataset, num_workers: int = 0) -> list[int]:
    loader = DataLoader(dataset, batch_size=None, num_workers=num_workers)
    return [time - START for batch in loader for time in batch.timestamps.tolist()]


def test_files_are_in_order_though_they_share_a_millisecond(tmp_path, histories):
    path = write_examples(tmp_path / "e", [7, 8], [300, 5000], [1, 7], [9, 300], [8, 8])
    assert ticks_of(in_time_order(path, histories)) == [1, 7, 7, 8, 8, 8, 9, 300, 300, 5000]


def test_files_that_overlap_by_a_microsecond_are_refused(tmp_path, histories):
    path = write_examples(tmp_path / "e", [1, 8], [7, 9])
    with pytest.raises(
        TableError, match=r"row groups must not overlap in time .* row group 0 of .*parquet, which"
    ):
        in_time_order(path, histories)


def test_row_groups_out_of_order_are_refused_though_each_stream_would_see_order(
    tmp_path, histories
):
    path = write_examples(tmp_path / "e", [5, 6, 1, 2, 7, 8, 3, 4], row_group_size=2)
    with pytest.raises(TableError, match=r"got row group 0 of .* after row group 1 of .* begins"):
        in_time_order(path, histories, world_size=2)


@pytest.mark.parametrize("kind", ["timestamp", "bigint"])
def test_each_stream_reads_its_share_in_the_order_of_time(tmp_path, histories, kind):
    ticks = np.random.default_rng(0).integers(0, 500, 60)
    ticks.sort()
    for part in np.split(ticks, 6)[::-1]:
        rows = examples(part.tolist())
        if kind == "bigint":
            rows = rows.set_column(2, "timestamp", rows.column("timestamp").cast(pa.int64()))
        writing = deltalake.WriterProperties(max_row_group_size=4)
        deltalake.write_deltalake(tmp_path / "e", rows, mode="append", writer_properties=writing)
    datasets = [in_time_order(tmp_path / "e", histories, rank=r, world_size=3) for r in range(3)]
    shares = [ticks_of(dataset) for dataset in datasets]
    assert [sorted(share) for share in shares] == shares
    assert sorted(chain.from_iterable(shares)) == ticks.tolist()
    assert ticks_of(in_time_order(tmp_path / "e", histories), 1) == ticks.tolist()


def without_statistics(path: Path, kind: str) -> None:
    """Rewrite a table's files in place as other writers have them."""
    for file in path.rglob("*.parquet"):
        rows = pq.ParquetFile(file).read()
        arguments = {"write_statistics": False}
        if kind == "int96":
            arguments = {"use_deprecated_int96_timestamps": True}
        pq.write_table(rows, file, row_group_size=2, **arguments)


@pytest.mark.parametrize("kind", ["int96", "no statistics"])
def test_times_are_read_where_footers_do_not_have_them(tmp_path, histories, kind):
    path = write_examples(tmp_path / "e", [3, 4, 4, 6], [1, 2, 2, 3])
    without_statistics(path, kind)
    assert ticks_of(in_time_order(path, histories)) == [1, 2, 2, 3, 3, 4, 4, 6]
    path = write_examples(tmp_path / "f", [1, 4, 3, 5])
    without_statistics(path, kind)
    with pytest.raises(TableError, match=r"got row group 0 of .* after row group 1 of"):
        in_time_order(path, histories)


def test_times_that_python_has_no_dates_for_are_in_order(tmp_path, histories):
    far = 3 * 10**17
    path = write_examples(tmp_path / "e", [5, far], [far + 1, far + 2])
    assert ticks_of(in_time_order(path, histories)) == [5, far, far + 1, far + 2]


def test_a_null_among_the_timestamps_is_refused_with_its_file(tmp_path, histories):
    path = write_examples(tmp_path / "e", [1, None, 2])
    with pytest.raises(InputError, match=r"timestamp must not be null, got a null in .*parquet"):
        in_time_order(path, histories)


def test_a_table_without_examples_is_in_order(tmp_path, histories):
    path = write_examples(tmp_path / "e", [])
    assert ticks_of(in_time_order(path, histories)) == []

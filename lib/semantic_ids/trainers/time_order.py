"""Examples in the order of time: exact times of row groups, and the refusal of disorder."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers.decode import Piece, check_rows
from semantic_ids.trainers.parquet_files import leaf_index, open_file, statistics_of
from semantic_ids.trainers.units import FOOTER_THREADS, Unit


class Span(NamedTuple):
    """A row group with its earliest and its latest timestamp, in microseconds."""

    first: int
    last: int
    unit: Unit


def in_time_order(units: Sequence[Unit], filesystem: fs.FileSystem | None) -> list[Unit]:
    """Order files by the time of their rows; row groups keep their order within a file.

    The times are those of the footers or, where a footer has none, of the rows: a log's are cut to
    milliseconds.

    Raises
    ------
    TableError
        If a row group ends after the next begins, so that no order of the files is that of time.
    InputError
        If a timestamp is null.
    """
    groups = [
        [unit for unit in group if unit.n_rows]
        for _, group in groupby(units, key=attrgetter("file"))
    ]
    with ThreadPoolExecutor(FOOTER_THREADS) as threads:
        per_file = threads.map(lambda own: _spans(own, filesystem), filter(None, groups))
        files = sorted(per_file, key=lambda spans: (spans[0].first, spans[-1].last))
    spans = list(chain.from_iterable(files))
    for one, other in pairwise(spans):
        if other.first < one.last:
            raise TableError(
                "row groups must not overlap in time where order is 'time', got row group "
                f"{one.unit.row_group} of {one.unit.file}, which ends after row group "
                f"{other.unit.row_group} of {other.unit.file} begins"
            )
    return [span.unit for span in spans]


def refuse_disorder(times: npt.NDArray[np.int64], window: Sequence[Piece], *, after: int) -> None:
    """Raise InputError unless the times of pieces' rows never decrease, from `after` on."""
    seen = np.append(after, times)
    falls = seen[1:] < seen[:-1]
    if falls.any():
        ends = np.cumsum([piece.rows.num_rows for piece in window])
        file = window[int(np.searchsorted(ends, falls.argmax(), side="right"))].file
        raise InputError(f"timestamps must not decrease where order is 'time', one does in {file}")


def micros_of(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return timestamps as microseconds since the epoch in UTC, int64; integers are some."""
    if not pa.types.is_integer(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    return column.to_numpy()  # type: ignore[no-any-return]  # pyarrow has no types


def _spans(units: Sequence[Unit], filesystem: fs.FileSystem | None) -> list[Span]:
    with open_file(units[0].file, filesystem) as opened:
        return [Span(*_bounds(opened, unit), unit) for unit in units]


def _bounds(file: pq.ParquetFile, unit: Unit) -> tuple[int, int]:
    group = file.metadata.row_group(unit.row_group)
    known = statistics_of(group, leaf_index(file, "timestamp"))
    if known is not None and known.physical_type == "INT64":
        stored = pa.array([known.min_raw, known.max_raw], pa.int64())
        first, last = micros_of(stored.cast(file.schema_arrow.field("timestamp").type))
        return int(first), int(last)
    bounds = []
    for rows in file.iter_batches(
        row_groups=[unit.row_group], columns=["timestamp"], use_threads=False
    ):
        check_rows(Piece(rows, unit.file))
        times = micros_of(rows.column("timestamp"))
        bounds += [int(times.min()), int(times.max())]
    return min(bounds), max(bounds)

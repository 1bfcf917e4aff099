"""The alternatives, really written: Parquet files of the same events and of their items."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from semantic_ids.codebook import jackknife_half_width
from semantic_ids.report import Arm, Comparison
from semantic_ids.spark.footprint_sample import EventSample, Int64Array, Items, groups_of
from semantic_ids.spark.footprint_ways import (
    WAYS,
    Values,
    Way,
    is_scalar,
    ways_of,
    ways_of_items,
)

__all__ = [
    "ARM_FILES",
    "SETTINGS",
    "write_event_arms",
    "write_item_arms",
    "write_timestamps",
]

SETTINGS = (
    "Parquet, zstd level 3, with dictionaries or without, whichever is smaller, no statistics, row "
    "groups of at most 128 MiB of raw values"
)
FOLDER = "comparison"
ARM_FILES = (
    *(f"{FOLDER}/{unit}_{name}.parquet" for unit in ("events", "items") for name in WAYS),
    f"{FOLDER}/events_timestamps.parquet",
)
"""Every file that some run writes."""

_GROUP_BYTES = 128 * 2**20
_N_GROUPS = 10

Tables = Iterator[pa.Table]


@dataclass(frozen=True)
class _Rows:
    """Events or items to write, by place; events with the bounds of the rows that they make."""

    places: Int64Array
    offsets: Int64Array | None = None


@dataclass(frozen=True)
class _Units:
    """A sample of events or items, and what to write of it.

    Parameters
    ----------
    name : str
        events or items, as in the names of files.
    whole : _Rows
    without : list of _Rows
        All but one of some random groups of about as many rows, for each group.
    halves : list of _Rows
        Two random halves.
    sampled : float
        The share of all events or items that the sample is, in (0, 1].
    """

    name: str
    whole: _Rows
    without: list[_Rows]
    halves: list[_Rows]
    sampled: float


def write_event_arms(sample: EventSample, folder: Path, *, sampled: float) -> Comparison:
    """Write one file for each way to store the events; ours first.

    `sampled` is the share of all events that these are, in (0, 1].
    """
    units = _events(sample, sampled)
    arms = tuple(_write(folder, way, units) for way in ways_of(sample))
    return Comparison("event", len(sample.symbols), arms)


def write_timestamps(sample: EventSample, folder: Path, *, sampled: float) -> Arm:
    """Write the events' times, as the sequences table stores them."""
    times = sample.timestamps.astype("<i8", copy=False)
    way = Way(
        "timestamps",
        "timestamps",
        "int64 microseconds",
        times.nbytes,
        len(times),
        lambda rows: {"timestamps": times[rows, None]},
    )
    return _write(folder, way, _events(sample, sampled))


def write_item_arms(items: Items, folder: Path, *, sampled: float) -> Comparison:
    """Write one file for each way to store the items; ours first.

    `sampled` is the share of all items that these are, in (0, 1].
    """
    units = _items(len(items.ids), sampled)
    arms = tuple(_write(folder, way, units) for way in ways_of_items(items))
    return Comparison("item", len(items.ids), arms)


def _items(n_items: int, sampled: float) -> _Units:
    places = np.arange(n_items)
    n_groups = min(_N_GROUPS, n_items)
    without = [_Rows(places[places % n_groups != group]) for group in range(n_groups)]
    halves = [_Rows(places[places % 2 == half]) for half in range(2)]
    return _Units("items", _Rows(places), without, halves, sampled)


def _events(sample: EventSample, sampled: float) -> _Units:
    parts = sample.parts(_N_GROUPS)
    without = [_join(parts[:group] + parts[group + 1 :]) for group in range(len(parts))]
    middle = len(parts) // 2
    halves = [_join(parts[:middle]), _join(parts[middle:])]
    return _Units("events", _join(parts), without, halves, sampled)


def _join(parts: list[Int64Array]) -> _Rows:
    """Put rows given by their bounds one after another."""
    places = [np.arange(part[0], part[-1]) for part in parts]
    lengths = [np.diff(part) for part in parts]
    nothing = [np.zeros(0, np.int64)]
    offsets = np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64)
    return _Rows(np.concatenate(places or nothing), offsets)


def _tables(way: Way, rows: _Rows) -> Tables:
    """Give a table for each row group: a row for each user, or for each item."""
    most = max(1, int(_GROUP_BYTES // way.bytes_per_unit))
    offsets = np.arange(len(rows.places) + 1) if rows.offsets is None else rows.offsets
    for group in groups_of(offsets, most):
        columns = way.columns(rows.places[group[0] : group[-1]])
        bounds = group - group[0]
        is_flat = rows.offsets is None
        yield pa.table(
            {
                name: pa.array(values)
                if is_flat and is_scalar(values)
                else _cells(values, bounds, way)
                for name, values in columns.items()
            }
        )


def _cells(values: Values, offsets: Int64Array, way: Way) -> pa.Array:
    """Pack the units between offsets into one cell each: a list, or a blob of rows of values."""
    if is_scalar(values):
        return _lists(values, offsets)
    if way.is_list:
        return _lists(np.ascontiguousarray(values).ravel(), offsets * values.shape[1])
    row_bytes = values.dtype.itemsize * values.shape[1]
    ends = pa.py_buffer((offsets * row_bytes).astype(np.int32))
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.BinaryArray.from_buffers(pa.binary(), len(offsets) - 1, [None, ends, data])


def _lists(values: Values, offsets: Int64Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def _write(folder: Path, way: Way, units: _Units) -> Arm:
    """Write the whole to its file and, where it is a sample, less of it to memory."""
    file = f"{FOLDER}/{units.name}_{way.name}.parquet"
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    has_dictionary = _write_smaller(way, units.whole, path)
    half_width: float | None = 0.0
    of_half = None
    if units.sampled < 1:
        sizes = [
            _bytes_per_unit(way, rows, has_dictionary) for rows in units.without if len(rows.places)
        ]
        half_width = jackknife_half_width(sizes, sampled=units.sampled)
        if half_width is not None:
            of_half = sum(_bytes_per_unit(way, rows, has_dictionary) for rows in units.halves) / 2
    return Arm(
        name=way.name,
        title=way.title,
        detail=way.detail,
        file=file,
        size_bytes=path.stat().st_size,
        raw_bytes=way.raw_bytes,
        half_width=half_width,
        of_half=of_half,
        lost=way.lost,
    )


def _write_smaller(way: Way, rows: _Rows, path: Path) -> bool:
    """Write with dictionaries and without, keep the smaller file, and say whether it has them."""
    without = path.with_suffix(".plain")
    _write_parquet(_tables(way, rows), path, has_dictionary=True)
    _write_parquet(_tables(way, rows), without, has_dictionary=False)
    if without.stat().st_size >= path.stat().st_size:
        without.unlink()
        return True
    without.replace(path)
    return False


def _bytes_per_unit(way: Way, rows: _Rows, has_dictionary: bool) -> float:
    sink = pa.BufferOutputStream()
    _write_parquet(_tables(way, rows), sink, has_dictionary=has_dictionary)
    return float(sink.getvalue().size) / len(rows.places)


def _write_parquet(tables: Tables, sink: Path | pa.NativeFile, *, has_dictionary: bool) -> None:
    first = next(tables)
    options = {"compression": "zstd", "compression_level": 3, "write_statistics": False}
    with pq.ParquetWriter(
        sink, first.schema, store_schema=False, use_dictionary=has_dictionary, **options
    ) as writer:
        for table in (first, *tables):
            writer.write_table(table, row_group_size=max(1, len(table)))

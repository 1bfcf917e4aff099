"""The alternatives, really written: Parquet files of the same events and of their items."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from semantic_ids.codebook import bytes_to_sids, ratio_half_width
from semantic_ids.report import Arm, Comparison
from semantic_ids.spark.footprint_sample import (
    ByteArray,
    EventSample,
    Int64Array,
    Items,
    groups_of,
)
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
    "distribution",
    "write_event_arms",
    "write_item_arms",
    "write_timestamps",
]

SETTINGS = (
    "Parquet, zstd level 3, dictionary encoding where it pays, no statistics, row groups of "
    "at most 128 MiB of raw values"
)
FOLDER = "comparison"
ARM_FILES = (
    *(f"{FOLDER}/{unit}_{name}.parquet" for unit in ("events", "items") for name in WAYS),
    f"{FOLDER}/events_timestamps.parquet",
)
"""Every file that some run writes."""

_GROUP_BYTES = 128 * 2**20
_N_PARTS = 20

Tables: TypeAlias = Iterator[pa.Table]


def distribution(symbols: ByteArray) -> tuple[int, float]:
    """Count the distinct SIDs of events, and give the entropy of their distribution.

    Parameters
    ----------
    symbols : ndarray of shape (n, width), uint8

    Returns
    -------
    int
    float
        In bytes per event.
    """
    _, counts = np.unique(bytes_to_sids(symbols, symbols.shape[1]), return_counts=True)
    shares = counts / counts.sum()
    return len(counts), float(abs(shares @ np.log2(shares))) / 8


@dataclass(frozen=True)
class _Units:
    """The events or items to write.

    Parameters
    ----------
    name : str
        events or items, as in the names of files.
    whole : ndarray of int64
        What `tables` takes: bounds of rows of events, or items by place.
    parts : list of ndarray of int64
        The same cut into random parts.
    counts : list of int
        The units in each.
    sampled : float
        The share of all events or items that the whole is, in (0, 1].
    tables : callable
        Gives the Parquet rows of some of it, a table for each row group.
    """

    name: str
    whole: Int64Array
    parts: list[Int64Array]
    counts: list[int]
    sampled: float
    tables: Callable[[Way, Int64Array], Tables]


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
    n_items = len(items.ids)
    parts = [np.arange(k, n_items, _N_PARTS) for k in range(min(_N_PARTS, n_items))]
    units = _Units(
        "items", np.arange(n_items), parts, [len(part) for part in parts], sampled, _item_tables
    )
    arms = tuple(_write(folder, way, units) for way in ways_of_items(items))
    return Comparison("item", n_items, arms)


def _events(sample: EventSample, sampled: float) -> _Units:
    parts = sample.parts(_N_PARTS)
    counts = [int(part[-1] - part[0]) for part in parts]
    return _Units("events", sample.bounds, parts, counts, sampled, _event_tables)


def _event_tables(way: Way, bounds: Int64Array) -> Tables:
    """Give a row for each user, a table for each row group."""
    for group in groups_of(bounds, max(1, int(_GROUP_BYTES // way.bytes_per_unit))):
        columns = way.columns(slice(int(group[0]), int(group[-1])))
        offsets = group - group[0]
        yield pa.table({name: _cells(values, offsets, way) for name, values in columns.items()})


def _item_tables(way: Way, items: Int64Array) -> Tables:
    step = max(1, int(_GROUP_BYTES // way.bytes_per_unit))
    for start in range(0, len(items), step):
        chosen = items[start : start + step]
        offsets = np.arange(len(chosen) + 1)
        columns = way.columns(chosen)
        yield pa.table(
            {
                name: pa.array(values) if is_scalar(values) else _cells(values, offsets, way)
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
    """Write the whole to its file and, where it is a sample, its parts to memory."""
    file = f"{FOLDER}/{units.name}_{way.name}.parquet"
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    _write_parquet(units.tables(way, units.whole), path)
    half_width: float | None = 0.0
    if units.sampled < 1:
        sizes = [_size_of(units.tables(way, part)) for part in units.parts]
        half_width = ratio_half_width(sizes, units.counts, sampled=units.sampled)
    size_bytes = path.stat().st_size
    return Arm(
        way.name, way.title, way.detail, file, size_bytes, way.raw_bytes, half_width, way.lost
    )


def _size_of(tables: Tables) -> int:
    sink = pa.BufferOutputStream()
    _write_parquet(tables, sink)
    return int(sink.getvalue().size)


def _write_parquet(tables: Tables, sink: Path | pa.NativeFile) -> None:
    first = next(tables)
    options = {"compression": "zstd", "compression_level": 3, "write_statistics": False}
    with pq.ParquetWriter(sink, first.schema, store_schema=False, **options) as writer:
        for table in (first, *tables):
            writer.write_table(table, row_group_size=max(1, len(table)))

"""The alternatives, really written: Parquet files of the same events and of their items."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from semantic_ids.codebook import bytes_to_sids
from semantic_ids.report import Arm, Comparison
from semantic_ids.spark.footprint_sample import ByteArray, EventSample, Int64Array, Items

__all__ = [
    "ARM_FILES",
    "SETTINGS",
    "distribution",
    "fits_float16",
    "prefix_ids",
    "write_event_arms",
    "write_item_arms",
    "write_timestamps",
]

SETTINGS = (
    "Parquet, zstd level 3, dictionary encoding where it pays, no statistics, row groups of "
    "at most 128 MiB of raw values"
)
FOLDER = "comparison"
ARM_FILES = tuple(
    f"{FOLDER}/{unit}_{name}.parquet"
    for unit in ("events", "items")
    for name in ("sids", "ngrams", "item_ids", "float16", "float32", "timestamps")
)
"""Every file that some run writes."""

_GROUP_BYTES = 128 * 2**20
_N_PREFIXES = 3

Values: TypeAlias = npt.NDArray[Any] | pa.Array
"""Shape (n, k): packed into binaries, k values each. Otherwise n scalars."""


@dataclass(frozen=True)
class _Way:
    """One way to store units: what it is called, and its columns for a slice of the units."""

    name: str
    title: str
    detail: str
    raw_bytes: int
    columns: Callable[[slice], dict[str, Values]]


def prefix_ids(symbols: ByteArray) -> list[Int64Array]:
    """Give the ids of the prefixes of 1, 2 and 3 bytes, or of all bytes where there are fewer.

    Parameters
    ----------
    symbols : ndarray of shape (n, width), uint8

    Returns
    -------
    list of 3 ndarrays of shape (n,), int64
    """
    lengths = [min(n, symbols.shape[1]) for n in range(1, _N_PREFIXES + 1)]
    return [bytes_to_sids(np.ascontiguousarray(symbols[:, :n]), n) for n in lengths]


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


def fits_float16(vectors: npt.NDArray[np.float32]) -> bool:
    """Say whether float16 holds all values without loss."""
    with np.errstate(over="ignore"):
        return bool((vectors.astype(np.float16) == vectors).all())


def write_event_arms(sample: EventSample, folder: Path) -> Comparison:
    """Write one file for each way to store the events; ours first."""
    ways = _ways(sample.symbols, sample.symbols, sample.items, sample.places)
    n_events = len(sample.symbols)
    arms = [_write(folder, "events", way, _event_tables(sample, way)) for way in ways]
    return Comparison("event", n_events, tuple(arms))


def write_item_arms(items: Items, folder: Path) -> Comparison:
    """Write one file for each way to store the items; ours first."""
    sids = bytes_to_sids(items.symbols, items.symbols.shape[1])
    n_items = len(sids)
    ways = _ways(items.symbols, sids, items, np.arange(n_items))
    arms = [_write(folder, "items", way, _item_tables(n_items, way)) for way in ways]
    return Comparison("item", n_items, tuple(arms))


def write_timestamps(sample: EventSample, folder: Path) -> Arm:
    """Write the events' times, as the sequences table stores them."""
    times = sample.timestamps.astype("<i8", copy=False)
    way = _Way(
        "timestamps",
        "timestamps",
        "int64 microseconds",
        times.nbytes,
        lambda s: {"timestamps": times[s, None]},
    )
    return _write(folder, "events", way, _event_tables(sample, way))


def _ways(
    symbols: ByteArray, sids: Values, items: Items | None, places: Int64Array | None
) -> list[_Way]:
    n, width = symbols.shape
    prefixes = prefix_ids(symbols)
    ways = [
        _Way("sids", "SIDs", f"{width} bytes", n * width, lambda s: {"sids": sids[s]}),
        _Way(
            "ngrams",
            "three int64 n-gram ids",
            "SID prefixes of 1, 2 and 3 bytes",
            n * 8 * _N_PREFIXES,
            lambda s: {f"prefix_{k}": ids[s] for k, ids in enumerate(prefixes, start=1)},
        ),
    ]
    if items is not None and places is not None:
        ways.append(_item_id_way(items.ids, places))
        if items.vectors is not None:
            ways += [_vector_way(items.vectors, places, kind) for kind in ("float16", "float32")]
    return ways


def _item_id_way(ids: pa.Array, places: Int64Array) -> _Way:
    is_text = pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)
    lengths = pc.binary_length(ids).to_numpy() if is_text else np.full(len(ids), 8)
    return _Way(
        "item_ids",
        "item ids",
        "string" if is_text else "bigint",
        int(lengths[places].sum()),
        lambda s: {"item_id": ids.take(pa.array(places[s]))},
    )


def _vector_way(vectors: npt.NDArray[np.float32], places: Int64Array, kind: str) -> _Way:
    dtype = np.dtype(kind).newbyteorder("<")
    with np.errstate(over="ignore"):
        rows = vectors.astype(dtype, copy=False)
    return _Way(
        kind,
        f"{kind} embeddings",
        f"{rows.shape[1]} values",
        len(places) * rows.shape[1] * dtype.itemsize,
        lambda s: {"embedding": rows[places[s]]},
    )


def _event_tables(sample: EventSample, way: _Way) -> Iterator[pa.Table]:
    """Give a row for each user, a table for each row group."""
    per_event = way.raw_bytes / len(sample.symbols)
    for bounds in sample.groups(int(_GROUP_BYTES // per_event)):
        columns = way.columns(slice(int(bounds[0]), int(bounds[-1])))
        offsets = bounds - bounds[0]
        yield pa.table({name: _rows(values, offsets) for name, values in columns.items()})


def _item_tables(n_items: int, way: _Way) -> Iterator[pa.Table]:
    step = max(1, int(_GROUP_BYTES // (way.raw_bytes / n_items)))
    for start in range(0, n_items, step):
        columns = way.columns(slice(start, min(start + step, n_items)))
        yield pa.table({name: _cells(values) for name, values in columns.items()})


def _rows(values: Values, offsets: Int64Array) -> pa.Array:
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return _blobs(values, offsets)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def _cells(values: Values) -> pa.Array:
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return _blobs(values, np.arange(len(values) + 1))
    return pa.array(values)


def _blobs(values: npt.NDArray[Any], offsets: Int64Array) -> pa.Array:
    row_bytes = values.dtype.itemsize * values.shape[1]
    ends = pa.py_buffer((offsets * row_bytes).astype(np.int32))
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.BinaryArray.from_buffers(pa.binary(), len(offsets) - 1, [None, ends, data])


def _write(folder: Path, prefix: str, way: _Way, tables: Iterator[pa.Table]) -> Arm:
    file = f"{FOLDER}/{prefix}_{way.name}.parquet"
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    first = next(tables)
    options = {"compression": "zstd", "compression_level": 3, "write_statistics": False}
    with pq.ParquetWriter(path, first.schema, store_schema=False, **options) as writer:
        for table in (first, *tables):
            writer.write_table(table, row_group_size=max(1, len(table)))
    return Arm(way.name, way.title, way.detail, file, path.stat().st_size, way.raw_bytes)

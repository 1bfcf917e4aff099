"""What a history weighs: each way of storing events written as the sequences table stores SIDs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from semantic_ids.codebook import prefix_ids, sids_to_bytes
from semantic_ids.experiment.arms import Arm
from semantic_ids.experiment.bench import Bench
from semantic_ids.experiment.stream import Int64Array

SAMPLE_EVENTS = 50_000


@dataclass(frozen=True)
class Weight:
    """Bytes of an event: before compression, and in a Parquet file."""

    raw: float
    stored: float


def weigh(bench: Bench, arms: list[Arm]) -> dict[str, Weight]:
    """Write the events of whole users, a row for each, once for each way of storing them.

    Returns
    -------
    dict of arm key to Weight
        Zstandard at level 3, as the sequences table is written; 0 where nothing is stored.
    """
    items, offsets = _sample(bench)
    known: dict[tuple[str, str | None], Weight] = {}
    for arm in arms:
        key = arm.stored, arm.book
        if key not in known:
            known[key] = _weigh(_columns(bench, arm, items), offsets)
    return {arm.key: known[arm.stored, arm.book] for arm in arms}


def _sample(bench: Bench) -> tuple[Int64Array, Int64Array]:
    """Give the items of whole users' events, and where each user begins, up to 50,000 events."""
    stream = bench.world.stream
    sizes = np.bincount(stream.users)
    order = np.random.default_rng([bench.settings.seed, 7]).permutation(len(sizes))
    n_users = int(np.searchsorted(np.cumsum(sizes[order]), SAMPLE_EVENTS)) + 1
    chosen = np.isin(stream.users, order[:n_users])
    users = stream.users[chosen]
    by_user = np.argsort(users, kind="stable")
    lengths = np.bincount(users)
    return stream.items[chosen][by_user], np.concatenate([[0], np.cumsum(lengths[lengths > 0])])


def _columns(bench: Bench, arm: Arm, items: Int64Array) -> Mapping[str, npt.NDArray[Any]]:
    """Give what is stored of each event: columns of shape (n, k), packed by user."""
    if arm.stored == "nothing":
        return {}
    if arm.stored == "item_ids":
        return {"item_ids": items[:, None].astype("<i8")}
    if arm.stored == "vectors":
        return {"vectors": bench.world.vectors[items].astype("<f4")}
    book = bench.books[arm.book or ""]
    sids, width = book.sids[items], book.codebook.width
    if arm.stored == "prefixes":
        ids = prefix_ids(sids, width).astype("<i8")
        return {f"prefix_{length}": ids[:, length - 1 : length] for length in range(1, width + 1)}
    return {"sids": sids_to_bytes(sids, width)}


def _weigh(columns: Mapping[str, npt.NDArray[Any]], offsets: Int64Array) -> Weight:
    if not columns:
        return Weight(0.0, 0.0)
    blobs = {name: _blobs(values, offsets) for name, values in columns.items()}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(blobs), sink, compression="zstd", compression_level=3)
    footer = pq.read_metadata(pa.BufferReader(sink.getvalue()))
    stored = sum(
        footer.row_group(group).column(column).total_compressed_size
        for group in range(footer.num_row_groups)
        for column in range(footer.num_columns)
    )
    n_events = int(offsets[-1])
    raw = sum(values.dtype.itemsize * values.shape[1] for values in columns.values())
    return Weight(float(raw), stored / n_events)


def _blobs(values: npt.NDArray[Any], offsets: Int64Array) -> pa.Array:
    row_bytes = values.dtype.itemsize * values.shape[1]
    ends = pa.py_buffer(offsets * row_bytes)
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, [None, ends, data])

"""A ``sequences`` table for benchmarks of readers: real Delta without a JVM."""

import argparse
import datetime
import json
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa

from semantic_ids.trainers.lookup import buckets_of

N_ITEMS = 50_000
START = 1_700_000_000_000_000


def write_table(path: Path, options: argparse.Namespace) -> None:
    """Write users with one segment each; items are drawn by a power law, as in a shop."""
    rng = np.random.default_rng(0)
    users = np.arange(options.users)
    buckets = buckets_of(pa.array(users), options.buckets)
    order = np.lexsort((users, buckets))
    codes = rng.integers(0, 243, (N_ITEMS, options.width), np.uint8)
    n = options.users * options.events
    items = rng.zipf(1.2, n) % N_ITEMS
    gaps = rng.exponential(3.6e9, (options.users, options.events)).astype(np.int64)
    times = START + gaps.cumsum(axis=1)
    quantities = rng.integers(1, 10, n).astype("<i4")

    def blobs(array: np.ndarray) -> pa.Array:
        bounds = np.linspace(0, array.nbytes, options.users + 1).astype(np.int64)
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(array.tobytes())]
        return pa.Array.from_buffers(pa.large_binary(), options.users, buffers).cast(pa.binary())

    table = pa.table(
        {
            "user_id": users[order],
            "bucket": pa.array(buckets[order], pa.int32()),
            "ds": pa.array([datetime.date(2024, 1, 1)] * options.users),
            "n_events": pa.array(np.full(options.users, options.events), pa.int32()),
            "first_ts": pa.array(times[:, 0], pa.timestamp("us", tz="UTC")),
            "last_ts": pa.array(times[:, -1], pa.timestamp("us", tz="UTC")),
            "sids": blobs(codes[items]),
            "timestamps": blobs(times),
            "quantity": blobs(quantities),
            "codebook_id": ["0" * 32] * options.users,
        }
    )
    row_bytes = options.width + times.itemsize + quantities.itemsize
    codec = {"zstd": "ZSTD", "snappy": "SNAPPY", "none": "UNCOMPRESSED"}[options.compression]
    plain = deltalake.ColumnProperties(dictionary_enabled=False)
    writing = deltalake.WriterProperties(
        compression=codec,
        max_row_group_size=max(1, (options.row_group_mib << 20) // (options.events * row_bytes)),
        column_properties=dict.fromkeys(["sids", "timestamps", "quantity"], plain),
    )
    deltalake.write_deltalake(path, table, partition_by=["ds", "bucket"], writer_properties=writing)
    properties = {
        "semantic_ids.format": "1",
        "semantic_ids.event_columns": json.dumps({"quantity": "<i4"}),
        "semantic_ids.buckets": str(options.buckets),
    }
    deltalake.DeltaTable(path).alter.set_table_properties(properties, raise_if_not_exists=False)

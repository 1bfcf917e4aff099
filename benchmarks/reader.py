"""Events per second of SequenceDataset against a bare pyarrow read of the same files.

    .venv/bin/python benchmarks/reader.py [--compression none] [--events 10000] [--output FILE]

Both sides read the same columns of the same warm files with one thread and take turns; the best of
the rounds counts. The bare read stops at Arrow's record batches, the dataset goes on to tensors.
``of_bare`` compares CPU seconds, which say the same on a busy machine.
"""

import argparse
import datetime
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from _record import record
from torch.utils.data import DataLoader

from semantic_ids.trainers import SequenceDataset

N_ITEMS = 50_000
COLUMN_SETS = {"sids": [], "sids, timestamps": ["timestamps"], "all": ["timestamps", "quantity"]}


def write_table(path: Path, options: argparse.Namespace) -> None:
    """Write users with one segment each; items are drawn by a power law, as in a shop."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 243, (N_ITEMS, options.width), np.uint8)
    n = options.users * options.events
    items = rng.zipf(1.2, n) % N_ITEMS
    gaps = rng.exponential(3.6e9, (options.users, options.events)).astype(np.int64)
    times = 1_700_000_000_000_000 + gaps.cumsum(axis=1)
    quantities = rng.integers(1, 10, n).astype("<i4")

    def blobs(array: np.ndarray) -> pa.Array:
        bounds = np.linspace(0, array.nbytes, options.users + 1).astype(np.int64)
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(array.tobytes())]
        return pa.Array.from_buffers(pa.large_binary(), options.users, buffers).cast(pa.binary())

    table = pa.table(
        {
            "user_id": np.arange(options.users),
            "bucket": pa.array(np.arange(options.users) * 4 // options.users, pa.int32()),
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
    codec = {"zstd": "ZSTD", "snappy": "SNAPPY", "none": "UNCOMPRESSED"}[options.compression]
    plain = deltalake.ColumnProperties(dictionary_enabled=False)
    writing = deltalake.WriterProperties(
        compression=codec,
        max_row_group_size=max(1, options.users // 8),
        column_properties=dict.fromkeys(["sids", "timestamps", "quantity"], plain),
    )
    deltalake.write_deltalake(path, table, partition_by=["ds", "bucket"], writer_properties=writing)
    properties = {
        "semantic_ids.format": "1",
        "semantic_ids.event_columns": json.dumps({"quantity": "<i4"}),
    }
    deltalake.DeltaTable(path).alter.set_table_properties(properties, raise_if_not_exists=False)


def bare_read(path: Path, columns: list[str], batch_size: int) -> None:
    """Read as the dataset does, without making tensors."""
    wanted = ["user_id", "n_events", "sids", *columns]
    for file in deltalake.DeltaTable(path).file_uris():
        opened = pq.ParquetFile(file, memory_map=True, pre_buffer=False)
        for _ in opened.iter_batches(batch_size, columns=wanted, use_threads=False):
            pass


def drain(batches: Iterable[Any]) -> None:
    for _ in batches:
        pass


def best_seconds(arms: dict[str, Callable[[], None]], rounds: int) -> dict[str, np.ndarray]:
    """Run all arms in turn after a warm-up; return the best wall and CPU seconds of each."""
    best = {name: np.full(2, np.inf) for name in arms}
    for i in range(rounds + 1):
        for name, run in arms.items():
            start = np.array([time.perf_counter(), time.process_time()])
            run()
            elapsed_s = np.array([time.perf_counter(), time.process_time()]) - start
            best[name] = np.minimum(best[name], elapsed_s) if i else best[name]
    return best


def measure(path: Path, columns: list[str], options: argparse.Namespace) -> dict[str, Any]:
    def dataset(values: str) -> SequenceDataset:
        return SequenceDataset(str(path), options.batch_size, columns=columns, values=values)

    sids, symbols = dataset("sids"), dataset("bytes")
    loader = DataLoader(sids, batch_size=None, num_workers=2, persistent_workers=True)
    arms = {
        "bare pyarrow": lambda: bare_read(path, columns, options.batch_size),
        "dataset, int64 SIDs": lambda: drain(sids),
        "dataset, uint8 bytes": lambda: drain(symbols),
        "DataLoader, 2 workers, int64 SIDs": lambda: drain(loader),
    }
    seconds = best_seconds(arms, options.rounds)
    millions = options.users * options.events / 1e6
    results = {}
    for name, (wall_s, cpu_s) in seconds.items():
        results[name] = {"million_events_per_s": round(millions / wall_s, 1)}
        if "workers" not in name:
            results[name]["million_events_per_cpu_s"] = round(millions / cpu_s, 1)
            results[name]["of_bare"] = round(seconds["bare pyarrow"][1] / cpu_s, 2)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=8000)
    parser.add_argument("--events", type=int, default=1000, help="per user")
    parser.add_argument("--width", type=int, default=5, help="bytes of a SID")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--compression", choices=["zstd", "snappy", "none"], default="zstd")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sequences"
        write_table(path, options)
        results = {name: measure(path, cols, options) for name, cols in COLUMN_SETS.items()}
    setting = {k: v for k, v in vars(options).items() if k != "output"}
    text = json.dumps(record("reader", {"setting": setting, "read": results}), indent=2)
    if options.output:
        options.output.write_text(text + "\n")
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()

"""Speed of the trainers' readers against bare pyarrow on the same warm files, one thread.

    .venv/bin/python benchmarks/reader.py read [--compression none] [--events 10000]
    .venv/bin/python benchmarks/reader.py look-up [--row-group-mib 1]
    .venv/bin/python benchmarks/reader.py examples [--newest 200]

read      events per second of SequenceDataset; the bare read stops at Arrow's record batches, the
          dataset goes on to tensors
look-up   milliseconds for the history of one user; the bare read is told the file
examples  examples per second of ExampleDataset, each with its history before its time, where
          examples stand by user and where they stand by time; the bare read reads the table once

Arms take turns; the best of the rounds counts. ``of_bare`` compares CPU seconds, which say the same
on a busy machine.
"""

import argparse
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
from _record import write_record
from _sequences_table import START, write_table
from torch.utils.data import DataLoader

from semantic_ids.trainers import ExampleDataset, SequenceDataset, SequenceHistories
from semantic_ids.trainers.lookup import buckets_of

COLUMN_SETS = {"sids": [], "sids, timestamps": ["timestamps"], "all": ["timestamps", "quantity"]}


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


def measure_read(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    millions = options.users * options.events / 1e6
    for name, columns in COLUMN_SETS.items():
        seconds = best_seconds(arms_of_read(path, columns, options), options.rounds)
        for arm, (wall_s, cpu_s) in seconds.items():
            row = {"columns": name, "arm": arm, "million_events_per_s": millions / wall_s}
            if "workers" not in arm:
                row["million_events_per_cpu_s"] = millions / cpu_s
                row["of_bare"] = seconds["bare pyarrow"][1] / cpu_s
            rows.append(row)
    return rows


def arms_of_read(
    path: Path, columns: list[str], options: argparse.Namespace
) -> dict[str, Callable[[], None]]:
    def dataset(values: str) -> SequenceDataset:
        return SequenceDataset(path, options.batch_size, columns=columns, values=values)

    sids, symbols = dataset("sids"), dataset("bytes")
    loader = DataLoader(sids, batch_size=None, num_workers=2, persistent_workers=True)
    return {
        "bare pyarrow": lambda: bare_read(path, columns, options.batch_size),
        "dataset, int64 SIDs": lambda: drain(sids),
        "dataset, uint8 bytes": lambda: drain(symbols),
        "DataLoader, 2 workers, int64 SIDs": lambda: drain(loader),
    }


def measure_look_up(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    users = np.random.default_rng(1).integers(0, options.users, options.look_ups).tolist()
    buckets = buckets_of(pa.array(users), options.buckets).tolist()
    bucket_of = dict(zip(users, buckets, strict=True))
    histories = SequenceHistories(path)
    table = deltalake.DeltaTable(path)
    files = {b: table.file_uris(file_pruning_predicate=[("bucket", "=", b)]) for b in set(buckets)}
    columns = ["user_id", "sids", "timestamps", "quantity"]

    def read_files(user: int) -> None:
        for file in files[bucket_of[user]]:
            found = pq.read_table(
                file, columns=columns, filters=[("user_id", "=", user)], use_threads=False
            )
            assert len(found) == 1

    arms = {
        "pyarrow, filter on the bucket's files": read_files,
        "SequenceHistories, one user": lambda user: histories.of([user]),
        "SequenceHistories, 64 users": lambda user: histories.of(range(user, user + 64)),
    }
    rows = []
    for arm, look_up in arms.items():
        drain(map(look_up, users))
        seconds = np.array([seconds_of(look_up, user) for user in users])
        rows.append(
            {
                "arm": arm,
                "median_ms": np.median(seconds[:, 0]) * 1e3,
                "p99_ms": np.percentile(seconds[:, 0], 99) * 1e3,
                "median_cpu_ms": np.median(seconds[:, 1]) * 1e3,
            }
        )
    return rows


def seconds_of(look_up: Callable[[int], Any], user: int) -> list[float]:
    start, cpu_start = time.perf_counter(), time.process_time()
    look_up(user)
    return [time.perf_counter() - start, time.process_time() - cpu_start]


def measure_examples(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    users = rng.integers(0, options.users, options.examples)
    times = START + rng.integers(0, int(3.6e9 * options.events), options.examples)
    buckets = buckets_of(pa.array(users), options.buckets)
    table = pa.table({"user_id": users, "timestamp": times, "label": users % 2})
    datasets = {}
    for name, order in {
        "by user": np.lexsort((users, buckets)),
        "by time": times.argsort(),
    }.items():
        examples = path.parent / name
        deltalake.write_deltalake(examples, table.take(order))
        histories = SequenceHistories(path, columns=["timestamps"])
        datasets[f"ExampleDataset, {name}"] = ExampleDataset(
            examples,
            histories,
            options.batch_size,
            newest=options.newest,
            features=["label"],
            window=options.window,
        )
    n_events = sum(len(batch.histories.values) for batch in datasets["ExampleDataset, by user"])
    arms = {"bare pyarrow, the sequences once": lambda: bare_read(path, ["timestamps"], 256)}
    arms |= {name: (lambda dataset=dataset: drain(dataset)) for name, dataset in datasets.items()}
    seconds = best_seconds(arms, options.rounds)
    rows = []
    for arm, (_, cpu_s) in seconds.items():
        row = {"arm": arm, "cpu_s": cpu_s, "of_bare": seconds[next(iter(arms))][1] / cpu_s}
        if arm in datasets:
            row["thousand_examples_per_cpu_s"] = options.examples / cpu_s / 1e3
            row["million_history_events_per_cpu_s"] = n_events / cpu_s / 1e6
        rows.append(row)
    return rows


STUDIES: dict[str, tuple[Callable[..., list[dict[str, Any]]], dict[str, int]]] = {
    "read": (measure_read, {"users": 8000, "events": 1000, "buckets": 4}),
    "look-up": (measure_look_up, {"users": 100_000, "events": 100, "buckets": 16}),
    "examples": (measure_examples, {"users": 100_000, "events": 100, "buckets": 16}),
}


def to_markdown(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names)]
    for row in rows:
        cells = [row.get(name, "") for name in names]
        lines.append([f"{cell:.3g}" if isinstance(cell, float) else cell for cell in cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--users", type=int)
    parser.add_argument("--events", type=int, help="per user")
    parser.add_argument("--buckets", type=int)
    parser.add_argument("--width", type=int, default=5, help="bytes of a SID")
    parser.add_argument("--row-group-mib", type=int, default=4, help="before compression")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--compression", choices=["zstd", "snappy", "none"], default="zstd")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--look-ups", type=int, default=300)
    parser.add_argument("--examples", type=int, default=200_000)
    parser.add_argument("--newest", type=int, default=50)
    parser.add_argument("--window", type=int, default=65_536)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    measure, defaults = STUDIES[options.study]
    for name, default in defaults.items():
        setattr(options, name, getattr(options, name) or default)
    output = options.output or Path(f"artifacts/reader_{options.study}.json")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sequences"
        write_table(path, options)
        rows = measure(path, options)
    setting = {k: v for k, v in vars(options).items() if k != "output"}
    write_record(output, "reader", {"setting": setting, "rows": rows})
    sys.stdout.write(to_markdown(rows))


if __name__ == "__main__":
    main()

"""Bytes per event and speed of reading: SIDs and timestamps as we store them, and other ways.

    .venv/bin/python benchmarks/sequence_bytes.py [--data ../shared/data] [--output FILE]

Each way stands in its own Parquet file, written by pyarrow with the same settings (zstd, level 3,
row groups of 4 MiB as the jobs write them), user after user in the order of time. The traditional
way keeps three int64 n-gram ids per event (the prefixes of 1, 2 and 3 bytes, each into a table of
its own), and the time as int64, as arrays. Entropy: of the SIDs as drawn independently, and given
the user's previous one, which is what any code of the stream can at best reach on average.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from _record import write_record

from semantic_ids.codebook import CodebookSpec, encode, fit, sids_to_bytes
from semantic_ids.spark.footprint_ways import prefix_ids

WIDTH = 5
SETS = {
    "online_retail": ("text_embedding", "the shop's events, bursts with one time"),
    "x_wines": ("label_embedding", "ratings, seconds"),
}


def real_events(data: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give SIDs, timestamps and the row where each user begins."""
    items = pq.read_table(data / name / "items.parquet", columns=["item_id", SETS[name][0]])
    vectors = items[SETS[name][0]].combine_chunks()
    if pa.types.is_binary(vectors.type):
        rows = np.frombuffer(b"".join(vectors.to_pylist()), "<f2").reshape(len(items), -1)
    else:
        rows = np.asarray(vectors.flatten()).reshape(len(items), -1)
    rows = rows.astype(np.float32)
    codebook = fit(rows[:8_000], CodebookSpec([{"ternary": 5 * WIDTH}], rounds=0))
    sids = dict(zip(items["item_id"].to_pylist(), encode(rows, codebook).tolist(), strict=True))
    events = pq.read_table(
        data / name / "events.parquet", columns=["user_id", "item_id", "timestamp"]
    )
    events = events.filter(pc.is_in(events["item_id"], items["item_id"].combine_chunks()))
    events = events.filter(pc.is_valid(events["user_id"]))
    order = [("user_id", "ascending"), ("timestamp", "ascending"), ("item_id", "ascending")]
    events = events.sort_by(order)
    users = events["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    times = events["timestamp"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    codes = np.array([sids[item] for item in events["item_id"].to_pylist()])
    return codes, times, np.flatnonzero(np.diff(users, prepend=-1))


def generated_events(users: int, events: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw users' events: items by a power law, exponential gaps of an hour."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 243, (50_000, WIDTH)) @ 256 ** np.arange(WIDTH)[::-1]
    gaps = rng.exponential(3.6e9, (users, events)).astype(np.int64)
    times = 1_700_000_000_000_000 + gaps.cumsum(axis=1)
    return codes[rng.zipf(1.2, users * events) % 50_000], times.ravel(), np.arange(users) * events


def entropy_bytes(values: np.ndarray) -> float:
    """Entropy of values in bytes, from their frequencies."""
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum() / 8)


def blobs(values: np.ndarray, bounds: np.ndarray) -> pa.Array:
    data, size = np.ascontiguousarray(values), values.nbytes // len(values)
    buffers = [None, pa.py_buffer(bounds * size), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(bounds) - 1, buffers)


def lists(values: np.ndarray, bounds: np.ndarray) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(bounds), pa.array(values))


def ways(codes: np.ndarray, times: np.ndarray, starts: np.ndarray) -> dict[str, pa.Array]:
    """Give the columns to compare, a user a row."""
    bounds = np.append(starts, len(codes)).astype(np.int64)
    symbols = sids_to_bytes(codes, WIDTH)
    differences = np.diff(times, prepend=0)
    differences[starts] = times[starts]
    found = {
        "SIDs, a blob": blobs(symbols, bounds),
        "SIDs, array<bigint>": lists(codes, bounds),
        "timestamps, a blob of int64": blobs(times, bounds),
        "timestamps, a blob of int64 differences": blobs(differences, bounds),
        "timestamps, array<bigint>": lists(times, bounds),
    }
    for place, ids in enumerate(prefix_ids(symbols)):
        found[f"n-gram ids {place + 1}, array<bigint>"] = lists(np.asarray(ids), bounds)
    return found


def write(column: pa.Array, path: Path) -> int:
    table = pa.table({"x": column})
    rows = max(1, len(table) * (4 << 20) // table.nbytes)
    is_blob = pa.types.is_large_binary(column.type)
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=3,
        row_group_size=rows,
        use_dictionary=not is_blob,
    )
    return path.stat().st_size


def best_cpu_s(work: Callable[[], object]) -> float:
    best = np.inf
    for _ in range(5):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def measure(events: tuple[np.ndarray, np.ndarray, np.ndarray], folder: Path) -> dict[str, object]:
    codes, times, starts = events
    n = len(codes)
    size, speed = {}, {}
    for name, column in ways(codes, times, starts).items():
        path = folder / "x.parquet"
        size[name] = write(column, path) / n

        def read(name: str = name, path: Path = path) -> None:
            values = pq.read_table(path, use_threads=False)["x"]
            if "differences" in name:
                data = np.frombuffer(values.chunk(0).buffers()[2], "<i8")[:n].cumsum()
                assert len(data)

        speed[name] = n / best_cpu_s(read) / 1e6
    ours = size["SIDs, a blob"] + size["timestamps, a blob of int64"]
    ngrams = [value for name, value in size.items() if name.startswith("n-gram")]
    theirs = sum(ngrams) + size["timestamps, array<bigint>"]
    firsts = np.zeros(n, bool)
    firsts[starts] = True
    follows = np.flatnonzero(~firsts)
    pairs = np.unique(np.stack([codes[follows - 1], codes[follows]]), axis=1, return_inverse=True)[
        1
    ]
    given = entropy_bytes(pairs.ravel()) - entropy_bytes(codes[follows - 1])
    return {
        "events": n,
        "users": len(starts),
        "bytes_per_event": size,
        "million_events_per_cpu_s": speed,
        "sids_over_ngrams": size["SIDs, a blob"] / sum(ngrams),
        "with_timestamps": ours / theirs,
        "ours": ours,
        "ngrams": theirs,
        "in_memory_with_timestamps": (WIDTH + 8) / (24 + 8),
        "entropy_bytes": entropy_bytes(codes),
        "entropy_bytes_given_previous": given,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).parent.parent
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data")
    parser.add_argument("--users", type=int, default=1000, help="of the generated events")
    parser.add_argument("--events", type=int, default=1000, help="of each generated user")
    parser.add_argument("--output", type=Path, default=root / "artifacts" / "sequence_bytes.json")
    options = parser.parse_args()
    sets = {name: real_events(options.data, name) for name in SETS}
    sets["generated"] = generated_events(options.users, options.events)
    with tempfile.TemporaryDirectory() as folder:
        results = {name: measure(events, Path(folder)) for name, events in sets.items()}
    names = list(results)
    sys.stdout.write(
        "bytes per event (million events/s of CPU)\n\n| | " + " | ".join(names) + " |\n"
    )
    sys.stdout.write("|---" * (len(names) + 1) + "|\n")
    for way in results["generated"]["bytes_per_event"]:
        cells = [
            f"{r['bytes_per_event'][way]:.2f} ({r['million_events_per_cpu_s'][way]:.0f})"
            for r in results.values()
        ]
        sys.stdout.write(f"| {way} | {' | '.join(cells)} |\n")
    for key in (
        "entropy_bytes",
        "entropy_bytes_given_previous",
        "ours",
        "ngrams",
        "with_timestamps",
        "sids_over_ngrams",
        "in_memory_with_timestamps",
    ):
        sys.stdout.write(f"| {key} | {' | '.join(f'{r[key]:.2f}' for r in results.values())} |\n")
    write_record(options.output, "sequence_bytes", results)


if __name__ == "__main__":
    main()

"""How many executors, hours and dollars a job takes: measured rates, stretched to large tables.

    .venv/bin/python benchmarks/sizing.py [--hours 1] [--core-hour-usd 0.05] [--dim 384]

Nothing is measured here: the rates stand in rates.json with the program that measured each, on
tables of at most 25 M rows. What a cluster adds stands in the assumptions, each an option.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RATES = {
    name: value
    for name, (value, _) in json.loads(Path(__file__).with_name("rates.json").read_text()).items()
}
ITEMS = (10**6, 10**8, 10**9, 10**10)
EVENTS = (10**9, 10**10, 10**11, 10**12)
ITEM_BYTES = 16  # a BIGINT item and its SID, as they cross a shuffle
EVENT_BYTES = 24  # a BIGINT user and item, and a timestamp


@dataclass(frozen=True)
class Cluster:
    """What is assumed of the machines.

    Parameters
    ----------
    cores : int
        Of an executor.
    heap_gib : float
        Of an executor's JVM.
    efficiency : float
        Share of the cores' time that does measured work: the rest is waiting, skew and retries.
    read_mb_s : float
        What a core reads from the object store.
    core_hour_usd : float
        The price of a core with its memory for an hour.
    hours : float
        How long a job may take.
    """

    cores: int
    heap_gib: float
    efficiency: float
    read_mb_s: float
    core_hour_usd: float
    hours: float


@dataclass(frozen=True)
class Size:
    """What one job takes."""

    job: str
    rows: int
    executors: int
    memory_gib: float
    minutes: float
    usd: float
    table_gb: float
    shuffle_gb: float


def size_of(
    job: str,
    rows: int,
    cluster: Cluster,
    *,
    row_us: float,
    row_bytes: float,
    worker_mib: float,
    table_bytes: float,
    shuffle_bytes: float,
) -> Size:
    """Give the executors that end a job within the hours, and what they cost.

    Parameters
    ----------
    row_us : float
        Core time of a row.
    row_bytes : float
        Read from the store for a row.
    worker_mib : float
        Of one Python worker; each core of an executor has one.
    table_bytes, shuffle_bytes : float
        Left in the table, and on executors' disks meanwhile, for a row.
    """
    core_s = rows * max(row_us / 1e6 / cluster.efficiency, row_bytes / (cluster.read_mb_s * 1e6))
    executors = max(1, math.ceil(core_s / (3600 * cluster.hours * cluster.cores)))
    seconds = (core_s + RATES["start_core_s"]) / (executors * cluster.cores)
    return Size(
        job,
        rows,
        executors,
        cluster.heap_gib + math.ceil(cluster.cores * worker_mib / 1024),
        seconds / 60,
        executors * cluster.cores * seconds / 3600 * cluster.core_hour_usd,
        rows * table_bytes / 1e9,
        rows * shuffle_bytes / 1e9 / executors,
    )


def sizes(cluster: Cluster, dim: int) -> Iterator[Size]:
    """Give the size of each job for each number of items and events."""
    worker_mib = RATES["worker_mib"]
    packing_mib = worker_mib + RATES["events_per_task"] * RATES["event_memory_bytes"] / 2**20
    jobs = (
        # job, rows, core time and bytes read a row, memory of a worker, share that is shuffled
        ("quantize_items, all", ITEMS, "quantize_row_us", 4 * dim, worker_mib, 1.0),
        (
            "quantize_items, 1 % changed",
            ITEMS,
            "quantize_changed_row_us",
            0.08 * dim,
            worker_mib,
            0.01,
        ),
        ("build_sequences, all", EVENTS, "build_event_us", EVENT_BYTES, packing_mib, 1.0),
        (
            "build_sequences, 1 % new",
            EVENTS,
            "append_event_us",
            0.01 * EVENT_BYTES,
            packing_mib,
            0.01,
        ),
    )
    for job, numbers, rate, row_bytes, mib, share in jobs:
        kept = RATES["sid_row_bytes" if numbers is ITEMS else "event_bytes"]
        moved = share * (ITEM_BYTES if numbers is ITEMS else EVENT_BYTES)
        stretch = dim / 384 if numbers is ITEMS else 1
        for n in numbers:
            yield size_of(
                job,
                n,
                cluster,
                row_us=RATES[rate] * stretch,
                row_bytes=row_bytes,
                worker_mib=mib,
                table_bytes=kept,
                shuffle_bytes=moved,
            )


def table(rows: Iterator[Size]) -> str:
    """Write sizes as Markdown."""
    lines = [
        "| job | rows | executors | GiB each | local disk each, GB | minutes | USD | table, GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size in rows:
        power = f"10^{round(math.log10(size.rows))}"
        numbers = (size.shuffle_gb, size.minutes, size.usd, size.table_gb)
        shown = " | ".join(map(_shown, numbers))
        lines.append(
            f"| {size.job} | {power} | {size.executors:,} | {size.memory_gib:.0f} | {shown} |"
        )
    return "\n".join(lines)


def _shown(number: float) -> str:
    if number < 0.01:
        return "< 0.01"
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def main(arguments: list[str] | None = None) -> str:
    """Read the assumptions and give the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=4, help="of an executor")
    parser.add_argument("--heap-gib", type=float, default=8, help="of an executor's JVM")
    parser.add_argument("--efficiency", type=float, default=0.7, help="share of useful core time")
    parser.add_argument("--read-mb-s", type=float, default=100, help="from the store, a core")
    parser.add_argument("--core-hour-usd", type=float, default=0.05)
    parser.add_argument("--hours", type=float, default=1, help="that a job may take")
    parser.add_argument("--dim", type=int, default=384, help="floats of an embedding")
    options = vars(parser.parse_args(arguments))
    dim = options.pop("dim")
    return table(sizes(Cluster(**options), dim))


if __name__ == "__main__":
    sys.stdout.write(main() + "\n")

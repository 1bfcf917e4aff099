"""Events per second and core of build_sequences against other ways, in one run.

    .venv/bin/python benchmarks/sequences.py [stage] [whole] [memory] [--events 2000000]

Generates events with Spark on one core: users by a power law (`--skew`, 0 for alike), items by
another, times over a year with ties. All arms read the same warm Parquet. What counts is events per
second of CPU time of all processes (driver, JVM, workers), which a busy machine changes little;
wall time stands beside it.

stage    events with SIDs to segments: ours, what it replaced (the JVM sorts, Arrow takes rows), and
         collect_list with sort_array in the JVM, which leaves arrays
whole    join, pack, check and commit, against a join, collect_list and a write to Parquet
memory   one user with all events, and as many users with one event each
"""

import argparse
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _record import write_record
from _spark import ROOT, Meter, local_session
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType

from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.builds import Build
from semantic_ids.spark.event_chunks import plan_tasks
from semantic_ids.spark.segments import SegmentLayout, pack_segments
from semantic_ids.spark.sequences import bucket_of, pack_events, sequences_output
from semantic_ids.spark.sources import open_source

N_ITEMS, BUCKETS, WIDTH = 50_000, 16, 5
CODEBOOK = SimpleNamespace(codebook_id="c" * 32, width=WIDTH)
DTYPES = {"quantity": "<i4"}
FIRST, YEAR = 1_700_000_000_000_000, 31_536_000_000_000
SCHEMA = "user_id bigint, n_events int, first_us bigint, last_us bigint, sids binary, "
SCHEMA += "timestamps binary, quantity binary"


def draw(n: int, users: int, *, skew: float, seed: int, first: int = FIRST) -> pa.Table:
    """Draw events; a twentieth of the times tie within their second."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, users + 1) ** -skew
    counts = rng.multinomial(n, shares / shares.sum())
    times = first + rng.integers(0, FIRST + YEAR - first, n)
    ties = rng.random(n) < 0.05
    times[ties] -= times[ties] % 60_000_000
    columns = {
        "user_id": np.repeat(np.arange(users) * 7919, counts),
        "item_id": rng.zipf(1.2, n) % N_ITEMS,
        "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        "quantity": rng.integers(1, 9, n).astype(np.int32),
    }
    return pa.table(columns).take(rng.permutation(n))


def item_sids() -> pa.Table:
    rng = np.random.default_rng(1)
    sids = rng.integers(0, 243, (N_ITEMS, WIDTH)) @ 256 ** np.arange(WIDTH)[::-1]
    ids = [CODEBOOK.codebook_id] * N_ITEMS
    return pa.table({"item_id": np.arange(N_ITEMS), "sid": sids, "codebook_id": ids})


def drain(rows: DataFrame) -> None:
    rows.write.format("noop").mode("overwrite").save()


def measured(work: Callable[[], Any], n: int) -> dict[str, float]:
    with Meter() as meter:
        work()
    return {
        "million_events_per_cpu_s": n / meter.cpu_s / 1e6,
        "million_events_per_s": n / meter.wall_s / 1e6,
        "worker_mib": meter.peak_mib["worker"],
        "jvm_mib": meter.peak_mib["jvm"],
    }


# Stage


def sorted_by_jvm(rows: DataFrame) -> DataFrame:
    """Shuffle and sort rows in the JVM and pack them from Arrow."""
    layout = SegmentLayout(WIDTH, DTYPES, 65_536)

    def pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return pack_segments(batches, layout)

    keys = ("user_id", "timestamp", "item_id", "quantity")
    dealt = rows.withColumn("bucket", bucket_of("user_id", BUCKETS))
    ordered = dealt.repartitionById(BUCKETS, "bucket").sortWithinPartitions(*keys)
    return ordered.select("user_id", "timestamp", "sid", "quantity").mapInArrow(pack, SCHEMA)


def collected(rows: DataFrame) -> DataFrame:
    """Collect each user's events into arrays in the order of time."""
    event = F.struct("timestamp", "item_id", "quantity", "sid")
    events = F.sort_array(F.collect_list(event)).alias("e")
    fields = ("timestamp", "sid", "quantity")
    return rows.groupBy("user_id").agg(events).select("user_id", *(f"e.{x}" for x in fields))


def packed(rows: DataFrame, sizes: dict[int, int]) -> DataFrame:
    layout = SegmentLayout(WIDTH, DTYPES, 65_536)
    plan = plan_tasks(sizes, BUCKETS, target=1 << 21)
    return pack_events(rows, layout=layout, plan=plan, keep_missing=False)


def measure_stage(spark: SparkSession, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    events = draw(options.events, options.users, skew=options.skew, seed=0)
    sids = item_sids()["sid"].to_numpy()[events["item_id"].to_numpy()]
    times = events["timestamp"].cast(pa.int64())
    events = events.set_column(2, "timestamp", times).append_column("sid", pa.array(sids))
    pq.write_table(events, folder / "stage.parquet", row_group_size=1 << 20)
    rows = spark.read.parquet(str(folder / "stage.parquet"))
    rows = rows.withColumn("user_hash", F.xxhash64("user_id"))
    found = rows.groupBy(bucket_of("user_id", BUCKETS).alias("b")).count().collect()
    sizes = {row["b"]: row["count"] for row in found}
    arms: dict[str, Callable[[], None]] = {
        "scan": lambda: drain(rows),
        "ours": lambda: drain(packed(rows, sizes)),
        "sorted by the JVM": lambda: drain(sorted_by_jvm(rows)),
        "collect_list": lambda: drain(collected(rows)),
    }
    return best_of({name: (arm, options.events) for name, arm in arms.items()}, options.rounds)


def best_of(arms: dict[str, tuple[Callable[[], Any], int]], rounds: int) -> dict[str, Any]:
    """Run the arms in turn after a warm-up and keep each one's best round."""
    best: dict[str, Any] = {}
    for number in range(rounds + 1):
        for name, (arm, n) in arms.items():
            result = measured(arm, n)
            key = "million_events_per_cpu_s"
            if number and (name not in best or result[key] > best[name][key]):
                best[name] = result
    return best


# Whole jobs


def build(spark: SparkSession, folder: Path, table: str, **options: Any) -> Any:
    """Prepare a build as the job does."""
    events = open_source(spark, "events", str(folder / "events"))
    sids = open_source(spark, "item_sids", str(folder / "item_sids"))
    config = BuildSequences(
        events="./e", item_sids="./i", codebooks="./c", codebook="x", sequences=table,
        event_columns=["quantity"], buckets=BUCKETS, **options,
    )  # fmt: skip
    output = sequences_output(table, LongType(), dtypes=DTYPES, buckets=BUCKETS)
    prepared = Build(config, events, sids, CODEBOOK, output)  # type: ignore[arg-type]  # its width
    prepared.check()
    return prepared


def run(spark: SparkSession, folder: Path, table: str, **options: Any) -> Any:
    return build(spark, folder, table, **options).run(uuid.uuid4().hex)


def write_sources(folder: Path, options: argparse.Namespace) -> None:
    events = draw(options.events, options.users, skew=options.skew, seed=0)
    deltalake.write_deltalake(folder / "events", events)
    deltalake.write_deltalake(folder / "item_sids", item_sids())


def measure_whole(spark: SparkSession, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    write_sources(folder, options)

    def by_arrays() -> None:
        events = spark.read.format("delta").load(str(folder / "events"))
        sids = spark.read.format("delta").load(str(folder / "item_sids")).drop("codebook_id")
        joined = events.join(sids, on="item_id", how="left").where("sid is not null")
        collected(joined).write.mode("overwrite").parquet(str(folder / "arrays"))

    arms = {
        "ours": lambda: run(spark, folder, str(folder / uuid.uuid4().hex)),
        "join, collect_list, Parquet": by_arrays,
    }
    return best_of({name: (arm, options.events) for name, arm in arms.items()}, options.rounds)


def measure_memory(
    spark: SparkSession, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    results = {}
    for name, users in {"one user": 1, "a user for each event": options.events}.items():
        place = folder / name
        place.mkdir()
        events = draw(options.events, users, skew=0, seed=0)
        deltalake.write_deltalake(place / "events", events)
        deltalake.write_deltalake(place / "item_sids", item_sids())
        table = str(place / "sequences")
        results[name] = measured(lambda p=place, t=table: run(spark, p, t), options.events)
    return results


MEASURES = {
    "stage": measure_stage,
    "whole": measure_whole,
    "memory": measure_memory,
}


def report(name: str, results: dict[str, Any]) -> str:
    """Write results as a Markdown table."""
    lines = [f"\n{name}\n"]
    for arm, result in results.items():
        values = result if isinstance(result, dict) else {"": result}
        lines.append(f"| {arm} | " + " | ".join(f"{k} {v:.3g}" for k, v in values.items()) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measures", nargs="*", help="default: all")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--skew", type=float, default=0.5, help="exponent of events over users")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "artifacts" / "sequences.json")
    options = parser.parse_args()
    spark = local_session(options.cores)
    results = {}
    for name in options.measures or MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = MEASURES[name](spark, Path(folder), options)
        sys.stdout.write(report(name, results[name]))
        sys.stdout.flush()
    spark.stop()
    setting = {k: v for k, v in vars(options).items() if k not in ("output", "measures")}
    write_record(options.output, "sequences", {"setting": setting} | results)


if __name__ == "__main__":
    main()

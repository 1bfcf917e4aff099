"""Seconds of audit_quality against one scan of what it reads, in one run.

    .venv/bin/python benchmarks/quality.py [--rows 1000000] [--dim 32] [--cores 1]

Generates embeddings around 4,000 centres and the SIDs of a codebook of 8 bytes, both in Parquet;
then scans both tables with Spark to nowhere, and audits them. The audit of as many items as the
sample has says what the sampled work and the plans cost; what is left of the audit of all items is
compared with the scan. CPU time is that of the driver, the JVM and the workers together.
"""

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _record import write_record
from _spark import ROOT, Meter, local_session
from pyspark.sql import SparkSession

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.codebook import Codebook, CodebookSpec, encode, fit
from semantic_ids.spark.codebooks import append_codebook, codebooks_output

FILE_ROWS, SAMPLE = 500_000, 20_000


def generate(folder: Path, rows: int, dim: int) -> Codebook:
    """Write both tables, a file of each per 500,000 items; fit on the first 20,000."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((4_000, dim)).astype(np.float32)
    codebook = None
    for name in ("embeddings", "item_sids"):
        (folder / name).mkdir(parents=True)
    for first in range(0, rows, FILE_ROWS):
        n = min(FILE_ROWS, rows - first)
        vectors = centres[rng.integers(0, len(centres), n)]
        vectors += 0.5 * rng.standard_normal((n, dim), np.float32)
        if codebook is None:
            spec = CodebookSpec([{"ternary": 39}], rounds=0)
            codebook = fit(vectors[:SAMPLE], spec, collection="text")
        ids = pa.array(np.arange(first, first + n))
        offsets = pa.array(np.arange(n + 1, dtype=np.int32) * dim)
        lists = pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()))
        label = pa.array((np.arange(first, first + n) % 7).astype(str))
        names = pa.array([codebook.codebook_id] * n)
        tables = {
            "embeddings": pa.table({"item_id": ids, "text": lists, "kind": label}),
            "item_sids": pa.table(
                {"item_id": ids, "sid": encode(vectors, codebook), "codebook_id": names}
            ),
        }
        for name, table in tables.items():
            pq.write_table(table, folder / name / f"{first:010d}.parquet", compression="zstd")
    return codebook


def scan(spark: SparkSession, folder: Path, name: str, *columns: str) -> None:
    rows = spark.read.parquet(f"{folder}/{name}").select(*columns)
    rows.write.format("noop").mode("overwrite").save()


def audit(spark: SparkSession, job: ModuleType, folder: Path, codebook: Codebook) -> str:
    tables = {name: f"{folder}/{name}" for name in ("embeddings", "item_sids", "codebooks")}
    config = AuditQuality(
        **tables,
        codebook=codebook.codebook_id,
        categories=["kind"],
        report={"folder": f"{folder}/report"},
    )
    return str(job.prepare(spark, config).run("benchmark").message)


def load_job() -> ModuleType:
    spec = importlib.util.spec_from_file_location("job", ROOT / "jobs" / "audit_quality.py")
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    return job


def measure(work: Any, rounds: int) -> dict[str, Any]:
    """Give the least wall and CPU seconds of some rounds, and the peak memory of all."""
    best = {"wall_s": np.inf, "cpu_s": np.inf, "worker_mib": 0.0, "jvm_mib": 0.0, "driver_mib": 0.0}
    for _ in range(rounds):
        with Meter() as meter:
            work()
        best["wall_s"] = min(best["wall_s"], meter.wall_s)
        best["cpu_s"] = min(best["cpu_s"], meter.cpu_s)
        for kind, mib in meter.peak_mib.items():
            best[f"{kind}_mib"] = max(best[f"{kind}_mib"], round(mib))
    return best


def compare(options: argparse.Namespace, place: Path) -> dict[str, Any]:
    few, all_ = place / "few", place / "all"
    codebooks = {
        few: generate(few, SAMPLE, options.dim),
        all_: generate(all_, options.rows, options.dim),
    }
    spark = local_session(options.cores)
    for folder, codebook in codebooks.items():
        output = codebooks_output(f"{folder}/codebooks")
        append_codebook(spark, output, codebook=codebook, name="text", lineage={}, metrics={})
    job = load_job()
    audit(spark, job, few, codebooks[few])  # compiles plans and imports what a page needs
    results = {
        "sampled work": measure(lambda: audit(spark, job, few, codebooks[few]), options.rounds),
        "scan of item_sids": measure(
            lambda: scan(spark, all_, "item_sids", "item_id", "sid"), options.rounds
        ),
        "scan of embeddings": measure(
            lambda: scan(spark, all_, "embeddings", "item_id", "text", "kind"), options.rounds
        ),
        "audit_quality": measure(lambda: audit(spark, job, all_, codebooks[all_]), options.rounds),
    }
    spark.stop()
    for unit in ("wall_s", "cpu_s"):
        one_scan = sum(results[name][unit] for name in ("scan of item_sids", "scan of embeddings"))
        left = results["audit_quality"][unit] - results["sampled work"][unit]
        results[f"of one scan, {unit}"] = left / one_scan
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=32, help="floats of a vector")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", help="where tables are generated; default: a temporary one")
    parser.add_argument("--out", type=Path, default=Path("artifacts/quality.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        results = compare(options, Path(place))
    for name, found in results.items():
        print(f"| {name} | {found} |")
    setting = {k: str(v) for k, v in vars(options).items() if k != "out"}
    write_record(options.out, "quality", {"setting": setting, "measured": results})


if __name__ == "__main__":
    sys.exit(main())

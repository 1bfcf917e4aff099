"""Rows per second and core of quantize_items against a bare scan and other ways, in one run.

    .venv/bin/python benchmarks/quantize.py [--rows 1000000] [--compression zstd]
    .venv/bin/python benchmarks/quantize.py --memory-rows 1000000 10000000 --dim 64

Generates Parquet of text embeddings: real ones of ../shared/data, tiled, with noise. All
arms read the same warm files with Spark on one core. What counts is rows per second of CPU time,
of all processes together (driver, JVM, workers), which a busy machine changes less than wall time.
The session is warm: each arm has run on 20,000 rows before, and does so once more to tell what a
run costs before its first row (plans, commits) from what each row more costs.
"""

import argparse
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import faiss
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from _record import write_record
from _spark import ROOT, Meter, local_session
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import LongType

from semantic_ids.codebook import Codebook, CodebookSpec, encode, fit
from semantic_ids.job_configs import QuantizeItems
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.encoding import Stored, sids_of

ROW_GROUP, FILE_ROWS, SMALL_ROWS = 50_000, 200_000, 20_000
FITTED = 10_000
SCHEMA = pa.schema([("item_id", pa.int64()), ("text", pa.list_(pa.float32()))])


def real_vectors(data: Path) -> np.ndarray:
    """Read the text embeddings of two real catalogues, shape (n, 384)."""
    parts = []
    for name in ("goodbooks", "online_retail"):
        table = pq.read_table(data / name / "items.parquet", columns=["text_embedding"])
        column = table["text_embedding"].combine_chunks()
        parts.append(np.asarray(column.flatten(), np.float32).reshape(len(column), -1))
    return np.concatenate(parts)


def generate(folder: Path, real: np.ndarray, rows: int, compression: str) -> list[str]:
    """Write tables of about so many rows, in files of 200,000, and give the files' URIs."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    files = []
    for first in range(0, rows, FILE_ROWS):
        file = folder / f"part-{first:010d}.parquet"
        with pq.ParquetWriter(file, SCHEMA, compression=compression, use_dictionary=False) as out:
            for start in range(first, min(first + FILE_ROWS, rows), ROW_GROUP):
                n = min(ROW_GROUP, rows - start)
                vectors = real[rng.integers(0, len(real), n)]
                vectors += 0.01 * rng.standard_normal(vectors.shape, np.float32)
                offsets = pa.array(np.arange(n + 1, dtype=np.int32) * real.shape[1])
                lists = pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()))
                ids = pa.array(np.arange(start, start + n))
                out.write_table(pa.table([ids, lists], SCHEMA), row_group_size=ROW_GROUP)
        files.append("file://" + quote(str(file)))
    return files


def scan(folder: Path) -> None:
    """Read both columns to Arrow with one thread: the bare scan."""
    for file in sorted(folder.glob("*.parquet")):
        opened = pq.ParquetFile(file, pre_buffer=False)
        for _ in opened.iter_batches(5_000, columns=SCHEMA.names, use_threads=False):
            pass


def drain(rows: DataFrame) -> None:
    rows.write.format("noop").mode("overwrite").save()


def run_product(spark: SparkSession, tables: Path, folder: Path, codebook: Codebook) -> str:
    """Run the job as it is: rows to SIDs, duplicates, both tables, their commits."""
    spec = importlib.util.spec_from_file_location("job", ROOT / "jobs" / "quantize_items.py")
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    places = {name: f"{tables}/{name}" for name in ("codebooks", "item_sids", "rejected_items")}
    config = QuantizeItems(embeddings=str(folder), codebook=codebook.codebook_id, **places)
    message = job.prepare(spark, config).run("benchmark").message
    shutil.rmtree(places["item_sids"])
    shutil.rmtree(places["rejected_items"])
    return message


def in_pandas(rows: DataFrame, to_codes: Callable[[], Callable[[np.ndarray], Any]]) -> DataFrame:
    """Encode in mapInPandas, as most would write it."""

    def work(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        codes_of = to_codes()
        for frame in frames:
            codes = codes_of(np.stack(frame["text"]).astype(np.float32))
            yield pd.DataFrame({"item_id": frame["item_id"], "sid": codes})

    return rows.mapInPandas(work, "item_id bigint, sid bigint")


def faiss_encoder(index: bytes) -> Callable[[np.ndarray], Any]:
    faiss.omp_set_num_threads(1)
    quantizer = faiss.deserialize_index(np.frombuffer(index, np.uint8))

    def codes_of(vectors: np.ndarray) -> np.ndarray:
        padded = np.zeros((len(vectors), 8), np.uint8)
        padded[:, :5] = quantizer.sa_encode(vectors)
        return padded.view("<i8")[:, 0]

    return codes_of


def fit_faiss(vectors: np.ndarray, beam: int) -> bytes:
    index = faiss.IndexResidualQuantizer(vectors.shape[1], 5, 8)
    index.train(vectors)
    index.rq.max_beam_size = beam
    index.rq.use_beam_LUT = 1
    return faiss.serialize_index(index).tobytes()


def arms(spark: SparkSession, codebook: Codebook, real: np.ndarray, tables: Path) -> dict[str, Any]:
    """Give what runs on a folder, and whether it runs on one file of it only."""
    faiss_index = fit_faiss(real[:FITTED], beam=5)
    shared = spark.sparkContext.broadcast((codebook, faiss_index))

    def stage(files: list[str] | None, folder: Path) -> None:
        rows = spark.read.parquet(str(folder))
        stored = None if files is None else Stored(files)
        encoded = sids_of(rows, codebook, item_id=LongType(), binary_dtype="float32", stored=stored)
        assert encoded.path == ("pyarrow" if files else "spark"), encoded.why
        drain(encoded.frame)

    def pandas(folder: Path, to_codes: Callable[[], Callable[[np.ndarray], Any]]) -> None:
        drain(in_pandas(spark.read.parquet(f"{folder}/part-0000000000.parquet"), to_codes))

    def ours() -> Callable[[np.ndarray], Any]:
        return lambda vectors: encode(vectors, shared.value[0])

    return {
        "bare pyarrow scan": (lambda files, folder: scan(folder), False),
        "encode stage, pyarrow": (stage, False),
        "quantize_items, all of it": (
            lambda files, folder: run_product(spark, tables, folder, codebook),
            False,
        ),
        "encode stage, Spark": (lambda files, folder: stage(None, folder), False),
        "mapInPandas, same encode": (lambda files, folder: pandas(folder, ours), True),
        "mapInPandas, faiss RQ, beam 5, LUT": (
            lambda files, folder: pandas(folder, lambda: faiss_encoder(shared.value[1])),
            True,
        ),
    }


def measure(work: Any, tables: SimpleNamespace, rounds: int, rows: int) -> dict[str, float]:
    run, one_file = work
    rows = min(rows, FILE_ROWS) if one_file else rows
    run(tables.small_files, tables.small)
    with Meter() as small:
        run(tables.small_files, tables.small)
    best = {"cpu_us": np.inf, "wall_us": np.inf, "constant_cpu_s": small.cpu_s}
    for _ in range(rounds):
        with Meter() as meter:
            run(tables.files, tables.folder)
        best["cpu_us"] = min(best["cpu_us"], 1e6 * meter.cpu_s / rows)
        best["wall_us"] = min(best["wall_us"], 1e6 * meter.wall_s / rows)
    more_us = (rows * best["cpu_us"] - 1e6 * small.cpu_s) / (rows - SMALL_ROWS)
    return {**best, "more_cpu_us": more_us, "rows": rows}


def measure_memory(
    spark: SparkSession, codebook: Codebook, real: np.ndarray, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Run the whole job on growing tables, each generated and deleted in turn."""
    results = []
    for rows in options.memory_rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as place:
            folder, tables = Path(place) / "items", Path(place) / "tables"
            generate(folder, real, rows, "zstd")
            file_codebook(spark, tables, codebook)
            with Meter() as meter:
                message = run_product(spark, tables, folder, codebook)
        peak = {kind: round(mib) for kind, mib in meter.peak_mib.items()}
        results.append(
            {"rows": rows, "peak_mib": peak, "wall_s": round(meter.wall_s), "said": message}
        )
        print(f"| {rows:,} | {peak['worker']} | {peak['jvm']} | {meter.wall_s:.0f} |", flush=True)
    return results


def file_codebook(spark: SparkSession, tables: Path, codebook: Codebook) -> None:
    output = codebooks_output(f"{tables}/codebooks")
    append_codebook(spark, output, codebook=codebook, name="text", lineage={}, metrics={})


def compare(
    spark: SparkSession, codebook: Codebook, real: np.ndarray, options: argparse.Namespace
) -> dict[str, Any]:
    """Measure every arm on the same files."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        here = Path(place)
        file_codebook(spark, here / "tables", codebook)
        tables = SimpleNamespace(folder=here / "items", small=here / "few")
        tables.files = generate(tables.folder, real, options.rows, options.compression)
        tables.small_files = generate(tables.small, real, SMALL_ROWS, options.compression)
        print(
            "| | thousand rows/s per core | of the bare scan | us a row more | of it | s before |"
        )
        print("|---|---|---|---|---|---|")
        chosen = arms(spark, codebook, real, here / "tables")
        for name, work in list(chosen.items())[: options.arms]:
            row = measure(work, tables, options.rounds, options.rows)
            results[name] = row
            bare = results["bare pyarrow scan"]
            row["of_scan"] = bare["cpu_us"] / row["cpu_us"]
            row["more_of_scan"] = bare["more_cpu_us"] / row["more_cpu_us"]
            print(
                f"| {name} | {1e3 / row['cpu_us']:.0f} | {row['of_scan']:.2f} "
                f"| {row['more_cpu_us']:.2f} | {row['more_of_scan']:.2f} "
                f"| {row['constant_cpu_s']:.1f} |",
                flush=True,
            )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=384, help="floats of a vector")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--arms", type=int, help="only the first so many")
    parser.add_argument("--compression", choices=["zstd", "snappy", "none"], default="zstd")
    parser.add_argument("--memory-rows", type=int, nargs="+", default=[])
    parser.add_argument("--folder", help="where tables are generated; default: a temporary one")
    parser.add_argument("--out", type=Path, default=Path("artifacts/quantize.json"))
    options = parser.parse_args()
    real = np.ascontiguousarray(real_vectors(options.data)[:, : options.dim])
    codebook = fit(real[:FITTED], CodebookSpec([{"ternary": 25}], rounds=0), collection="text")
    spark = local_session(1)
    if options.memory_rows:
        print("| rows | worker MiB | JVM MiB | s |\n|---|---|---|---|")
        results: Any = measure_memory(spark, codebook, real, options)
    else:
        results = compare(spark, codebook, real, options)
    spark.stop()
    setting = {k: str(v) for k, v in vars(options).items() if k != "out"}
    write_record(options.out, "quantize", {"setting": setting, "measured": results})


if __name__ == "__main__":
    sys.exit(main())

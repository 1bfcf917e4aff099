"""What a run on 1 % of changes costs beside a run on all, for quantize_items and build_sequences.

    .venv/bin/python benchmarks/increments.py [items] [events] [--sizes 4000000 12000000]

For each size a table is generated and three runs measured: on all rows, after a handful of changes,
after changes of 1 %, spread over all of it (of items: other embeddings; of events: new ones of the
last three days). A run has a cost of its own and a cost for each row of the table: the difference
of the sizes gives the second, by Spark's executorRunTime, and the first is what is left. Tables
have to be large: a query that is over in a second was mostly run before the JVM had compiled it.
"""

import argparse
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa
from _record import write_record
from _spark import Stopwatch, local_session
from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.types import LongType
from sequences import FIRST, YEAR, draw, item_sids, run

from semantic_ids.codebook import Codebook, CodebookSpec, fit
from semantic_ids.spark.encoding import sids_of
from semantic_ids.spark.item_runs import ItemRun, update_sids
from semantic_ids.spark.quantize import Outputs, item_sids_output, rejected_items_output
from semantic_ids.spark.sources import open_source

DIM, ROWS_PER_FILE = 384, 250_000
CHANGED, HANDFUL = 100, 50_000  # one row in so many
LAST_DAYS = FIRST + YEAR - 3 * 86_400_000_000

Runs = dict[str, dict[str, Any]]


def of_items(spark: SparkSession, folder: Path, n: int, meter: Stopwatch) -> Runs:
    """Measure quantize_items on a source with a change data feed."""
    source = folder / "embeddings"
    codebook = generate_items(spark, source, n)
    outputs = Outputs(
        item_sids_output(f"{folder}/item_sids", LongType()),
        rejected_items_output(f"{folder}/rejected_items", LongType()),
    )

    def quantize() -> str:
        items = open_source(spark, "embeddings", str(source))
        return update_sids(
            ItemRun(items, codebook, outputs, "float32", "remove", uuid.uuid4().hex)
        ).message

    def change(one_in: int) -> None:
        table = DeltaTable.forPath(spark, str(source))
        table.update(f"item_id % {one_in} = 7", {"text": "transform(text, x -> -x)"})
        wake_workers(spark, source, codebook)

    wake_workers(spark, source, codebook)
    return measured(meter, quantize, change)


def wake_workers(spark: SparkSession, source: Path, codebook: Codebook) -> None:
    """Start Python workers and let them encode: Spark ends them after an idle minute."""
    rows = spark.read.format("delta").load(str(source)).limit(100).repartition(4)
    sids_of(rows, codebook, item_id=LongType(), binary_dtype="float32").frame.collect()


def generate_items(spark: SparkSession, source: Path, n: int) -> Codebook:
    """Write n embeddings, and fit a codebook of 25 digits to some."""
    rng = np.random.default_rng(0)
    for start in range(0, n, ROWS_PER_FILE):
        ids = np.arange(start, min(start + ROWS_PER_FILE, n))
        vectors = rng.standard_normal((len(ids), DIM), np.float32)
        offsets = pa.array(np.arange(len(ids) + 1, dtype=np.int32) * DIM)
        lists = pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()))
        deltalake.write_deltalake(
            source,
            pa.table({"item_id": ids, "text": lists}),
            mode="append",
            configuration={"delta.enableChangeDataFeed": "true"},
        )
    spark.sql(  # or each change would write whole files of the source anew, which takes long
        f"alter table delta.`{source}` set tblproperties ('delta.enableDeletionVectors' = 'true')"
    )
    return fit(vectors[:4000], CodebookSpec([{"ternary": 25}], rounds=0), collection="text")


def of_events(spark: SparkSession, folder: Path, n: int, meter: Stopwatch) -> Runs:
    """Measure build_sequences since=last."""
    n_users = n // 1000
    deltalake.write_deltalake(folder / "events", draw(n, n_users, skew=0.5, seed=0))
    deltalake.write_deltalake(folder / "item_sids", item_sids())
    table = str(folder / "sequences")

    def build() -> str:
        since = {"since": "last"} if Path(table).exists() else {}
        return str(run(spark, folder, table, **since).message)

    def add(one_in: int) -> None:
        new = draw(n // one_in, n_users, skew=0.5, seed=one_in, first=LAST_DAYS)
        deltalake.write_deltalake(folder / "events", new, mode="append")

    return measured(meter, build, add)


def measured(meter: Stopwatch, work: Callable[[], str], change: Callable[[int], None]) -> Runs:
    """Measure a run on all, and one after each kind of change."""
    said: list[str] = []
    runs = {"all": meter.measure(lambda: said.append(work()))}
    for name, one_in in (("a handful", HANDFUL), ("1 %", CHANGED)):
        change(one_in)
        runs[name] = meter.measure(lambda: said.append(work()))
    return {
        name: figures | {"said": message}
        for (name, figures), message in zip(runs.items(), said, strict=True)
    }


def shares(small: Runs, large: Runs, n_small: int, n_large: int) -> dict[str, dict[str, float]]:
    """Tell the cost of each row, also as a share of that of a run on all, from the rest."""
    costs = {}
    for name in large:
        more = large[name]["task_s"] - small[name]["task_s"]
        row_us = 1e6 * more / (n_large - n_small)
        constant_s = large[name]["task_s"] - row_us * n_large / 1e6
        costs[name] = {"row_us": row_us, "constant_s": constant_s}
    for cost in costs.values():
        cost["of_all"] = cost["row_us"] / costs["all"]["row_us"]
    return costs


def study(
    measure: Callable[..., Runs],
    sizes: list[int],
    spark: SparkSession,
    within: str | None,
    meter: Stopwatch,
) -> dict[str, Any]:
    """Measure each size on tables of its own, after a run that warms the session."""
    results = []
    for n in (sizes[0] // 8, *sizes):
        folder = Path(tempfile.mkdtemp(prefix="increments-", dir=within))
        results.append(measure(spark, folder, n, meter))
        shutil.rmtree(folder)
    small, large = results[1:]
    costs = shares(small, large, *sizes)
    return {"sizes": sizes, "small": small, "large": large, "costs": costs}


def markdown(name: str, results: dict[str, Any]) -> str:
    """Write a table of task seconds and of the costs that they come to."""
    sizes = results["sizes"]
    lines = [
        f"| {name}, a run on | task s of {sizes[0]:,} | of {sizes[1]:,} | us a row of the table "
        "| of a run on all | constant task s | wall s |",
        "|---|---|---|---|---|---|---|",
    ]
    for run_on, cost in results["costs"].items():
        small, large = results["small"][run_on], results["large"][run_on]
        lines.append(
            f"| {run_on} | {small['task_s']:.1f} | {large['task_s']:.1f} | {cost['row_us']:.3f} "
            f"| {cost['of_all']:.3f} | {cost['constant_s']:.1f} | {large['wall_s']:.1f} |"
        )
    return "\n".join(lines)


STUDIES = {
    "items": (of_items, [4_000_000, 12_000_000]),  # 384 floats each: 19 GB of disk
    "events": (of_events, [5_000_000, 25_000_000]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", help="default: both")
    parser.add_argument("--sizes", type=int, nargs=2, help="rows of the tables")
    parser.add_argument("--folder", help="where tables are generated; default: a temporary one")
    parser.add_argument("--output", type=Path, default=Path("artifacts/increments.json"))
    options = parser.parse_args()
    logs = Path(tempfile.mkdtemp(prefix="increments-"))
    meter = Stopwatch(logs / "log")
    spark = local_session(2, **meter.settings)
    results: dict[str, Any] = {}
    try:
        for name in options.studies or STUDIES:
            measure, sizes = STUDIES[name]
            sizes = options.sizes or sizes
            results[name] = study(measure, sizes, spark, options.folder, meter)
            print(markdown(name, results[name]), "\n", flush=True)
    finally:
        spark.stop()
        shutil.rmtree(logs)
    write_record(options.output, "increments", results)


if __name__ == "__main__":
    main()

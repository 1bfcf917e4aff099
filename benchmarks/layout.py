"""Ways to apply changes to item_sids, side by side.

    .venv/bin/python benchmarks/layout.py [--sids 10000000]

The changes are 1 % of the items, spread over all files: 80 % other SIDs, 10 % new, 10 % gone.
Time is CPU seconds of all processes, driver and Python workers included, and what Spark says of
its tasks (executorRunTime); on a machine that others use only the first repeats.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _record import write_record
from _spark import Stopwatch, local_session
from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType

from semantic_ids.spark.commits import Commit
from semantic_ids.spark.exchange import exchange_rows, with_places
from semantic_ids.spark.quantize import in_order, item_sids_output

CODEBOOK = "c" * 32
MINE = f"codebook_id = '{CODEBOOK}'"


# Ways to apply changes


def sids_of(spark: SparkSession, n: int) -> DataFrame:
    """Give n items with SIDs of five bytes."""
    sid = (F.abs(F.xxhash64("id")) % F.lit(2**40)).alias("sid")
    return spark.range(n).select((F.col("id") * 3).alias("item_id"), sid)


def moves_of(sids: DataFrame) -> DataFrame:
    """Change 1 % of the items, spread over all: of ten of them one is new and one goes."""
    tenth = (F.col("item_id") / 300).cast("bigint") % 10
    some = sids.where("item_id % 300 = 21")
    return some.select(
        (F.col("item_id") + F.when(tenth == 0, 1).otherwise(0)).alias("item_id"),
        F.when(tenth != 0, F.col("sid")).alias("old_sid"),
        F.when(tenth != 1, F.col("sid") + 1).alias("sid"),
    )


def merge_all(table: DeltaTable, moves: DataFrame) -> None:
    """Apply all changes by one MERGE."""
    merge = table.alias("old").merge(
        F.broadcast(moves).alias("new"), f"old.{MINE} and old.item_id = new.item_id"
    )
    values = {"item_id": "new.item_id", "sid": "new.sid", "codebook_id": F.lit(CODEBOOK)}
    merge = merge.whenMatchedDelete("new.sid is null").whenMatchedUpdate(set={"sid": "new.sid"})
    merge.whenNotMatchedInsert("new.sid is not null", values=values).execute()


def ways(spark: SparkSession, folder: Path, n: int, meter: Stopwatch) -> dict[str, Any]:
    """Measure each way on a copy of the same table."""
    results: dict[str, Any] = {}
    filed = F.lit(CODEBOOK).alias("codebook_id")
    output = {
        name: item_sids_output(f"{folder}/{name}", LongType()) for name in ("in_place", "copied")
    }
    commit = Commit("layout", {}, run_id="1")
    for name, table in output.items():
        table.create(spark)
        if name == "copied":
            spark.sql(
                f"alter table delta.`{table.table}` "
                "set tblproperties ('delta.enableDeletionVectors' = 'false')"
            )
        rows = in_order(sids_of(spark, n), 4).select("*", filed)
        work = _bind(table.replace, rows, MINE, commit, turn=table.turn(spark, "layout"))
        results["write all rows, in order"] = meter.measure(work)
    moves = moves_of(sids_of(spark, n)).persist()
    old = moves.where("old_sid is not null")

    def tried(name: str, way: str, work: Callable[[Any], Any]) -> None:
        copy = item_sids_output(f"{folder}/try", LongType())
        shutil.copytree(output[name].table, copy.table)
        figures = meter.measure(lambda: work(copy))
        detail = copy.open_table(spark).detail().collect()[0]
        read = meter.measure(lambda: copy.read(spark).agg(F.sum("sid"), F.sum("item_id")).collect())
        figures |= {"files": detail["numFiles"], "read_after_cpu_s": read["cpu_s"]}
        results[way] = figures
        shutil.rmtree(copy.table)

    def chosen(table: Any) -> None:
        there = with_places(table.read(spark), "item_id")
        exchange_rows(
            table,
            there,
            MINE,
            gone=there.join(F.broadcast(old.select("item_id")), "item_id"),
            new=moves.where("sid is not null").select("item_id", "sid", filed).coalesce(1),
            commit=Commit("layout", {}, run_id="2"),
            turn=table.turn(spark, "layout"),
        )

    def again(table: Any) -> None:
        stay = table.read(spark).join(F.broadcast(moves.select("item_id")), "item_id", "left_anti")
        there = moves.where("sid is not null").select("item_id", "sid")
        rows = in_order(stay.select("item_id", "sid").unionByName(there), 4).select("*", filed)
        table.replace(rows, MINE, Commit("layout", {}, run_id="3"))

    def appended(table: Any) -> None:
        table.append(moves.where("sid is not null").select("*", filed).coalesce(1))

    tried("copied", "rewrite all rows from the table itself", again)
    tried("copied", "one MERGE, copy on write", lambda t: merge_all(t.open_table(spark), moves))
    tried(
        "in_place", "one MERGE, deletion vectors", lambda t: merge_all(t.open_table(spark), moves)
    )
    tried("in_place", "search, then rows exchanged in one commit, deletion vectors", chosen)
    tried("copied", "append only (readers would have to choose)", appended)
    tried("copied", "nothing", lambda _: None)
    return results


def _bind(function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], Any]:
    return lambda: function(*arguments, **options)


def markdown(title: str, results: dict[str, Any], base: str) -> str:
    """Write a table of figures, with ratios of CPU time to a base."""
    lines = [f"| {title} | CPU s | of {base} | task s | wall s |", "|---|---|---|---|---|"]
    for name, figures in results.items():
        share = figures["cpu_s"] / results[base]["cpu_s"]
        lines.append(
            f"| {name} | {figures['cpu_s']:.1f} | {share:.3f} | {figures['task_s']:.1f} "
            f"| {figures['wall_s']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sids", type=int, default=2_000_000)
    parser.add_argument("--output", type=Path, default=Path("artifacts/layout.json"))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="layout-"))
    meter = Stopwatch(folder / "log")
    spark = local_session(2, **meter.settings, **{"spark.driver.memory": "4g"})
    try:
        results = ways(spark, folder, options.sids, meter)
    finally:
        spark.stop()
        shutil.rmtree(folder)
    print(markdown("way", results, "write all rows, in order"))
    write_record(options.output, "layout", {"sids": options.sids, "ways": results})


if __name__ == "__main__":
    main()

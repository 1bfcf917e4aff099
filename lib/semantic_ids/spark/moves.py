"""Rows of a table that are new, change or go: applied where they stand, the others untouched."""

import dataclasses

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semantic_ids.spark.commits import Commit, Turn
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.session import with_settings

__all__ = ["UNFINISHED", "apply_moves", "few", "held"]

UNFINISHED = {"unfinished": "another commit of the same run was to follow"}
_BROADCAST_ROWS = 2_000_000


def few(rows: DataFrame, n_rows: int) -> DataFrame:
    """Send few rows to all tasks of a join, so that the other side stays where it is."""
    return F.broadcast(rows) if n_rows <= _BROADCAST_ROWS else rows


def held(rows: DataFrame, n_rows: int) -> DataFrame:
    """Hold few rows on the driver: Spark drops what it keeps of a table once that is written to."""
    if n_rows > _BROADCAST_ROWS:
        return rows
    return rows.sparkSession.createDataFrame(rows.toArrow(), rows.schema)


def apply_moves(
    spark: SparkSession,
    output: Output,
    *,
    new: DataFrame | None,
    moved: DataFrame | None,
    where: str,
    commit: Commit,
    turn: Turn,
) -> None:
    """Replace or remove rows, then add others; the last commit says what has been done.

    One MERGE for both would have to join every row of the table with no side to broadcast, which
    costs several times as much (docs/decisions/0004-how-changes-are-applied.md). It comes first,
    since it may conflict with housekeeping, which an append never does.

    Parameters
    ----------
    spark : SparkSession
    output : Output
    new : DataFrame or None
        Rows to add.
    moved : DataFrame or None
        The columns that `where` names, and sid: null where the row goes.
    where : str
        Which row of the table, `old`, is meant by a row of moved, `new`.
    commit : Commit
    turn : Turn

    Raises
    ------
    AnotherRunError
        If another run used the turn.
    """
    if moved is not None:
        said = commit
        if new is not None:
            said = dataclasses.replace(commit, inputs=UNFINISHED, beside={})
        with with_settings(spark, _merging(said, turn)):
            merge = output.open_table(spark).alias("old").merge(moved.alias("new"), where)
            merge = merge.whenMatchedDelete("new.sid is null")
            merge.whenMatchedUpdate(set={"sid": "new.sid"}).execute()
        turn = Turn(turn.key, output.version_of(spark, said) + 1)
    if new is not None:
        output.append(new.coalesce(1), commit, turn=turn)
    elif moved is None:
        nothing = spark.createDataFrame([], output.schema)
        output.replace(nothing, "item_id is null", commit, turn=turn)


def _merging(commit: Commit, turn: Turn) -> dict[str, str]:
    """Give the settings that have a MERGE say what our commits say: it takes no options."""
    return {
        "spark.databricks.delta.commitInfo.userMetadata": commit.to_json(),
        "spark.databricks.delta.write.txnAppId": turn.key,
        "spark.databricks.delta.write.txnVersion": str(turn.number),
        "spark.sql.parquet.compression.codec": "zstd",
    }

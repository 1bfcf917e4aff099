"""Rows of a Delta table at known places or in known files go and others come, in one commit.

Delta's MERGE joins the table with the changes two or three times to find what a run has found
before. Here its own parts, those that mark rows in deletion vectors, are given the places.
They are no public interface: delta-spark is pinned, and the tests read what they wrote.
"""

import time
from typing import Any, cast

from delta.exceptions import ConcurrentTransactionException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semantic_ids.errors import SemanticIdsError
from semantic_ids.spark.commits import Commit, Turn
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.session import with_settings
from semantic_ids.spark.snapshots import files_of, property_of, snapshot_of

__all__ = ["PLACE", "exchange_rows", "marks_rows", "rewrite_files", "with_places"]

PLACE = ("file_path", "row_index")


def with_places(table: DataFrame, *columns: str) -> DataFrame:
    """Select columns of a table as it is read, and in which file and row each of its rows is."""
    return table.select(*columns, *(F.col(f"_metadata.{part}") for part in PLACE))


def marks_rows(table: DataFrame) -> bool:
    """Say whether rows of a table may be marked as gone, which takes deletion vectors."""
    return property_of(snapshot_of(table), "delta.enableDeletionVectors") == "true"


def exchange_rows(
    output: Output,
    table: DataFrame,
    where: str,
    *,
    gone: DataFrame,
    new: DataFrame,
    commit: Commit,
    turn: Turn,
) -> None:
    """Remove rows and add others in one commit on top of the version that was read.

    Parameters
    ----------
    output : Output
    table : DataFrame
        Rows of one version of it, which `marks_rows`.
    where : str
        A condition on partitions that all of the rows meet.
    gone : DataFrame
        `PLACE` of rows of that version; may have further columns.
    new : DataFrame
        All columns of the table.
    commit : Commit
    turn : Turn

    Raises
    ------
    AnotherRunError
        If another run used the turn since.
    """
    spark = table.sparkSession
    settings = {
        "spark.databricks.delta.commitInfo.userMetadata": commit.to_json(),
        "spark.sql.parquet.compression.codec": "zstd",
    }
    with with_settings(spark, settings):
        delta = _Delta(spark)
        transaction = delta.begin(snapshot_of(table))
        if transaction.txnVersion(turn.key) >= turn.number:
            raise output.overtaken()
        went = delta.mark(transaction, gone, where)
        came = transaction.writeFiles(new._jdf)
        try:
            delta.commit(transaction, went.concat(came), turn)
        except ConcurrentTransactionException:
            raise output.overtaken() from None


def rewrite_files(
    output: Output,
    table: DataFrame,
    paths: list[str],
    *,
    rows: DataFrame,
    commit: Commit,
    turn: Turn,
) -> None:
    """Put rows in place of whole files, in one commit on top of the version that was read.

    Parameters
    ----------
    output : Output
    table : DataFrame
        One version of it.
    paths : list of str
        Files of that version, as its log writes them.
    rows : DataFrame
        What takes their place: all columns of the table.
    commit : Commit
    turn : Turn

    Raises
    ------
    AnotherRunError
        If another run used the turn since.
    SemanticIdsError
        If a file is not of that version; nothing is written then.
    """
    spark = table.sparkSession
    settings = {
        "spark.databricks.delta.commitInfo.userMetadata": commit.to_json(),
        "spark.sql.parquet.compression.codec": "zstd",
    }
    with with_settings(spark, settings):
        delta = _Delta(spark)
        snapshot = snapshot_of(table)
        transaction = delta.begin(snapshot)
        if transaction.txnVersion(turn.key) >= turn.number:
            raise output.overtaken()
        files = list(files_of(snapshot, paths))
        if len(files) != len(paths):
            raise SemanticIdsError(
                f"{output.name}: {len(paths)} files of the version read must be in its log, "
                f"got {len(files)}"
            )
        changes = transaction.writeFiles(rows._jdf)
        for file in files:
            changes = changes.appended(file.removeWithTimestamp(int(time.time() * 1000), True))
        try:
            delta.commit(transaction, changes, turn)
        except ConcurrentTransactionException:
            raise output.overtaken() from None


class _Delta:
    """Delta's Scala classes, as py4j reaches them."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark._jsparkSession
        self._jvm = cast("Any", spark.sparkContext._jvm)
        self._delta = self._jvm.org.apache.spark.sql.delta
        self._none = self._jvm.scala.Option.empty()
        # a transaction takes its settings from the session that is active on its thread
        SparkSession._get_j_spark_session_class(self._jvm).setActiveSession(self._spark)

    def begin(self, snapshot: Any) -> Any:
        return snapshot.deltaLog().startTransaction(self._none, self._some(snapshot))

    def mark(self, transaction: Any, gone: DataFrame, where: str) -> Any:
        """Write deletion vectors; give the actions that put them in place."""
        marking = _only(self._delta.commands, "DMLWithDeletionVectorsHelper")
        bitmaps = _only(self._delta.commands, "DeletionVectorBitmapGenerator")
        files = transaction.filterFiles(marking.parsePredicates(self._spark, where), False)
        vectors = bitmaps.buildRowIndexSetsForFilesMatchingCondition(
            self._spark,
            transaction,
            True,  # files may have vectors, which go into the new ones
            gone._jdf,
            files,
            self._jvm.org.apache.spark.sql.catalyst.expressions.Literal.TrueLiteral(),
            *(self._some(F.col(part)._jc) for part in PLACE),
        )
        by_path = marking.generateCandidateFileMap(transaction.deltaLog().dataPath(), files)
        touched = marking.findFilesWithMatchingRows(transaction, by_path, vectors)
        snapshot = transaction.snapshot()
        return marking.processUnmodifiedData(self._spark, touched, snapshot, 0)._1()

    def commit(self, transaction: Any, changes: Any, turn: Turn) -> None:
        used = self._delta.actions.SetTransaction(turn.key, turn.number, self._none)
        update = getattr(self._delta, "DeltaOperations$Update")(self._none)
        transaction.commit(changes.appended(used), update)

    def _some(self, value: Any) -> Any:
        return self._jvm.scala.Option.apply(value)


def _only(package: Any, name: str) -> Any:
    """Give the one object of a Scala module."""
    return getattr(getattr(package, f"{name}$"), "MODULE$")

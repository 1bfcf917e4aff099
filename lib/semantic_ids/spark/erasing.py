"""What was removed from a table goes from its history too: files, and entries of the log.

A row that was deleted stands on in files of earlier versions, in files whose rows are only marked
as gone, and, if its key is the smallest or largest of a file, in the log's statistics.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from semantic_ids.spark.commits import Commit
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.places import hadoop_path
from semantic_ids.spark.session import with_settings
from semantic_ids.spark.snapshots import latest_version, snapshot_of
from semantic_ids.spark.sources import quoted

__all__ = ["erase_history", "history_sentence"]

_VACUUM = {
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    "spark.databricks.delta.vacuum.logging.enabled": "true",  # s3a and others: off by default
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "16",  # 10,000 tasks otherwise
}


@dataclass(frozen=True)
class _LogFile:
    version: int
    is_checkpoint: bool
    hours: float
    path: Any


def erase_history(
    spark: SparkSession, output: Output, keep: Sequence[Commit], *, retention_hours: float
) -> int:
    """Erase what a table held before, as far as it is older than the retention.

    Rows that are only marked as gone are written out of their files. Then go the files that no
    version within the retention needs, and the entries of the log below the newest checkpoint that
    is as old; a checkpoint is made for the next time. May be killed anywhere and run again.

    When it has ended well, the newest version, its checkpoint and the entries from there on say
    nothing of what was removed before. Erased is the rest by a run that begins `retention_hours`
    later, or with 0 by this one.

    Parameters
    ----------
    spark : SparkSession
    output : Output
    keep : sequence of Commit
        Commits that later runs go on from, newest first; they are said again where their entries
        go.
    retention_hours : float
        With 0 only the newest version can be read afterwards.

    Returns
    -------
    int
        Entries of the log that went.

    Notes
    -----
    The entry of a checkpoint's own version is kept, and one that takes files out of the table holds
    their smallest and largest ids. So the checkpoint is made at the last commit of VACUUM, which
    takes out nothing, and which every run has: a checkpoint made again at an older version would
    never be old enough.
    """
    table = output.open_table(spark)
    marked = snapshot_of(output.read(spark)).allFiles().filter("deletionVector is not null")
    with with_settings(spark, _VACUUM):
        if not marked.isEmpty():
            spark.sql(f"reorg table delta.{quoted(output.folder(spark))} apply (purge)")
        table.vacuum(retention_hours)
    first = latest_version(table) + 1
    if not retention_hours:
        _restate(spark, output, keep)
    _checkpoint(output.read(spark))
    files = list(_log_files(spark, output))
    ripe = (f.version for f in files if f.is_checkpoint and f.hours >= retention_hours)
    oldest = min(first, max(ripe, default=0))
    if any(0 <= commit.version < oldest for commit in keep) and retention_hours:
        _restate(spark, output, keep)
    gone = [f for f in files if f.version < oldest]
    _, store = hadoop_path(spark, output.folder(spark))
    for file in sorted(gone, key=lambda f: f.version):
        store.delete(file.path, False)
    _forget_snapshots(spark, output)
    return len(gone)


def history_sentence(n_erased: int, retention_hours: float) -> str:
    """Say what is left of earlier versions."""
    if retention_hours:
        return (
            f"earlier versions go once they are {retention_hours:g} hours old: run again after that"
        )
    return f"earlier versions and {n_erased:,} entries of the log erased"


def _restate(spark: SparkSession, output: Output, commits: Sequence[Commit]) -> None:
    """Say commits again, in commits without rows; the first given becomes the newest.

    Where there is none, one that says nothing takes the place of the newest.
    """
    nothing = spark.createDataFrame([], output.schema)
    for commit in reversed(commits):
        output.append(nothing, commit, turn=output.turn(spark, commit.key))
    if not commits:
        output.append(nothing)


def _checkpoint(table: Any) -> None:
    snapshot = snapshot_of(table)
    none = table.sparkSession.sparkContext._jvm.scala.Option.empty()
    snapshot.deltaLog().checkpoint(snapshot, none)


def _forget_snapshots(spark: SparkSession, output: Output) -> None:
    """Let Delta read the log anew: what it holds in memory may rest on entries that went."""
    delta = spark.sparkContext._jvm.org.apache.spark.sql.delta  # type: ignore[union-attr]  # py4j
    place, _ = hadoop_path(spark, output.folder(spark))
    delta.DeltaLog.invalidateCache(spark._jsparkSession, place)


def _log_files(spark: SparkSession, output: Output) -> Iterator[_LogFile]:
    folder, store = hadoop_path(spark, f"{output.folder(spark)}/_delta_log")
    for status in store.listStatus(folder):
        path = status.getPath()
        name = str(path.getName())
        if found := re.match(r"(\.?)(\d{20})\.", name):  # a dot: of a write that was killed
            hours = (time.time() - status.getModificationTime() / 1000) / 3600
            is_checkpoint = not found[1] and ".checkpoint" in name
            yield _LogFile(int(found[2]), is_checkpoint, hours, path)

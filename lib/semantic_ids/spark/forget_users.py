"""Users leave the sequences table: their segments go in one commit, then what stood before."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semantic_ids.errors import SemanticIdsError
from semantic_ids.spark.build_history import FORGET, KEY, LOST_TURNS, builds_since_base
from semantic_ids.spark.commits import Commit
from semantic_ids.spark.erasing import erase_history, history_sentence
from semantic_ids.spark.exchange import rewrite_files
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sequences import BLOB_SETTINGS, SequencesTable
from semantic_ids.spark.session import with_settings
from semantic_ids.spark.snapshots import log_paths, rows_of_files, snapshot_of

__all__ = ["UsersToForget"]

_TURNS = 5


@dataclass(frozen=True)
class UsersToForget:
    """What a run of forget_users removes, and from where.

    Parameters
    ----------
    spark : SparkSession
    users : DataFrame
        user_id, in the type that the table has.
    table : SequencesTable
    retention_hours : float
    """

    spark: SparkSession
    users: DataFrame
    table: SequencesTable
    retention_hours: float

    def run(self, run_id: str) -> RunSummary:
        """Remove the users' segments in one commit, if there are any, then erase the history.

        Raises
        ------
        AnotherRunError
            If builds committed during each of the attempts.
        SemanticIdsError
            If the table then holds another number of events than it must.
        """
        rows = self._removed(run_id)
        commits = list(self.table.output.commits(self.spark))
        n_erased = erase_history(
            self.spark,
            self.table.output,
            builds_since_base(commits),
            retention_hours=self.retention_hours,
        )
        return _summary(rows, n_erased, self.retention_hours)

    def _removed(self, run_id: str) -> Mapping[str, int]:
        for _ in range(_TURNS - 1):
            with contextlib.suppress(*LOST_TURNS):
                return self._attempt(run_id)
        return self._attempt(run_id)

    def _attempt(self, run_id: str) -> Mapping[str, int]:
        output = self.table.output
        turn = output.turn(self.spark, KEY)
        table = output.read(self.spark)
        users = F.broadcast(self.users)
        placed = table.select("user_id", "n_events", "_metadata.file_path")
        theirs = placed.join(users, "user_id", "left_semi")
        files = theirs.groupBy("file_path").agg(
            F.count(F.lit(1)).alias("segments"), F.sum("n_events").alias("events")
        )
        found = files.collect()
        n_users = theirs.select("user_id").distinct().count() if found else 0
        rows = {name: sum(row[name] for row in found) for name in ("segments", "events")}
        rows = {"users": n_users, "files": len(found), **rows}
        if not found:
            return rows
        snapshot = snapshot_of(table)
        paths = log_paths(snapshot, (row["file_path"] for row in found))
        kept = rows_of_files(self.spark, snapshot, paths)
        stay = kept.join(users, "user_id", "left_anti").select(*output.schema.names)
        order = ("ds", "bucket", "user_id", "first_ts", "last_ts", "sids", "timestamps")
        commit = Commit(KEY, {"scope": FORGET}, rows, run_id=run_id)
        with with_settings(self.spark, BLOB_SETTINGS):
            rewrite_files(
                output,
                table,
                paths,
                rows=stay.sortWithinPartitions(*order, *self.table.dtypes),
                commit=commit,
                turn=turn,
            )
        self._check(table, rows["events"], output.version_of(self.spark, commit))
        return rows

    def _check(self, before: DataFrame, n_gone: int, version: int) -> None:
        after = self.table.output.read(self.spark, version)
        sums = (rows.agg(F.sum("n_events")).collect()[0][0] for rows in (before, after))
        had, has = (int(n or 0) for n in sums)
        if has != had - n_gone:
            raise SemanticIdsError(
                f"sequences: {had - n_gone} events must stand after {n_gone} went, got {has}; "
                f"RESTORE TABLE ... TO VERSION AS OF {version - 1} brings back those before"
            )


def _summary(rows: Mapping[str, int], n_erased: int, retention_hours: float) -> RunSummary:
    went = (
        f"{rows['events']:,} events in {rows['segments']:,} segments of {rows['users']:,} users "
        f"removed, {rows['files']:,} files written again"
        if rows["files"]
        else "no segment of theirs is there"
    )
    return RunSummary(
        f"{went}; {history_sentence(n_erased, retention_hours)}",
        rows_rejected=rows["events"],
        metrics=dict(rows),
    )

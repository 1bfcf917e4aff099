"""Many segments of a user to few, in one commit that loses nothing appended beside it."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import LongType

from semantic_ids.errors import SemanticIdsError
from semantic_ids.job_configs import CompactSequences
from semantic_ids.spark.build_history import COMPACTION, KEY, LOST_TURNS
from semantic_ids.spark.commits import Commit
from semantic_ids.spark.event_chunks import plan_tasks
from semantic_ids.spark.merging import MergeRules, merge_segments
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sequences import BLOB_SETTINGS, SequencesTable, bucket_of, in_file_order
from semantic_ids.spark.session import with_settings

__all__ = ["Compaction"]

_TURNS = 5
_SEED = 5  # of the hash that spreads a bucket's users; the one without a seed chose the bucket
_NOTHING = {"in": 0, "out": 0, "segments": 0}


@dataclass(frozen=True)
class _Plan:
    """What is there to do: the ds that takes all, and the tasks of each codebook and bucket."""

    where: str
    last: str
    tasks: list[tuple[str, int, int, int]]
    n_tasks: int
    is_tidy: bool
    rows: dict[str, int]


@dataclass(frozen=True)
class Compaction:
    """What a run merges: the segments of each user and codebook in a range of ds, into its last.

    Delta removes what stands in the range when the write begins, which may be more than was read
    before. So compactions take turns with builds: one during which a build commits starts again.
    """

    spark: SparkSession
    config: CompactSequences
    table: SequencesTable

    def run(self, run_id: str) -> RunSummary:
        """Merge in one commit, unless each user has as few segments as can be.

        Raises
        ------
        InputError
            If a segment's blobs differ in length; nothing is written then.
        AnotherRunError
            If builds committed during each of the attempts.
        SemanticIdsError
            If the table then holds another number of events than it must.
        """
        for _ in range(_TURNS - 1):
            with contextlib.suppress(*LOST_TURNS):
                return self._attempt(run_id)
        return self._attempt(run_id)

    def _attempt(self, run_id: str) -> RunSummary:
        output, inputs = self.table.output, self._inputs()
        turn = output.turn(self.spark, KEY)
        newest = next(output.commits(self.spark), None)
        if newest and newest.inputs == inputs:
            return _summary(newest.rows, "nothing to do, nothing was written since the last run")
        plan = self._plan()
        if plan is None:
            return _summary(_NOTHING, "nothing to do, there are no segments")
        if plan.is_tidy:
            return _summary(plan.rows, "nothing to do, each user's segments are merged")
        commit = Commit(KEY, inputs, plan.rows, run_id=run_id)
        with with_settings(self.spark, BLOB_SETTINGS):
            output.rearrange(self._merged(plan), plan.where, commit, turn=turn)
        rows = self._check(plan, output.version_of(self.spark, commit))
        return _summary(rows, f"merged into {rows['segments']:,} segments of ds={plan.last}")

    def _inputs(self) -> dict[str, Any]:
        options = self.config.model_dump(mode="json", exclude={"runs", "sequences"})
        return options | {"scope": COMPACTION}

    def _range(self) -> Column:
        first, last = self.config.first_ds, self.config.last_ds
        after_first = F.col("ds") >= F.lit(first) if first else F.lit(True)
        return after_first & (F.col("ds") <= F.lit(last) if last else F.lit(True))

    def _plan(self) -> _Plan | None:
        rows = self.table.output.read(self.spark).where(self._range())
        first, last = rows.agg(F.min("ds"), F.max("ds")).collect()[0]
        if last is None:
            return None
        files = rows.select("_metadata.file_path", "_metadata.file_size").distinct()
        n_files, size_bytes = files.agg(F.count("*"), F.sum("file_size")).collect()[0]
        parts = self._parts(rows, last)
        n_events = sum(part["n_events"] for part in parts)
        target = max(1, n_events * (self.config.target_file_mib << 20) // size_bytes)
        tasks: list[tuple[str, int, int, int]] = []
        n_tasks = 0
        for codebook_id in sorted({part["codebook_id"] for part in parts}):
            events = {p["bucket"]: p["kept"] for p in parts if p["codebook_id"] == codebook_id}
            plan = plan_tasks(events, self.table.buckets, target=target)
            tasks += [
                (codebook_id, bucket, n_tasks + int(plan.first[bucket]), int(plan.n_tasks[bucket]))
                for bucket in events
            ]
            n_tasks += plan.total
        n_wanted = sum(n for _, _, _, n in tasks)
        is_tidy = not any(part["untidy"] for part in parts) and n_files <= 2 * n_wanted
        return _Plan(
            where=f"ds >= '{first}' and ds <= '{last}'",
            last=str(last),
            tasks=tasks,
            n_tasks=n_tasks,
            is_tidy=is_tidy,
            rows=_rows_of(n_events, n_events, sum(part["n_segments"] for part in parts)),
        )

    def _parts(self, rows: DataFrame, last: Any) -> list[Mapping[str, Any]]:
        """Count each codebook's and bucket's events, and find users whose segments can be fewer."""
        most, longest = F.lit(self.config.max_events), F.lit(self.config.max_segment_events)
        kept = F.least(F.sum("n_events"), most)  # least passes over a null
        users = rows.groupBy("codebook_id", "bucket", "user_id").agg(
            F.count("*").alias("n_segments"),
            F.sum("n_events").alias("n_events"),
            kept.alias("kept"),
            (F.max("n_events") > longest).alias("too_long"),
            (F.min("ds") < F.lit(last)).alias("older"),
        )
        untidy = (
            F.col("too_long")
            | F.col("older")
            | (F.col("kept") < F.col("n_events"))
            | (F.col("n_segments") > F.ceil(F.col("kept") / longest))
        )
        counted = users.groupBy("codebook_id", "bucket").agg(
            F.sum("n_segments").alias("n_segments"),
            F.sum("n_events").alias("n_events"),
            F.sum("kept").alias("kept"),
            F.max(untidy).alias("untidy"),
        )
        return [row.asDict() for row in counted.collect()]

    def _merged(self, plan: _Plan) -> DataFrame:
        """Read, merge and lay out."""
        blobs = ["sids", "timestamps", *self.table.dtypes]
        tasks = self.spark.createDataFrame(
            plan.tasks, "codebook_id string, bucket int, first int, n int"
        )
        spread = F.pmod(F.xxhash64("user_id", F.lit(_SEED)), F.coalesce("n", F.lit(1)))
        ordered = (
            self.table.output.read(self.spark)
            .where(plan.where)
            .join(F.broadcast(tasks), on=["codebook_id", "bucket"], how="left")
            .withColumn("task", (F.coalesce("first", F.lit(0)) + spread).cast("int"))
            .repartitionById(plan.n_tasks, "task")
            .sortWithinPartitions("codebook_id", "user_id", "ds", "first_ts", "last_ts", *blobs)
            .select("codebook_id", "user_id", "n_events", *blobs)
        )
        rules = MergeRules(
            self.table.dtypes, self.config.max_segment_events, self.config.max_events
        )

        def merge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for merged in merge_segments(batches, rules):
                yield merged.drop_columns(["n_dropped"])

        user_id = ordered.schema["user_id"].dataType.simpleString()
        schema = f"codebook_id string, user_id {user_id}, n_events int, first_us bigint, "
        schema += "last_us bigint, " + ", ".join(f"`{name}` binary" for name in blobs)
        merged = ordered.mapInArrow(merge, schema)
        filed = merged.withColumn("bucket", bucket_of("user_id", self.table.buckets))
        dated = filed.withColumn("ds", F.lit(plan.last).cast("date"))
        return in_file_order(dated, self.table.dtypes)

    def _check(self, plan: _Plan, version: int) -> dict[str, int]:
        """Compare the range after the commit with the version before it."""
        before, fewest, _ = self._count(plan, version - 1)
        after, _, n_segments = self._count(plan, version)
        if not fewest <= after <= before:
            raise SemanticIdsError(
                f"sequences: {fewest} to {before} events must stand after compaction, got {after}; "
                f"RESTORE TABLE ... TO VERSION AS OF {version - 1} brings back those before"
            )
        return _rows_of(before, after, n_segments)

    def _count(self, plan: _Plan, version: int) -> tuple[int, int, int]:
        """Count events, those that must at least be kept, and segments of the range."""
        rows = self.table.output.read(self.spark, version).where(plan.where)
        users = rows.groupBy("codebook_id", "user_id").agg(
            F.sum("n_events").alias("n"), F.count("*").alias("segments")
        )
        most = F.lit(self.config.max_events).cast(LongType())
        sums = users.agg(F.sum("n"), F.sum(F.least("n", most)), F.sum("segments"))
        n_events, fewest, n_segments = sums.collect()[0]
        return int(n_events), int(fewest), int(n_segments)


def _rows_of(before: int, after: int, segments: int) -> dict[str, int]:
    return {"in": before, "out": after, "segments": segments}


def _summary(rows: Mapping[str, int], outcome: str) -> RunSummary:
    dropped = rows["in"] - rows["out"]
    balance = f"{rows['in']:,} events in = {rows['out']:,} out + {dropped:,} older than max_events"
    return RunSummary(
        f"{balance}; {outcome}",
        rows_in=rows["in"],
        rows_out=rows["out"],
        rows_rejected=dropped,
        metrics={"segments": rows["segments"]},
    )

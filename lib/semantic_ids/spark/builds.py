"""Builds of the sequences table: of all events, of one day, or of what is new since the last."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semantic_ids.codebook import Codebook
from semantic_ids.errors import SemanticIdsError, TableError
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.build_history import (
    ALL,
    KEY,
    SINCE,
    inputs_of,
    last_build,
    new_events,
    write_build,
)
from semantic_ids.spark.commits import Commit, Turn, label_rejects, rejects_in
from semantic_ids.spark.event_chunks import plan_tasks
from semantic_ids.spark.events import (
    NO_SID,
    EventCounts,
    count_events,
    event_dtypes,
    join_sids,
    select_events,
    sids_of_codebook,
)
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.runs import RunSummary, account
from semantic_ids.spark.scratch import Scratch
from semantic_ids.spark.segments import SegmentLayout
from semantic_ids.spark.sequences import (
    BLOB_SETTINGS,
    bucket_of,
    in_file_order,
    pack_events,
    require_vacant_day,
)
from semantic_ids.spark.session import with_settings
from semantic_ids.spark.snapshots import keep_listing, read_listing
from semantic_ids.spark.sources import Source
from semantic_ids.spark.versions import FullRunError

__all__ = ["Build"]

_EVENTS_PER_TASK = 1 << 21  # some 100 bytes of memory each
_FEW_EVENTS = 1 << 20  # whose items are broadcast


@dataclass(frozen=True)
class Build:
    """What a run of the job packs, from where, and into what."""

    config: BuildSequences
    events: Source
    item_sids: Source
    codebook: Codebook
    output: Output

    @cached_property
    def _spark(self) -> SparkSession:
        return self.events.rows.sparkSession

    @cached_property
    def _turn(self) -> Turn:
        """The turn to commit, taken before the history is read."""
        return self.output.turn(self._spark, KEY)

    @cached_property
    def _commits(self) -> list[Commit]:
        _ = self._turn
        return list(self.output.commits(self._spark))

    def _inputs(self, scope: str) -> dict[str, Any]:
        return inputs_of(
            self.config,
            self.events,
            self.item_sids,
            codebook_id=self.codebook.codebook_id,
            scope=scope,
        )

    def _done(self) -> Commit | None:
        return last_build(self._commits, self._inputs(self._scope))

    @property
    def _scope(self) -> str:
        return str(self.config.ds or (SINCE if self.config.since else ALL))

    @cached_property
    def _sids(self) -> DataFrame:
        item_id = id_type(self.events, "item_id")
        return sids_of_codebook(self.item_sids, self.codebook.codebook_id, item_id=item_id)

    def check(self) -> None:
        """See what stands in the tables, and refuse what cannot be joined or written.

        Raises
        ------
        TableError
            If the codebook has no SIDs of such items, or events of the day stand in segments of
            several days.
        """
        _ = self._sids
        if not self._done() and self.config.ds:
            require_vacant_day(self._spark, self.output, self.config.ds)

    def run(self, run_id: str) -> RunSummary:
        """Write the segments in one commit.

        Raises
        ------
        TableError
            If there is no event to pack in the whole table, or `since` has nothing to go on from
            and must not rebuild.
        SemanticIdsError
            If events in differ from events in segments + rejects; nothing is written then.
        AnotherRunError
            If another build committed meanwhile.
        """
        done = self._done()
        if done:
            return self._summary(done.rows, "nothing to do, these events are packed already")
        scope, rows, why = self._choose()
        if rows is None:
            return self._summary(_NO_ROWS, "nothing to do, the source has no newer version")
        events = dataclasses.replace(self.events, rows=rows)
        selected = select_events(
            events, day=self.config.ds, dtypes=self._dtypes, tie_break=self.config.tie_break
        )
        counts = count_events(selected, self.config.buckets)
        if scope == SINCE and not counts.rows_in:
            return self._summary(_NO_ROWS, "nothing to do, no event is new")
        totals = self._pack(selected, counts, scope=scope, run_id=run_id)
        where = f"packed into {totals['segments']:,} segments of {self.output.table}"
        return self._summary(totals, where + why)

    def _pack(
        self, selected: DataFrame, counts: EventCounts, *, scope: str, run_id: str
    ) -> dict[str, int]:
        with Scratch() as scratch, with_settings(self._spark, BLOB_SETTINGS):
            packed = scratch.keep(self._packed(selected, counts, scope))
            totals = self._balance(packed, counts, scope)
            self.output.create(self._spark)
            if self.events.listing:
                keep_listing(self._spark, self.output.folder(self._spark), self.events.listing)
            commit = Commit(KEY, self._inputs(scope), totals, run_id=run_id)
            write_build(
                self.output,
                self._rows(packed, counts, scope),
                commit,
                turn=self._turn,
                newest=self._commits[0].version if self._commits else -1,
            )
        return totals

    @cached_property
    def _dtypes(self) -> dict[str, str]:
        return event_dtypes(self.events, self.config.event_columns)

    def _choose(self) -> tuple[str, DataFrame | None, str]:
        """Choose what to write and from which events; say why, if that is not what was asked."""
        if self._scope != SINCE:
            return self._scope, self.events.rows, ""
        try:
            rows = new_events(
                self.events,
                self._commits,
                self._inputs(SINCE),
                read_listing=lambda digest: read_listing(
                    self._spark, self.output.folder(self._spark), digest
                ),
            )
        except FullRunError as refusal:
            if self.config.fallback == "refuse":
                raise TableError(
                    f"since: {refusal}; leave since out to rebuild the whole table"
                ) from None
            return ALL, self.events.rows, f"; the whole table was built, because {refusal}"
        return SINCE, rows, ""

    def _packed(self, selected: DataFrame, counts: EventCounts, scope: str) -> DataFrame:
        joined = join_sids(
            selected.where("reason is null"),
            self._sids,
            few_events=scope != ALL and counts.usable <= _FEW_EVENTS,
        )
        config = self.config
        layout = SegmentLayout(
            self.codebook.width, self._dtypes, config.max_segment_events, by_day=scope == SINCE
        )
        plan = plan_tasks(counts.by_bucket, config.buckets, target=_EVENTS_PER_TASK)
        return pack_events(
            joined, layout=layout, plan=plan, keep_missing=config.missing_items == "null_sid"
        )

    def _balance(self, packed: DataFrame, counts: EventCounts, scope: str) -> dict[str, int]:
        """Count what was packed and what was not; it must be all that came in."""
        found = packed.agg(
            F.sum("n_events"), F.count_if(F.col("n_events") > 0), F.sum("n_missing")
        ).collect()[0]
        n_packed, n_segments, n_missing = (int(number or 0) for number in found)
        kept = self.config.missing_items == "null_sid"
        n_joined = n_packed if kept else n_packed + n_missing
        if n_joined != counts.usable:
            raise SemanticIdsError(
                f"item_sids: an item must have one SID, got {n_joined} events "
                f"from a join of {counts.usable}"
            )
        rejected = counts.rejected | ({NO_SID: n_missing} if n_missing else {})
        if scope == ALL and not n_packed:
            raise TableError(f"events: {self.events.location} has no event to pack: {rejected}")
        totals = {"in": counts.rows_in, "out": n_packed, "segments": n_segments}
        return totals | label_rejects(rejected)

    def _rows(self, packed: DataFrame, counts: EventCounts, scope: str) -> DataFrame:
        day = self.config.ds or counts.newest_day
        ds = F.to_date(F.timestamp_micros("first_us")) if scope == SINCE else F.lit(day)
        segments = packed.where("n_events > 0").select(
            "*",
            bucket_of("user_id", self.config.buckets).alias("bucket"),
            ds.alias("ds"),
            F.lit(self.codebook.codebook_id).alias("codebook_id"),
        )
        return in_file_order(segments, self._dtypes)

    def _summary(self, rows: Mapping[str, int], outcome: str) -> RunSummary:
        rejected = rejects_in(rows)
        rows_rejected = rows["in"] - rows["out"]
        balance = f"{rows['in']:,} events in = {rows['out']:,} packed + {rows_rejected:,} not"
        return RunSummary(
            account(balance, rejected, outcome),
            codebook_id=self.codebook.codebook_id,
            inputs={"events": self.events.label, "item_sids": self.item_sids.label},
            rows_in=rows["in"],
            rows_out=rows["out"],
            rows_rejected=rows_rejected,
            metrics={"by_reason": rejected, "segments": rows["segments"]},
        )


_NO_ROWS = {"in": 0, "out": 0, "segments": 0}

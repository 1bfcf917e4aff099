"""What stands in item_sids and the tables beside it, and the commits that put it there."""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semantic_ids.spark.commits import Commit, Turn
from semantic_ids.spark.exchange import exchange_rows, marks_rows, with_places
from semantic_ids.spark.item_state import Moves, Result, Standing
from semantic_ids.spark.moves import few
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.quantize import Outputs, parts_of
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of
from semantic_ids.spark.snapshots import StoredFile, keep_listing, read_listing
from semantic_ids.spark.versions import FullRunError

__all__ = ["ItemTables"]


class ItemTables:
    """The tables of one codebook, and the turns of one run to write to them.

    Take it before anything is read: of two runs that saw the same tables one can write.
    """

    def __init__(
        self, spark: SparkSession, outputs: Outputs, codebook_id: str, run_id: str
    ) -> None:
        self._spark = spark
        self._outputs = outputs
        self._codebook_id = codebook_id
        self._run_id = run_id
        self._key = f"quantize_items {codebook_id}"
        self._turns: dict[str, Turn] = {
            output.name: output.turn(spark, self._key) for output in outputs.given()
        }

    def standing(self) -> Standing:
        """Find the rows that stand, unless somebody else changed them since.

        Raises
        ------
        FullRunError
            If there are none that a run can go on from.
        """
        outputs, spark = self._outputs, self._spark
        commit = self._newest(outputs.item_sids)
        if commit is None:
            sids = self.all_sids()
            if sids is None or sids.isEmpty():
                raise FullRunError("item_sids has no SIDs of this codebook yet")
            raise FullRunError(
                "somebody else changed item_sids, or its log has forgotten this codebook's last run"
            )
        beside = self._find(outputs.rejected_items, commit.beside.get("rejects"))
        if beside is None:
            raise FullRunError("somebody else changed rejected_items")
        version, in_step = beside
        sids = with_places(self._rows(outputs.item_sids.read(spark)), "item_id", "sid")
        rejects = self._rejects(None if in_step else version)
        return Standing(commit, sids, rejects, in_step)

    def _rejects(self, version: int | None) -> DataFrame:
        try:
            table = self._outputs.rejected_items.read(self._spark, version)
            rejects = self._rows(table).select("item_id", "reason", "run_id")
            if version is not None:
                rejects.where(F.length("reason") < 0).count()  # opens the files
        except SPARK_ERRORS as error:
            why = sentence_of(error)
            raise FullRunError(f"rejected_items of the last run cannot be read: {why}") from None
        return rejects

    def _rows(self, table: DataFrame) -> DataFrame:
        return table.where(F.col("codebook_id") == self._codebook_id)

    def all_sids(self) -> DataFrame | None:
        """Read the codebook's SIDs, whoever wrote them, if there is a table."""
        if not self._outputs.item_sids.exists(self._spark):
            return None
        return self._rows(self._outputs.item_sids.read(self._spark)).select("item_id", "sid")

    def _newest(self, output: Output) -> Commit | None:
        ours = (c for c in output.commits(self._spark) if c.key == self._key)
        return next(ours, None)

    def _find(self, output: Output, state: Any) -> tuple[int, bool] | None:
        """Find the version at which a table got a state, and whether that is the newest one."""
        ours = (c for c in output.commits(self._spark) if c.key == self._key)
        for place, commit in enumerate(ours):
            if commit.beside.get("state") == state:
                return commit.version, place == 0
        return None

    def read_listing(self, digest: str) -> list[StoredFile] | None:
        """Read a listing of the source's files that an earlier run kept."""
        return read_listing(self._spark, self._outputs.item_sids.folder(self._spark), digest)

    def write(
        self,
        result: Result,
        inputs: Mapping[str, Any],
        *,
        standing: Standing | None,
        listing: tuple[StoredFile, ...] | None,
    ) -> None:
        """Commit the rejects, then the SIDs, which is the point of no return, then the way back.

        Where the SIDs cannot be committed, the rejects that go with those that stand are put back.
        """
        before = standing.commit.beside if standing else {}
        kept = result.rejects is None and standing is not None
        beside = {"rejects": before["rejects"] if kept else self._run_id, "state": self._run_id}
        commit = Commit(self._key, inputs, result.rows, self._run_id, beside)
        for output in self._outputs.given():
            output.create(self._spark)
        if result.rejects is not None:
            self._put_rejects(result.rejects, commit, self._run_id)
        if listing:
            keep_listing(self._spark, self._outputs.item_sids.folder(self._spark), listing)
        try:
            self._put_sids(result, commit, standing)
        except Exception:
            with contextlib.suppress(Exception):  # the first failure is the one to hear of
                later = ItemTables(
                    self._spark, self._outputs, self._codebook_id, f"{self._run_id}b"
                )
                later.settle(later.standing())
            raise
        if result.moves and standing and self._is_way_back(standing.commit):
            self._move_way_back(result.moves, commit)
        else:
            self._put_way_back(commit)

    def _put_rejects(self, rejects: DataFrame, commit: Commit, state: str) -> None:
        output = self._outputs.rejected_items
        said = dataclasses.replace(commit, run_id=self._run_id, beside={"state": state})
        output.replace(
            self._filed(rejects.coalesce(1)), self._mine(), said, turn=self._turns[output.name]
        )

    def _put_sids(self, result: Result, commit: Commit, standing: Standing | None) -> None:
        output = self._outputs.item_sids
        if result.sids is not None:
            turn = self._turns[output.name]
            output.replace(self._filed(result.sids), self._mine(), commit, turn=turn)
        elif result.moves and standing:
            gone = result.moves.rows.where("old_sid is not null")
            self._exchange(output, standing.sids, gone, result.moves, commit)

    def _exchange(
        self, output: Output, table: DataFrame, gone: DataFrame, moves: Moves, commit: Commit
    ) -> None:
        """Take rows out of a table, and put in the SIDs that items have now."""
        new = self._filed(moves.rows.where("sid is not null")).select(*output.schema.names)
        new = new.coalesce(parts_of(self._spark, moves.n_new()))
        exchange_rows(
            output,
            table,
            self._mine(),
            gone=gone,
            new=new.sortWithinPartitions(new.columns[0]),
            commit=commit,
            turn=self._turns[output.name],
        )

    def settle(self, standing: Standing) -> list[str]:
        """Bring the tables beside item_sids into step with it; name those that were not."""
        commit, mended = standing.commit, []
        if not standing.in_step:
            self._put_rejects(standing.rejects, commit, commit.beside["rejects"])
            mended.append("rejected_items")
        if self._outputs.sid_items and not self._is_way_back(commit):
            self._put_way_back(commit)
            mended.append("sid_items")
        return mended

    def _is_way_back(self, commit: Commit) -> bool:
        """Say whether sid_items says what a commit to item_sids does."""
        newest = self._newest(self._outputs.sid_items) if self._outputs.sid_items else None
        return newest is not None and newest.beside.get("state") == commit.beside.get("state")

    def _move_way_back(self, moves: Moves, commit: Commit) -> None:
        output = self._outputs.sid_items
        if output is None:
            return
        table = with_places(self._rows(output.read(self._spark)), "sid", "item_id")
        if not marks_rows(table):
            self._put_way_back(commit)
            return
        old = moves.rows.where("old_sid is not null").select(
            F.col("old_sid").alias("sid"), "item_id"
        )
        gone = table.join(few(old, moves.n_gone()), ["sid", "item_id"])
        self._exchange(output, table, gone, moves, commit)

    def _put_way_back(self, commit: Commit) -> None:
        """Write sid_items anew from item_sids."""
        output = self._outputs.sid_items
        if output is None:
            return
        output.create(self._spark)
        rows = self._rows(self._outputs.item_sids.read(self._spark))
        n_rows = commit.rows["out"] + commit.rows.get("kept", 0)
        by_sid = rows.repartitionByRange(parts_of(self._spark, n_rows), "sid", "item_id")
        said = dataclasses.replace(commit, run_id=self._run_id)
        rows = by_sid.sortWithinPartitions("sid", "item_id")
        output.replace(rows, self._mine(), said, turn=self._turns[output.name])

    def _mine(self) -> str:
        return f"codebook_id = '{self._codebook_id}'"

    def _filed(self, rows: DataFrame) -> DataFrame:
        return rows.withColumn("codebook_id", F.lit(self._codebook_id))

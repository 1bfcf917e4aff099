"""The work of quantize_items: what changed since the last run, or all of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semantic_ids.codebook import Codebook
from semantic_ids.errors import SemanticIdsError, TableError
from semantic_ids.spark.changes import find_changes
from semantic_ids.spark.commits import label_rejects, rejects_in
from semantic_ids.spark.encoding import Encoded, Stored
from semantic_ids.spark.exchange import marks_rows
from semantic_ids.spark.item_changes import (
    balance,
    count_reasons,
    find_moves,
    recode,
    rejects_after,
)
from semantic_ids.spark.item_state import Moves, Result, Standing
from semantic_ids.spark.item_tables import ItemTables
from semantic_ids.spark.moves import few
from semantic_ids.spark.quantize import Outputs, id_type, in_order, parts_of, quantize, with_ids
from semantic_ids.spark.runs import RunSummary, account
from semantic_ids.spark.scratch import Scratch
from semantic_ids.spark.sources import UNVERSIONED, Source
from semantic_ids.spark.versions import FullRunError

__all__ = ["ItemRun", "in_order_at_times", "update_sids"]

_REWRITE = 0.25  # of the rows; where more moved, all are written in order


@dataclass(frozen=True)
class ItemRun:
    """What one run of quantize_items works on.

    Parameters
    ----------
    items : Source
    codebook : Codebook
    outputs : Outputs
    binary_dtype : str
        float32 or float16, for a BINARY collection.
    deletions : str
        "remove" or "keep": what becomes of the SID of an item that the source lost.
    run_id : str
    """

    items: Source
    codebook: Codebook
    outputs: Outputs
    binary_dtype: str
    deletions: str
    run_id: str

    def inputs(self) -> dict[str, Any]:
        """Say what the rows depend on, besides the codebook."""
        return {
            "embeddings": self.items.label,
            "table_id": self.items.identity(["item_id", *self.codebook.collections]),
            "binary_dtype": self.binary_dtype,
            "deletions": self.deletions,
        }

    def shape(self, rows: DataFrame, *more: str) -> DataFrame:
        """Select the columns of the source that count, and further ones."""
        return with_ids(rows, self.codebook, id_type(self.items, "item_id"), *more)

    def quantize(self, rows: DataFrame, stored: Stored | None, n_rows: int) -> Encoded:
        """Give each row a SID or a reason, and say how the rows were read."""
        return quantize(
            rows,
            self.codebook,
            item_id=id_type(self.items, "item_id"),
            binary_dtype=self.binary_dtype,
            n_parts=parts_of(rows.sparkSession, n_rows),
            stored=stored,
        )


def update_sids(run: ItemRun) -> RunSummary:
    """Make a codebook's rows in the tables those of the source's version.

    Only what changed since the last run is read and written, where that can be told; the tables
    then hold what a run on all of the source would have written.

    Raises
    ------
    TableError
        If no row can be quantised; what stands is kept then.
    AnotherRunError
        If another run for this codebook committed meanwhile.
    SemanticIdsError
        If rows in differ from SIDs + rejects; nothing is written then.
    """
    spark = run.items.rows.sparkSession
    tables = ItemTables(spark, run.outputs, run.codebook.codebook_id, run.run_id)
    standing, inputs = None, run.inputs()
    with Scratch() as scratch:
        try:
            standing = tables.standing()
            if standing.commit.inputs == inputs and run.items.version != UNVERSIONED:
                mended = _mended(tables.settle(standing))
                done = f"nothing to do, this version has its SIDs{mended}"
                return _summary(run, Result(standing.commit.rows, done))
            result = _changed(run, tables, standing, scratch)
        except FullRunError as why:
            result = _whole(run, tables, str(why), scratch)
        tables.write(result, inputs, standing=standing, listing=run.items.listing)
    return _summary(run, result)


def _mended(tables: Sequence[str]) -> str:
    return f"; {' and '.join(tables)} put in step with it" if tables else ""


def _changed(run: ItemRun, tables: ItemTables, standing: Standing, scratch: Scratch) -> Result:
    since = _require_same_work(run, standing)
    items = run.items
    changes = find_changes(
        items,
        since,
        shape=run.shape,
        rows_before=standing.rows(),
        read_listing=tables.read_listing,
        scratch=scratch,
    )
    recoded = recode(
        changes,
        standing,
        all_rows=run.shape(items.rows),
        quantize=lambda rows, stored: run.quantize(rows, stored, changes.n_added),
        scratch=scratch,
    )
    moves = find_moves(recoded, keep_removed=run.deletions == "keep", scratch=scratch)
    rejects = rejects_after(recoded, moves, standing=standing, run_id=run.run_id)
    if rejects is not None:
        rejects = scratch.keep(rejects)
    by_reason = rejects_in(standing.commit.rows) if rejects is None else count_reasons(rejects)
    rows = balance(items, moves, by_reason, before=standing.commit.rows)
    counts = ", ".join(f"{n:,} {what}" for what, n in moves.counts.items() if n)
    again = f", {recoded.n_again:,} items looked up in all of it" if recoded.n_again else ""
    outcome = (
        f"{counts or 'no SID changed'}; only changes since {since} read, {changes.way}{again}, "
        f"{_how(recoded.read)}"
    )
    return in_order_at_times(Result(rows, outcome, rejects=rejects), moves, standing)


def in_order_at_times(result: Result, moves: Moves, standing: Standing) -> Result:
    """Write all SIDs in order once many have moved: small files and deletion vectors add up."""
    n_moved = sum(moves.counts.values()) + standing.commit.rows["moved"]
    n_sids = result.rows["out"] + result.rows["kept"]
    if n_moved <= _REWRITE * n_sids and (marks_rows(standing.sids) or not moves.n_gone()):
        rows = {**result.rows, "moved": n_moved}
        return dataclasses.replace(result, rows=rows, moves=moves)
    moved = few(moves.rows.select("item_id"), sum(moves.counts.values()))
    stay = standing.sids.select("item_id", "sid").join(moved, "item_id", "left_anti")
    there = moves.rows.where("sid is not null").select("item_id", "sid")
    n_parts = parts_of(stay.sparkSession, n_sids)
    return dataclasses.replace(result, sids=in_order(stay.unionByName(there), n_parts))


def _how(read: Encoded) -> str:
    return f"embeddings through {read.path} ({read.why})"


def _require_same_work(run: ItemRun, standing: Standing) -> str:
    """Give the version that the last run read, if it did the same work on the same table."""
    then, now = dict(standing.commit.inputs), run.inputs()
    location, _, since = str(then.pop("embeddings", "")).rpartition("@")
    now.pop("embeddings")
    if location != run.items.location or then.get("table_id") != now["table_id"]:
        raise FullRunError("the last run read another table, or other columns")
    if then != now:
        raise FullRunError("the options are not those of the last run")
    return since


def _whole(run: ItemRun, tables: ItemTables, why: str, scratch: Scratch) -> Result:
    items = run.items
    n_rows = items.n_rows
    files = items.files()
    stored = None if files is None else Stored(files)
    read = run.quantize(run.shape(items.rows), stored, n_rows)
    quantized = scratch.keep(read.frame)
    by_reason = count_reasons(quantized)
    rows = {"in": n_rows, "out": by_reason.pop("", 0), "kept": 0, "moved": 0}
    _require_all(items, rows, by_reason)
    sids = quantized.where("reason is null").select("item_id", "sid")
    standing = tables.all_sids() if run.deletions == "keep" else None
    if standing is not None:
        gone = scratch.keep(standing.join(quantized.select("item_id"), "item_id", "left_anti"))
        rows["kept"] = gone.count()
        if rows["kept"]:
            n_parts = parts_of(sids.sparkSession, rows["out"] + rows["kept"])
            sids = in_order(sids.unionByName(gone), n_parts)
    rejects = quantized.where("reason is not null").select("item_id", "reason")
    return Result(
        rows | label_rejects(by_reason),
        f"all rows read, {_how(read)}, because {why}",
        sids=sids,
        rejects=rejects.withColumn("run_id", F.lit(run.run_id)),
    )


def _require_all(items: Source, rows: Mapping[str, int], by_reason: Mapping[str, int]) -> None:
    n_rejects = sum(by_reason.values())
    if rows["in"] != rows["out"] + n_rejects:
        raise SemanticIdsError(
            f"{items.name}: {rows['in']} rows in must equal SIDs + rejects, "
            f"got {rows['out']} + {n_rejects}"
        )
    if not rows["out"]:
        why = "; ".join(f"{reason}: {n:,} rows" for reason, n in sorted(by_reason.items()))
        raise TableError(
            f"{items.name}: {items.location} must hold a row to quantise, got {why or 'no rows'}"
        )


def _summary(run: ItemRun, result: Result) -> RunSummary:
    rows = result.rows
    rejected = rejects_in(rows)
    rows_rejected = sum(rejected.values())
    balance = f"{rows['in']:,} rows in = {rows['out']:,} SIDs + {rows_rejected:,} rejects"
    kept = f" and {rows['kept']:,} SIDs of items that are gone" if rows.get("kept") else ""
    return RunSummary(
        account(balance + kept, rejected, result.outcome),
        codebook_id=run.codebook.codebook_id,
        inputs={"embeddings": run.items.label},
        rows_in=rows["in"],
        rows_out=rows["out"],
        rows_rejected=rows_rejected,
        metrics={"by_reason": rejected},
    )

"""From changed rows of a source to what item_sids and rejected_items must hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semantic_ids.spark.changes import Changes
from semantic_ids.spark.commits import label_rejects
from semantic_ids.spark.encoding import NULL_ID, Encoded, Stored
from semantic_ids.spark.exchange import PLACE
from semantic_ids.spark.item_state import Moves, Standing
from semantic_ids.spark.moves import few, held
from semantic_ids.spark.scratch import Scratch
from semantic_ids.spark.sources import Source
from semantic_ids.spark.versions import FullRunError

__all__ = [
    "Recoded",
    "balance",
    "count_reasons",
    "find_moves",
    "recode",
    "rejects_after",
]


@dataclass(frozen=True)
class Recoded:
    """The changed items, and their rows as they are now.

    Parameters
    ----------
    items : DataFrame
        item_id, net, old_sid, `PLACE` of that, n_rejects: each changed item once.
    rows : DataFrame
        item_id, sid, reason: all rows of these items.
    net_nulls : int
        By how many the rows without an item_id have become more.
    n_again : int
        Items of which all of the source had to be read.
    read : Encoded
        How the embeddings were read.
    """

    items: DataFrame
    rows: DataFrame
    net_nulls: int
    n_again: int
    read: Encoded


def recode(
    changes: Changes,
    standing: Standing,
    *,
    all_rows: DataFrame,
    quantize: Callable[[DataFrame, Stored | None], Encoded],
    scratch: Scratch,
) -> Recoded:
    """Quantise all rows of the changed items.

    The rows that came are all that an item has, unless others of it stayed where they were: those
    items are looked up in the whole source.

    Parameters
    ----------
    changes : Changes
    standing : Standing
    all_rows : DataFrame
        The source as it is now, in the columns that count.
    quantize : callable
        Takes rows, and where exactly they are stored if that is known; gives each a SID or a
        reason.
    scratch : Scratch
    """
    touched = changes.touched.where("item_id is not null")
    ids = few(touched.select("item_id"), changes.n_items)
    coded = scratch.keep(
        standing.sids.join(ids, "item_id").select("item_id", F.col("sid").alias("old_sid"), *PLACE)
    )
    rejected = standing.rejects.join(ids, "item_id").groupBy("item_id")
    rejects = rejected.agg(F.count(F.lit(1)).alias("n_rejects"))
    n_before = F.col("old_sid").isNotNull().cast("int") + F.col("n_rejects")
    items = scratch.keep(
        touched.join(coded, "item_id", "left")
        .join(rejects, "item_id", "left")
        .fillna(0, ["n_rejects"])
        .withColumn("all_here", n_before + F.col("net") == F.col("n_added"))
    )
    again = items.where("not all_here").select("item_id")
    n_again = again.count()
    if n_again:
        here = changes.added.join(few(again, n_again), "item_id", "left_anti")
        rows = here.unionByName(all_rows.join(few(again, n_again), "item_id", "left_semi"))
        read = quantize(rows, None)
    else:
        read = quantize(changes.added, changes.stored)
    rows = scratch.keep(read.frame.where("item_id is not null"))
    return Recoded(items.drop("all_here", "n_added"), rows, changes.net_nulls, n_again, read)


def find_moves(recoded: Recoded, *, keep_removed: bool, scratch: Scratch) -> Moves:
    """Compare the SIDs of changed items with those that stand."""
    now = recoded.rows.groupBy("item_id").agg(
        F.max("sid").alias("new_sid"),
        F.count(F.lit(1)).alias("n_now"),
        F.count("reason").alias("n_rejects_now"),
    )
    gone, kept = F.col("n_now") == 0, F.lit(keep_removed)
    compared = scratch.keep(
        recoded.items.join(now, "item_id", "left")
        .fillna(0, ["n_now", "n_rejects_now"])
        .withColumn("sid", F.when(gone & kept, F.col("old_sid")).otherwise(F.col("new_sid")))
    )
    is_kept = gone & F.col("sid").isNotNull()
    was_kept = F.col("old_sid").isNotNull() & (F.col("n_now") == F.col("net"))
    old, new = F.col("old_sid"), F.col("sid")
    counted = compared.agg(
        F.count_if(old.isNull() & new.isNotNull()).alias("inserted"),
        F.count_if(old != new).alias("replaced"),
        F.count_if(old.isNotNull() & new.isNull()).alias("removed"),
        (F.count_if(is_kept) - F.count_if(was_kept)).alias("kept"),
        F.coalesce(F.sum(F.col("n_rejects") + F.col("n_rejects_now")), F.lit(0)).alias("rejects"),
    )
    counts = counted.collect()[0].asDict()
    kept, n_rejects = counts.pop("kept"), counts.pop("rejects")
    moved = compared.where(~old.eqNullSafe(new)).select("item_id", "old_sid", "sid", *PLACE)
    return Moves(held(moved, sum(counts.values())), counts, kept, n_rejects)


def rejects_after(
    recoded: Recoded, moves: Moves, *, standing: Standing, run_id: str
) -> DataFrame | None:
    """Give all rejects as they are now; None where they are those that stand."""
    if not recoded.net_nulls and not moves.n_rejects:
        return None if standing.in_step else standing.rejects
    ids = recoded.items.select("item_id")
    fresh = recoded.rows.where("reason is not null").select("item_id", "reason")
    stay = standing.rejects.join(ids, "item_id", "left_anti")
    if recoded.net_nulls:
        n_nulls = standing.rejects.where("item_id is null").count() + recoded.net_nulls
        if n_nulls < 0:
            raise FullRunError("fewer rows without item_id were there than went")
        stay = stay.where("item_id is not null")
        nulls = fresh.sparkSession.range(n_nulls).select(
            F.lit(None).cast(fresh.schema["item_id"].dataType).alias("item_id"),
            F.lit(NULL_ID).alias("reason"),
        )
        fresh = fresh.unionAll(nulls)
    return stay.unionByName(fresh.withColumn("run_id", F.lit(run_id)))


def balance(
    items: Source, moves: Moves, by_reason: Mapping[str, int], *, before: Mapping[str, int]
) -> dict[str, int]:
    """Count rows after the changes.

    Raises
    ------
    FullRunError
        If what the source holds is not what the changes make of the counts before.
    """
    kept = before["kept"] + moves.net_kept
    n_sids = before["out"] + before["kept"] + moves.counts["inserted"] - moves.counts["removed"]
    rows = {"in": items.n_rows, "out": n_sids - kept, "kept": kept, "moved": 0}
    if rows["in"] != rows["out"] + sum(by_reason.values()) or kept < 0:
        raise FullRunError(
            f"{rows['in']:,} rows are there, but the changes make {rows['out']:,} SIDs + "
            f"{sum(by_reason.values()):,} rejects of them"
        )
    if not rows["out"]:
        raise FullRunError("the changes leave no SID")
    return rows | label_rejects(by_reason)


def count_reasons(rows: DataFrame) -> dict[str, int]:
    """Count rows by reason; those with a SID have none, and count under the empty one."""
    by_reason = rows.groupBy(F.coalesce("reason", F.lit("")).alias("reason")).count()
    return {row["reason"]: row["count"] for row in by_reason.collect()}

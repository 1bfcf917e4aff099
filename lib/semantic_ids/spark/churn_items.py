"""Items of both sides: counted by what became of them, and a sample of those on both."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semantic_ids.errors import TableError
from semantic_ids.report import Counts
from semantic_ids.spark.churn_inputs import ChurnInputs, Side
from semantic_ids.spark.drawing import sample_bound
from semantic_ids.spark.sid_inputs import names_item, refuse_nameless

__all__ = ["PairedItems", "count_items", "draw_pairs", "first_byte", "first_byte_counts"]

_SEED = 30_311  # bucketing and other samples hash item_id too: another seed gives other items


@dataclass(frozen=True)
class PairedItems:
    """Items of both sides, in the order of their hash.

    Parameters
    ----------
    item_ids : pyarrow.ChunkedArray of n
    before, after : ndarray of shape (n,), int64
        SIDs, each of its side's codebook.
    """

    item_ids: pa.ChunkedArray
    before: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]


def count_items(inputs: ChurnInputs) -> Counts:
    """Count the items of both sides.

    Raises
    ------
    TableError
        If a side has no item, an item has two SIDs on a side, a SID is null, or an item_id is null
        or no UTF-8.
    """
    pairs, width = _pairs(inputs), inputs.after.codebook.width
    in_before, in_after = F.col("n_before") > 0, F.col("n_after") > 0
    moved = in_before & in_after & (F.col("before") != F.col("after"))
    found = pairs.agg(
        _sum(F.col("n_before")).alias("rows_before"),
        _sum(F.col("n_after")).alias("rows_after"),
        F.count_if(in_before).alias("n_before"),
        F.count_if(in_after).alias("n_after"),
        F.count_if(in_before & in_after).alias("n_both"),
        F.count_if(moved).alias("n_moved"),
        F.count_if(in_before & F.col("before").isNull()).alias("null_before"),
        F.count_if(in_after & F.col("after").isNull()).alias("null_after"),
        F.count_if(~names_item(pairs)).alias("n_nameless"),
        *first_byte_counts(moved, first_byte(F.col("before"), F.col("after"), width), width),
    ).collect()[0]
    for side, which in ((inputs.before, "before"), (inputs.after, "after")):
        _check_side(side, found[f"rows_{which}"], found[f"n_{which}"], found[f"null_{which}"])
    if found["n_nameless"]:
        refuse_nameless(inputs.before)
        refuse_nameless(inputs.after)
    numbers = (found["n_before"], found["n_after"], found["n_both"])
    if not inputs.is_one_codebook:
        return Counts(*numbers, None, ())
    first_bytes = tuple(found[f"byte_{j}"] for j in range(width))
    return Counts(*numbers, found["n_moved"], first_bytes)


def _pairs(inputs: ChurnInputs, where: Column | None = None) -> DataFrame:
    """Give each item once: its SIDs `before` and `after`, and how many rows each side has."""
    sides = []
    for side, name in ((inputs.before, "before"), (inputs.after, "after")):
        rows = side.sids()
        chosen = rows if where is None else rows.where(where)
        sides.append(chosen.select("item_id", "sid", F.lit(name == "after").alias("is_after")))
    is_after = F.col("is_after")
    return (
        sides[0]
        .unionByName(sides[1])
        .groupBy("item_id")
        .agg(
            F.count_if(~is_after).alias("n_before"),
            F.count_if(is_after).alias("n_after"),
            F.max(F.when(~is_after, F.col("sid"))).alias("before"),
            F.max(F.when(is_after, F.col("sid"))).alias("after"),
        )
    )


def _sum(column: Column) -> Column:
    return F.coalesce(F.sum(column), F.lit(0))


def _check_side(side: Side, n_rows: int, n_items: int, n_null: int) -> None:
    table, codebook_id = side.item_sids, side.codebook.codebook_id
    if not n_rows:
        raise TableError(
            f"{table.name}: {table.label} has no SID of codebook {codebook_id}: run "
            "quantize_items with it, or compare with another version"
        )
    if n_rows != n_items:
        raise TableError(
            f"{table.name}: an item of {table.label} must have one SID of codebook {codebook_id}, "
            f"got {n_rows:,} SIDs of {n_items:,} items"
        )
    if n_null:
        raise TableError(
            f"{table.name}: the SIDs of {table.label} must not be null, got {n_null:,} nulls"
        )


def first_byte(before: Column, after: Column, width: int) -> Column:
    """Give the first byte in which two SIDs differ, counted from 0; `width - 1` if in none."""
    differing = before.bitwiseXOR(after)
    alike = [
        (F.shiftrightunsigned(differing, 8 * (width - n_bytes)) == 0).cast("int")
        for n_bytes in range(1, width)
    ]
    return sum(alike, F.lit(0))


def first_byte_counts(moved: Column, first: Column, width: int) -> list[Column]:
    """Count rows that moved by their first differing byte, as `byte_0`, `byte_1`, ..."""
    return [F.count_if(moved & (first == j)).alias(f"byte_{j}") for j in range(width)]


def draw_pairs(inputs: ChurnInputs, n_both: int, size: int) -> PairedItems:
    """Draw the `size` items of lowest hash among those on both sides."""
    place = F.xxhash64("item_id", F.lit(_SEED))
    cut = sample_bound(size, n_both)
    pairs = _pairs(inputs, place <= cut).where("n_before > 0 and n_after > 0")
    drawn = pairs.orderBy(place, "item_id").limit(size).select("item_id", "before", "after")
    table = drawn.toArrow()
    return PairedItems(table["item_id"], table["before"].to_numpy(), table["after"].to_numpy())

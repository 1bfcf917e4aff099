"""Whole users drawn from events or sequences, by hash: the same ones whatever the partitioning."""

from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semantic_ids.errors import TableError
from semantic_ids.spark.events import join_sids, select_events, sids_of_codebook
from semantic_ids.spark.footprint_sample import Segment, Vectors
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source
from semantic_ids.spark.vectors import lengths_of, parse_vectors

__all__ = ["draw_events", "draw_segments", "read_vectors"]

_SEED = 20_201  # build_sequences hashes user_id too, for buckets: another seed gives other users
_OVERDRAW = 2
_LAST_PLACE = 2**63 - 1


def draw_events(
    events: Source, item_sids: Source, *, codebook_id: str, n_events: int
) -> tuple[pa.Table, int]:
    """Draw users until they have n_events, and join their events with SIDs.

    Returns
    -------
    Table
        user_id, item_id, timestamp (int64 microseconds), sid (null where the item has none), in
        the order of user, time and item. At most twice n_events: one long history is cut there.
    int
        Events of the source that name a user, an item and a time.

    Raises
    ------
    TableError
        If there is no such event, or an item of one has several SIDs.
    """
    selected = select_events(events, day=None, dtypes={}, tie_break=[])
    valid = selected.where(F.col("reason").isNull())
    total = valid.count()
    if not total:
        rule = "must hold an event with user_id, item_id and timestamp"
        raise TableError(f"events: {events.location} {rule}, got none")
    drawn = _whole_users(valid, F.lit(1), total=total, n_events=n_events)
    sids = sids_of_codebook(item_sids, codebook_id, item_id=drawn.schema["item_id"].dataType)
    joined = join_sids(drawn, sids)
    rows = (
        joined.orderBy("place", "user_id", "timestamp", "item_id")
        .limit(_OVERDRAW * n_events)
        .select("user_id", "item_id", "timestamp", "sid")
        .toArrow()
    )
    _refuse_several_sids(rows, item_sids, codebook_id)
    return rows, total


def _refuse_several_sids(events: pa.Table, item_sids: Source, codebook_id: str) -> None:
    counts = events.group_by("item_id").aggregate([("sid", "count_distinct")])
    several = counts.filter(pc.field("sid_count_distinct") > 1).sort_by("item_id")
    if several.num_rows:
        raise TableError(
            f"item_sids: an item must have one SID of codebook {codebook_id} in "
            f"{item_sids.location}, got several of {several.num_rows:,} items, such as item_id "
            f"{several['item_id'][0].as_py()!r}"
        )


def draw_segments(sequences: Source, *, total: int, n_events: int) -> list[Segment]:
    """Draw users until they have n_events of the total, and collect their segments in order.

    Stops at twice n_events: one long history is cut there.
    """
    drawn = _whole_users(sequences.rows, F.col("n_events"), total=total, n_events=n_events)
    rows = (
        drawn.orderBy("place", "user_id", "first_ts")
        .select("user_id", "n_events", "sids", "timestamps")
        .toLocalIterator()
    )
    segments: list[Segment] = []
    so_far = 0
    for row in rows:
        segments.append((row[0], row[1], bytes(row[2] or b""), bytes(row[3] or b"")))
        so_far += row[1]
        if so_far >= _OVERDRAW * n_events:
            break
    return segments


def _whole_users(rows: DataFrame, weight: Column, *, total: int, n_events: int) -> DataFrame:
    """Keep the users whose hash is lowest, until their weights reach n_events; add it as place."""
    placed = rows.withColumn("place", F.xxhash64("user_id", F.lit(_SEED)))
    share = min(1.0, _OVERDRAW * n_events / total)
    likely = min(_LAST_PLACE, int(share * 2**64) - 2**63)
    for below in (likely, _LAST_PLACE):  # where users are few, the likely ones may not suffice
        users = _lowest_users(placed, weight, below=below, limit=n_events)
        for place, so_far in zip(users, accumulate(users.values()), strict=True):
            if so_far >= n_events:
                return placed.where(F.col("place") <= place)
    return placed


def _lowest_users(placed: DataFrame, weight: Column, *, below: int, limit: int) -> dict[int, int]:
    """Sum the weights of the users of the lowest hashes, in the order of hash."""
    users = placed.where(F.col("place") <= below).groupBy("place").agg(F.sum(weight).alias("n"))
    return {row["place"]: row["n"] for row in users.orderBy("place").limit(limit).collect()}


def read_vectors(
    embeddings: Source, collection: str, *, item_ids: pa.Array, binary_dtype: str
) -> Vectors:
    """Read the embeddings of some items, one for each item that has a valid one.

    Raises
    ------
    TableError
        If item ids are of another type, or none of the items has an embedding.
    """
    kind = id_type(embeddings, "item_id")
    wanted = "bigint" if pa.types.is_integer(item_ids.type) else "string"
    if kind.simpleString() != wanted:
        raise TableError(
            f"embeddings: item_id must be {wanted} as in events, got {kind.simpleString()}"
        )
    spark = embeddings.rows.sparkSession
    ids = spark.createDataFrame([(item,) for item in item_ids.to_pylist()], f"item_id {wanted}")
    named = embeddings.rows.select(F.col("item_id").cast(kind), collection)
    found = (
        named.join(F.broadcast(ids), on="item_id", how="left_semi")
        .orderBy("item_id", F.xxhash64(collection))
        .toArrow()
        .combine_chunks()
    )
    column = found.column(collection).combine_chunks()
    lengths = lengths_of(column, binary_dtype)
    if not (lengths > 0).any():
        raise TableError(
            f"embeddings: {embeddings.location} must hold {collection!r} of the sampled items, "
            "got none of them"
        )
    dim = int(np.bincount(lengths[lengths > 0]).argmax())
    parsed = parse_vectors(column, dim, binary_dtype=binary_dtype)
    valid = found.column("item_id").filter(pa.array(parsed.valid)).combine_chunks()
    first = _first_of_each(valid)
    return Vectors(valid.take(pa.array(first)), parsed.vectors[first])


def _first_of_each(sorted_ids: pa.Array) -> np.ndarray:
    """Find the first row of each id."""
    ids = sorted_ids.to_numpy(zero_copy_only=False)
    return np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))[: len(ids)]

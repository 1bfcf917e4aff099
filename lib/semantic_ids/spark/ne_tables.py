"""What an experiment reads: the events of some users, and SIDs and embeddings of their items."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semantic_ids.codebook import present_rows
from semantic_ids.errors import TableError
from semantic_ids.ne_configs import EvaluateNe
from semantic_ids.spark.events import select_events, sids_of_codebook
from semantic_ids.spark.footprint_draw import read_vectors
from semantic_ids.spark.ne_inputs import NeInputs
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source

__all__ = ["NeTables", "read_tables"]

_SEED = 20_241  # other draws hash user_id too: another seed gives other users
_LOWEST = -(2**63)


@dataclass(frozen=True)
class NeTables:
    """Events of some users, and the items of these; ids in rising order, events numbered by them.

    Parameters
    ----------
    user_ids, item_ids : pyarrow Arrays
    users, items, times : ndarrays of shape (n,), int64
    labels : ndarray of shape (n,), or None
    sids : ndarray of shape (n_items,), int64
    vectors : mapping of str to ndarray of shape (n_items, dim), float32
        By collection; NaN where an item lacks one.
    n_events, n_all_users : int
        Events read, those without an item that is known included; users in events.
    """

    user_ids: pa.Array
    item_ids: pa.Array
    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    labels: np.ndarray | None
    sids: np.ndarray
    vectors: Mapping[str, np.ndarray]
    n_events: int
    n_all_users: int

    def arrays(self) -> dict[str, Any]:
        """Give the ids and arrays by their names."""
        counts = ("n_events", "n_all_users")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in counts}


def read_tables(inputs: NeInputs, config: EvaluateNe) -> NeTables:
    """Read the events of the users of lowest hash, and SIDs and embeddings of their items.

    Raises
    ------
    TableError
        If a timestamp, user, item or label is missing, a time lies outside the calendar, or no item
        has a SID and an embedding.
    """
    events = _events(inputs.events, config.label)
    n_all = events.select("user_id").distinct().count()
    rows = _of_users(events, n_all, config.sample_users).toArrow().combine_chunks()
    _refuse_unusable(rows, inputs.events, config.label)
    items = _items(inputs, rows["item_id"].unique(), config.binary_dtype)
    places = pc.index_in(rows["item_id"], items[0])
    is_known = pc.is_valid(places)
    known = rows.filter(is_known)
    if not len(known):
        raise TableError(
            f"events: {inputs.events.location} must have events of items with a SID and an "
            f"embedding, got none among {len(rows):,}"
        )
    user_ids = pc.unique(known["user_id"]).sort()
    return NeTables(
        user_ids,
        items[0],
        pc.index_in(known["user_id"], user_ids).to_numpy().astype(np.int64),
        places.drop_null().to_numpy().astype(np.int64),
        known["timestamp"].to_numpy(),
        known["label"].to_numpy() if config.label else None,
        items[1],
        items[2],
        len(rows),
        n_all,
    )


def _events(events: Source, label: str | None) -> DataFrame:
    selected = select_events(events, day=None, dtypes={}, tie_break=[label] if label else [])
    named = selected.withColumnRenamed("tie_0", "label") if label else selected
    if label:
        named = named.withColumn("label", F.col("label").cast("double"))
    return named.drop("user_hash")


def _of_users(events: DataFrame, n_users: int, n_wanted: int) -> DataFrame:
    """Keep about so many users, those of the lowest hashes."""
    if n_users <= n_wanted:
        return events
    bound = _LOWEST + 2**64 * n_wanted // n_users
    return events.where(F.xxhash64("user_id", F.lit(_SEED)) <= bound)


def _refuse_unusable(rows: pa.Table, events: Source, label: str | None) -> None:
    among = f"of {len(rows):,} rows of {events.location}"
    for column in rows.drop_columns("reason").column_names:
        n_nulls = rows[column].null_count
        if n_nulls:
            name = label if column == "label" else column
            raise TableError(f"events: {name} must not be null, got null in {n_nulls:,} {among}")
    reasons = rows["reason"].drop_null()
    if len(reasons):
        raise TableError(f"events: {reasons[0]} in {len(reasons):,} {among}")


def _items(
    inputs: NeInputs, item_ids: pa.Array, binary_dtype: str
) -> tuple[pa.Array, np.ndarray, dict[str, np.ndarray]]:
    """Read the ids, SIDs and embeddings of the items that have both, in rising order of ids."""
    kind = id_type(inputs.events, "item_id")
    sids = sids_of_codebook(inputs.item_sids, inputs.codebook.codebook_id, item_id=kind)
    wanted = sids.sparkSession.createDataFrame(
        pa.table({"item_id": item_ids}), f"item_id {kind.simpleString()}"
    )
    known = sids.join(F.broadcast(wanted), on="item_id", how="left_semi")
    found = known.orderBy("item_id").toArrow().combine_chunks()
    if not len(found):
        raise TableError(
            f"item_sids: {inputs.item_sids.location} must have SIDs of the items in events, got "
            "none of them"
        )
    ids = found["item_id"].combine_chunks()
    vectors = {name: _rows(inputs, name, ids, binary_dtype) for name in inputs.collections}
    several = len(vectors) > 1
    has = [present_rows(rows, zero_is_missing=several) for rows in vectors.values()]
    kept = np.any(has, axis=0)
    mask = pa.array(kept)
    sids_kept = found["sid"].filter(mask).to_numpy()
    return ids.filter(mask), sids_kept, {name: rows[kept] for name, rows in vectors.items()}


def _rows(inputs: NeInputs, collection: str, ids: pa.Array, binary_dtype: str) -> np.ndarray:
    """Read one collection of items, shape (n, dim); NaN where an item has no valid embedding."""
    found = read_vectors(inputs.embeddings, collection, item_ids=ids, binary_dtype=binary_dtype)
    rows = np.full((len(ids), found.vectors.shape[1]), np.nan, np.float32)
    rows[pc.index_in(found.ids, ids).to_numpy()] = found.vectors
    return rows

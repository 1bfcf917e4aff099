"""The tables of an experiment: opened, checked, and read whole for some users."""

from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, NumericType, StringType

from semantic_ids.codebook import Codebook
from semantic_ids.errors import TableError
from semantic_ids.ne_configs import EvaluateNe
from semantic_ids.spark.codebooks import open_codebook
from semantic_ids.spark.events import select_events, sids_of_codebook
from semantic_ids.spark.footprint_draw import read_vectors
from semantic_ids.spark.places import open_delta
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source, open_source
from semantic_ids.spark.vectors import require_embedding

__all__ = ["NeInputs", "NeTables", "open_inputs", "read_tables"]

_SEED = 20_241  # other draws hash user_id too: another seed gives other users
_LOWEST = -(2**63)
_READER_SCHEMES = {"s3a": "s3", "s3n": "s3"}


@dataclass(frozen=True)
class NeInputs:
    """The codebook and the tables, each fixed at one version."""

    codebook: Codebook
    sequences: Source
    events: Source
    item_sids: Source
    embeddings: Source

    @property
    def collection(self) -> str:
        """The codebook's one collection."""
        (collection,) = self.codebook.collections
        return collection

    @property
    def sequences_path(self) -> str:
        """Where the sequences lie, as readers without Spark name it."""
        name = self.sequences.location
        location = open_delta(self.sequences.rows.sparkSession, name).detail()
        uri = str(location.select("location").collect()[0][0])
        scheme, _, rest = uri.partition(":")
        if scheme == "file":
            return unquote("/" + rest.lstrip("/"))
        return f"{_READER_SCHEMES.get(scheme, scheme)}:{rest}"

    @property
    def version(self) -> int:
        """The version of the sequences, which are a Delta table."""
        return self.sequences.delta_version or 0

    def given(self) -> list[Source]:
        """List the tables."""
        return [self.sequences, self.events, self.item_sids, self.embeddings]


@dataclass(frozen=True)
class NeTables:
    """Events of some users, and the items of these; ids in rising order, events numbered by them.

    Parameters
    ----------
    user_ids, item_ids : pyarrow Arrays
    users, items, times : ndarrays of shape (n,), int64
    labels : ndarray of shape (n,), or None
    sids : ndarray of shape (n_items,), int64
    vectors : ndarray of shape (n_items, dim), float32
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
    vectors: np.ndarray
    n_events: int
    n_all_users: int

    def arrays(self) -> dict[str, Any]:
        """Give the ids and arrays by their names."""
        counts = ("n_events", "n_all_users")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in counts}


def open_inputs(spark: SparkSession, config: EvaluateNe) -> NeInputs:
    """Open the codebook and the tables, and check that they go together.

    Raises
    ------
    TableError
        If one is missing or has no column of a name and type needed, or if sequences hold SIDs of
        another codebook, or of several.
    """
    names = ("sequences", "events", "item_sids", "embeddings")
    sources = {name: open_source(spark, name, getattr(config, name)) for name in names}
    inputs = NeInputs(open_codebook(spark, config), **sources)
    if len(inputs.codebook.collections) > 1:
        raise TableError(
            "codebook: must be of one collection, got "
            f"{', '.join(inputs.codebook.collections)} in {inputs.codebook.codebook_id}"
        )
    require_embedding(inputs.embeddings, inputs.collection)
    if config.label:
        rule = "0 or 1, a number or a boolean"
        inputs.events.require(config.label, [NumericType, BooleanType], rule)
    _check_sequences(inputs)
    return inputs


def read_tables(inputs: NeInputs, config: EvaluateNe) -> NeTables:
    """Read the events of the users of lowest hash, and SIDs and embeddings of their items.

    Raises
    ------
    TableError
        If a timestamp, user, item or label is missing, or no item has a SID and an embedding.
    """
    events = _events(inputs.events, config.label)
    n_all = events.select("user_id").distinct().count()
    rows = _of_users(events, n_all, config.sample_users).toArrow().combine_chunks()
    _refuse_nulls(rows, inputs.events, config.label)
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


def _check_sequences(inputs: NeInputs) -> None:
    sequences, codebook_id = inputs.sequences, inputs.codebook.codebook_id
    if sequences.delta_version is None:
        raise TableError(f"sequences: {sequences.location} must be a Delta table")
    sequences.require("codebook_id", [StringType], "string")
    rows = sequences.rows.select("codebook_id").distinct().limit(3).collect()
    found = sorted(str(row[0]) for row in rows)
    if not found:
        raise TableError(f"sequences: {sequences.location} is empty")
    if len(found) > 1:
        raise TableError(
            f"sequences: {sequences.location} must hold SIDs of one codebook, "
            f"got {' and '.join(found[:2])}"
        )
    if found != [codebook_id]:
        raise TableError(
            f"codebook: must be that of {sequences.location}, {found[0]}, got {codebook_id}"
        )
    user_id = id_type(inputs.events, "user_id").simpleString()
    kind = sequences.type_of("user_id").simpleString()
    if user_id != kind:
        raise TableError(f"events: user_id must be {kind} as in sequences, got {user_id}")


def _events(events: Source, label: str | None) -> DataFrame:
    selected = select_events(events, day=None, dtypes={}, tie_break=[label] if label else [])
    named = selected.withColumnRenamed("tie_0", "label") if label else selected
    if label:
        named = named.withColumn("label", F.col("label").cast("double"))
    return named.drop("user_hash", "reason")


def _of_users(events: DataFrame, n_users: int, n_wanted: int) -> DataFrame:
    """Keep about so many users, those of the lowest hashes."""
    if n_users <= n_wanted:
        return events
    bound = _LOWEST + 2**64 * n_wanted // n_users
    return events.where(F.xxhash64("user_id", F.lit(_SEED)) <= bound)


def _refuse_nulls(rows: pa.Table, events: Source, label: str | None) -> None:
    for column in rows.column_names:
        n_nulls = rows[column].null_count
        if n_nulls:
            name = label if column == "label" else column
            raise TableError(
                f"events: {name} must not be null, got null in {n_nulls:,} of {len(rows):,} rows "
                f"of {events.location}"
            )


def _items(
    inputs: NeInputs, item_ids: pa.Array, binary_dtype: str
) -> tuple[pa.Array, np.ndarray, np.ndarray]:
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
    vectors = read_vectors(
        inputs.embeddings,
        inputs.collection,
        item_ids=found["item_id"].combine_chunks(),
        binary_dtype=binary_dtype,
    )
    places = pc.index_in(found["item_id"], vectors.ids)
    kept = found.filter(pc.is_valid(places))
    rows = places.drop_null().to_numpy()
    return kept["item_id"].combine_chunks(), kept["sid"].to_numpy(), vectors.vectors[rows]

"""The tables of a footprint audit: opened, their columns checked, their rows counted."""

from dataclasses import dataclass, replace

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    IntegralType,
    LongType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from semantic_ids.audit_configs import AuditFootprint
from semantic_ids.errors import TableError
from semantic_ids.report import NeRun
from semantic_ids.spark.codebooks import require_codebooks
from semantic_ids.spark.footprint_runs import read_ne_run
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source, open_source
from semantic_ids.spark.vectors import lengths_of, require_embedding

__all__ = [
    "Inputs",
    "SequenceTotals",
    "count_rows",
    "count_sequences",
    "dim_of",
    "of_codebook",
    "open_inputs",
]

_ROWS_FOR_DIM = 100


@dataclass(frozen=True)
class Inputs:
    """The tables given, each fixed at one version, and what evaluate_ne said in `runs`."""

    sequences: Source | None = None
    item_sids: Source | None = None
    embeddings: Source | None = None
    events: Source | None = None
    codebooks: Source | None = None
    ne: NeRun | None = None

    def given(self) -> list[Source]:
        """List those given."""
        found = (self.sequences, self.item_sids, self.embeddings, self.events, self.codebooks)
        return [source for source in found if source is not None]


@dataclass(frozen=True)
class SequenceTotals:
    """What the segments of a sequences table hold.

    Parameters
    ----------
    n_segments, n_events : int
        Of all codebooks.
    codebook_id : str or None
        The codebook of most events.
    n_events_of_codebook, width : int
        Its events, and the bytes of its SIDs.
    n_codebooks : int
    """

    n_segments: int
    n_events: int
    codebook_id: str | None
    n_events_of_codebook: int
    width: int
    n_codebooks: int


def open_inputs(spark: SparkSession, config: AuditFootprint) -> Inputs:
    """Open the tables that the configuration names, and check their columns.

    Raises
    ------
    TableError
        If a table is missing, or has no column of a name and type needed.
    """
    names = ("sequences", "item_sids", "embeddings", "events", "codebooks")
    tables = {name: getattr(config, name) for name in names}
    inputs = Inputs(
        **{n: open_source(spark, n, table) for n, table in tables.items() if table},
        ne=read_ne_run(spark, config.runs),
    )
    if inputs.sequences:
        _check_sequences(inputs.sequences)
    if inputs.item_sids:
        id_type(inputs.item_sids, "item_id")
        inputs.item_sids.require("sid", [LongType], "bigint")
        inputs.item_sids.require("codebook_id", [StringType], "string")
    if inputs.embeddings and config.collection:
        id_type(inputs.embeddings, "item_id")
        require_embedding(inputs.embeddings, config.collection)
    if inputs.codebooks:
        require_codebooks(inputs.codebooks)
    if inputs.events:
        id_type(inputs.events, "user_id")
        id_type(inputs.events, "item_id")
        inputs.events.require("timestamp", [TimestampType, TimestampNTZType], "timestamp")
    return inputs


def _check_sequences(sequences: Source) -> None:
    id_type(sequences, "user_id")
    sequences.require("n_events", [IntegralType], "an integer")
    sequences.type_of("first_ts")
    sequences.require("codebook_id", [StringType], "string")
    for column in ("sids", "timestamps"):
        sequences.require(column, [BinaryType], "binary")


def count_rows(source: Source) -> int:
    """Count the rows of a table.

    Raises
    ------
    TableError
        If there is none.
    """
    n_rows = source.rows.count()
    if not n_rows:
        raise TableError(f"{source.name}: {source.location} is empty")
    return n_rows


def count_sequences(sequences: Source) -> SequenceTotals:
    """Count segments and events by codebook, without reading a blob.

    Raises
    ------
    TableError
        If there is no event.
    """
    counted = sequences.rows.groupBy("codebook_id").agg(
        F.count(F.lit(1)).alias("n_segments"), F.sum("n_events").alias("n_events")
    )
    found = counted.orderBy(F.desc("n_events"), "codebook_id").collect()
    n_events = sum(row["n_events"] or 0 for row in found)
    if not n_events:
        raise TableError(f"sequences: {sequences.location} is empty")
    most = found[0]
    return SequenceTotals(
        n_segments=sum(row["n_segments"] for row in found),
        n_events=n_events,
        codebook_id=most["codebook_id"],
        n_events_of_codebook=most["n_events"],
        width=_width_of(of_codebook(sequences, most["codebook_id"])),
        n_codebooks=len(found),
    )


def of_codebook(source: Source, codebook_id: str | None) -> Source:
    """Keep the rows of one codebook."""
    is_its = F.col("codebook_id").eqNullSafe(F.lit(codebook_id))
    return replace(source, rows=source.rows.where(is_its))


def _width_of(sequences: Source) -> int:
    row = sequences.rows.select(F.length("sids"), "n_events").head(1)[0]
    width, rest = divmod(row[0] or 0, row[1] or 1)
    if rest or not 1 <= width <= 8:
        raise TableError(
            f"sequences: sids must hold 1 to 8 bytes an event in {sequences.location}, "
            f"got {row[0]} bytes for {row[1]} events"
        )
    return int(width)


def dim_of(embeddings: Source, collection: str, *, binary_dtype: str) -> int | None:
    """Tell the commonest length of the first embeddings; None where there is none."""
    found = embeddings.rows.select(embeddings.column(collection).alias("x"))
    rows = found.where(F.col("x").isNotNull()).limit(_ROWS_FOR_DIM).toArrow().combine_chunks()
    lengths = lengths_of(rows.column("x").combine_chunks(), binary_dtype)
    return int(np.bincount(lengths[lengths > 0]).argmax()) if (lengths > 0).any() else None

"""The SIDs of one codebook, and tables that say more of its items: opened and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    LongType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from semantic_ids.codebook import Codebook
from semantic_ids.errors import TableError
from semantic_ids.spark.codebooks import FiledCodebook, NamesCodebook, open_filed
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source, open_source

__all__ = [
    "SidInputs",
    "is_assigned",
    "names_item",
    "open_sids",
    "refuse_nameless",
    "refuse_repeated",
    "require_names",
]

_NAMES = (StringType, NumericType, BooleanType, DateType, TimestampType, TimestampNTZType)
_SHOWN = 100  # characters of an item_id in a message


class NamesSids(NamesCodebook, Protocol):
    """A configuration that says whose SIDs a job reads."""

    @property
    def item_sids(self) -> str:
        """What quantize_items wrote."""


@dataclass(frozen=True)
class SidInputs:
    """A codebook and the table of its SIDs, fixed at one version.

    Parameters
    ----------
    filed : FiledCodebook
    item_sids : Source
    item_id : DataType
        The type of item ids in item_sids.
    """

    filed: FiledCodebook
    item_sids: Source
    item_id: DataType

    @property
    def codebook(self) -> Codebook:
        """The codebook whose SIDs are read."""
        return self.filed.codebook

    def sids(self) -> DataFrame:
        """Select item_id and sid of the codebook's items."""
        of_codebook = F.col("codebook_id") == self.codebook.codebook_id
        item_id = F.col("item_id").cast(self.item_id)
        return self.item_sids.rows.where(of_codebook).select(item_id, "sid")

    def stages_in_words(self) -> str:
        """Write stages as a configuration does, those that repeat once: `5 x centroids: 256`."""
        stages = [str(stage.to_dict()).strip("{}") for stage in self.codebook.spec.stages]
        runs = ((stage.replace("'", ""), len(list(same))) for stage, same in groupby(stages))
        return ", ".join(f"{n} x {stage}" if n > 1 else stage for stage, n in runs)


def open_sids(spark: SparkSession, config: NamesSids) -> SidInputs:
    """Open the codebook and the table of SIDs that a configuration names.

    Raises
    ------
    TableError
        If a table or the codebook is missing, or has no column of a name and type needed.
    """
    filed = open_filed(spark, config)
    item_sids = open_source(spark, "item_sids", config.item_sids)
    item_sids.require("sid", [LongType], "bigint")
    item_sids.require("codebook_id", [StringType], "string")
    return SidInputs(filed, item_sids, id_type(item_sids, "item_id"))


def require_names(source: Source, columns: Sequence[str | None], sids: SidInputs) -> None:
    """Check that a table has the item ids of item_sids, and columns that people can read.

    Raises
    ------
    TableError
        If an item_id or a column is missing or of another type; None is no column.
    """
    found = id_type(source, "item_id")
    if found != sids.item_id:
        raise TableError(
            f"{source.name}: item_id must be {sids.item_id.simpleString()} as in "
            f"{sids.item_sids.location}, got {found.simpleString()}"
        )
    for column in filter(None, columns):
        source.require(column, _NAMES, "text, a number, a boolean, a date or a time")


def is_assigned(codebook: Codebook) -> Column:
    """Say whether `sid` is one that the codebook assigns; false for null."""
    sid, width = F.col("sid"), codebook.width
    known = sid.isNotNull() & (sid >= 0)
    if width < 8:  # of 8 bytes, every number that is not negative has them
        known &= sid < 256**width
    for at, byte in enumerate(codebook.layout):
        symbol = F.shiftright(sid, 8 * (width - 1 - at)).bitwiseAND(F.lit(255))
        known &= symbol < byte.n_values
    return F.coalesce(known, F.lit(False))


def names_item(rows: DataFrame) -> Column:
    """Say whether `item_id` names an item: it is not null, and a text is valid UTF-8."""
    item_id = F.col("item_id")
    if not isinstance(rows.schema["item_id"].dataType, StringType):
        return item_id.isNotNull()
    return F.coalesce(F.is_valid_utf8(item_id), F.lit(False))


def refuse_nameless(sids: SidInputs) -> None:
    """Say which of a codebook's item ids name no item.

    Raises
    ------
    TableError
        If one is null or no UTF-8.
    """
    rows, item_id, table = sids.sids(), F.col("item_id"), sids.item_sids
    wrong = rows.where(~names_item(rows)).agg(
        F.count_if(item_id.isNull()).alias("n_null"),
        F.count("item_id").alias("n_broken"),
        F.min(F.substring(F.hex("item_id"), 1, _SHOWN)).alias("lowest"),
    )
    n_null, n_broken, lowest = wrong.collect()[0]
    of = f"in {table.location}, of codebook {sids.codebook.codebook_id}"
    if n_null:
        raise TableError(f"{table.name}: item_id must not be null {of}, got {n_null:,} nulls")
    if n_broken:
        raise TableError(
            f"{table.name}: item_id must be valid UTF-8 {of}, got {n_broken:,} that are not, such "
            f"as the bytes {lowest}"
        )


def refuse_repeated(sids: SidInputs) -> None:
    """Say which items have several SIDs of a codebook.

    Raises
    ------
    TableError
        If one has.
    """
    table, shown = sids.item_sids, F.substring("item_id", 1, _SHOWN).alias("item_id")
    several = sids.sids().groupBy("item_id").agg(F.count(F.lit(1)).alias("n")).where("n > 1")
    found = several.agg(F.count(F.lit(1)), F.min(F.struct(shown, "n"))).collect()[0]
    if found[0]:
        raise TableError(
            f"{table.name}: an item must have one SID of codebook {sids.codebook.codebook_id} in "
            f"{table.location}, got several of {found[0]:,} items, such as {found[1]['n']:,} of "
            f"item_id {found[1]['item_id']!r}"
        )

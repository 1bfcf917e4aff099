"""Rows of an embeddings table to SIDs and rejects, and the tables that take them."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DataType,
    IntegralType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from semantic_ids.codebook import Codebook
from semantic_ids.job_configs import ForgetItems, QuantizeItems
from semantic_ids.spark.encoding import Encoded, Stored, sids_of
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.sources import Source, quoted

__all__ = [
    "Outputs",
    "id_type",
    "in_order",
    "item_sids_output",
    "parts_of",
    "quantize",
    "rejected_items_output",
    "sid_items_output",
    "with_ids",
]

_CHANGES_IN_PLACE = {"delta.enableDeletionVectors": "true"}
_ROWS_PER_FILE = 10_000_000
_ROWS_PER_TASK = 1_000_000
DUPLICATE = "another row has the same item_id"


def id_type(source: Source, column: str) -> DataType:
    """Give the type that an id column has in our tables: BIGINT or STRING."""
    found = source.require(column, [IntegralType, StringType], "bigint or string")
    return StringType() if isinstance(found, StringType) else LongType()


def item_sids_output(table: str, item_id: DataType) -> Output:
    """Describe the item_sids table."""
    return _sids_output("item_sids", table, {"item_id": item_id, "sid": LongType()})


def sid_items_output(table: str, item_id: DataType) -> Output:
    """Describe the sid_items table: the way back from a SID to its items."""
    return _sids_output("sid_items", table, {"sid": LongType(), "item_id": item_id})


def _sids_output(name: str, table: str, columns: dict[str, DataType]) -> Output:
    fields = {**columns, "codebook_id": StringType()}
    schema = StructType([StructField(name, kind) for name, kind in fields.items()])
    constraints = {"sid_not_negative": "sid >= 0", "item_id_present": "item_id is not null"}
    return Output(name, table, schema, ("codebook_id",), constraints, defaults=_CHANGES_IN_PLACE)


def rejected_items_output(table: str, item_id: DataType) -> Output:
    """Describe the rejected_items table."""
    schema = StructType(
        [
            StructField("item_id", item_id),
            StructField("reason", StringType()),
            StructField("run_id", StringType()),
            StructField("codebook_id", StringType()),
        ]
    )
    constraints = {"reason_present": "reason is not null"}
    return Output("rejected_items", table, schema, ("codebook_id",), constraints)


@dataclass(frozen=True)
class Outputs:
    """The tables that take what comes out."""

    item_sids: Output
    rejected_items: Output
    sid_items: Output | None = None

    @classmethod
    def of(cls, config: QuantizeItems | ForgetItems, item_id: DataType) -> "Outputs":
        """Describe them as the configuration names them."""
        return cls(
            item_sids_output(config.item_sids, item_id),
            rejected_items_output(config.rejected_items, item_id),
            sid_items_output(config.sid_items, item_id) if config.sid_items else None,
        )

    def given(self) -> list[Output]:
        """List those that the configuration names."""
        found = (self.item_sids, self.rejected_items, self.sid_items)
        return [output for output in found if output is not None]


def parts_of(spark: SparkSession, n_rows: int) -> int:
    """Say into how many parts, and files, rows go: large files, and work for all cores."""
    for_cores = min(spark.sparkContext.defaultParallelism, -(-n_rows // _ROWS_PER_TASK))
    return max(1, for_cores, -(-n_rows // _ROWS_PER_FILE))


def in_order(sids: DataFrame, n_parts: int) -> DataFrame:
    """Lay SIDs out as a run on all rows does: by hash of item_id, sorted by it in each part."""
    return sids.repartition(n_parts, "item_id").sortWithinPartitions("item_id")


def with_ids(rows: DataFrame, codebook: Codebook, item_id: DataType, *more: str) -> DataFrame:
    """Select item_id, in the type of our tables, the codebook's collection, and further columns."""
    collections = [F.col(quoted(name)) for name in codebook.collections]
    return rows.select(F.col("item_id").cast(item_id), *collections, *more)


def quantize(
    rows: DataFrame,
    codebook: Codebook,
    *,
    item_id: DataType,
    binary_dtype: str,
    n_parts: int,
    stored: Stored | None = None,
) -> Encoded:
    """Give each row a SID or the reason why it has none.

    Of several valid rows of one item_id the lowest SID stays, whatever the partitioning; the
    others are rejects.

    Parameters
    ----------
    rows : DataFrame
        item_id and the codebook's collection.
    item_id : DataType
        The type that item_id gets.
    binary_dtype : str
        float32 or float16, for a BINARY collection.
    n_parts : int
        Partitions of the result, by hash of item_id; each is sorted by item_id. The one shuffle
        serves for duplicates, for clustering and for sorting.
    stored : Stored, optional
        Where exactly `rows` are stored.
    """
    encoded = sids_of(rows, codebook, item_id=item_id, binary_dtype=binary_dtype, stored=stored)
    parts = encoded.frame.repartition(n_parts, "item_id")
    return Encoded(_reject_duplicates(parts), encoded.path, encoded.why)


def _reject_duplicates(quantized: DataFrame) -> DataFrame:
    valid = F.col("reason").isNull()
    same_item = Window.partitionBy("item_id", valid).orderBy("sid")
    repeated = valid & (F.col("place") > 1)

    def unless_repeated(column: str, otherwise: Column) -> Column:
        return F.when(repeated, otherwise).otherwise(F.col(column)).alias(column)

    return quantized.withColumn("place", F.row_number().over(same_item)).select(
        "item_id",
        unless_repeated("sid", F.lit(None)),
        unless_repeated("reason", F.lit(DUPLICATE)),
    )

"""Items to SIDs on executors, and the two tables that take them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark import StorageLevel
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
from semantic_ids.errors import SemanticIdsError, TableError
from semantic_ids.job_configs import QuantizeItems
from semantic_ids.spark.encoding import sids_of
from semantic_ids.spark.outputs import Commit, Output, label_rejects, rejects_in
from semantic_ids.spark.runs import RunSummary, account
from semantic_ids.spark.sources import UNVERSIONED, Source

__all__ = [
    "Outputs",
    "id_type",
    "item_sids_output",
    "quantize",
    "rejected_items_output",
    "replace_sids",
]

_ROWS_PER_FILE = 10_000_000


def id_type(source: Source, column: str) -> DataType:
    """Give the type that an id column has in our tables: BIGINT or STRING."""
    found = source.require(column, [IntegralType, StringType], "bigint or string")
    return StringType() if isinstance(found, StringType) else LongType()


def item_sids_output(table: str, item_id: DataType) -> Output:
    """Describe the item_sids table."""
    schema = StructType(
        [
            StructField("item_id", item_id),
            StructField("sid", LongType()),
            StructField("codebook_id", StringType()),
        ]
    )
    constraints = {"sid_not_negative": "sid >= 0", "item_id_present": "item_id is not null"}
    return Output("item_sids", table, schema, ("codebook_id",), constraints)


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
    """The two tables that take what comes out."""

    item_sids: Output
    rejected_items: Output

    @classmethod
    def of(cls, config: QuantizeItems, item_id: DataType) -> "Outputs":
        """Describe them as the configuration names them."""
        return cls(
            item_sids_output(config.item_sids, item_id),
            rejected_items_output(config.rejected_items, item_id),
        )


def quantize(items: Source, codebook: Codebook, *, binary_dtype: str) -> DataFrame:
    """Give each row of an embeddings table a SID or the reason why it has none.

    Returns
    -------
    DataFrame
        item_id, sid, reason: as many rows as the source, exactly one of sid and reason null.
        Of several valid rows of one item_id the lowest SID stays, whatever the partitioning.
    """
    encoded = sids_of(
        items.rows, codebook, item_id=id_type(items, "item_id"), binary_dtype=binary_dtype
    )
    return _reject_duplicates(encoded.frame)


def _reject_duplicates(quantized: DataFrame) -> DataFrame:
    valid = F.col("reason").isNull()
    same_item = Window.partitionBy("item_id", valid).orderBy("sid")
    repeated = valid & (F.col("place") > 1)

    def unless_repeated(column: str, otherwise: Column) -> Column:
        return F.when(repeated, otherwise).otherwise(F.col(column)).alias(column)

    return quantized.withColumn("place", F.row_number().over(same_item)).select(
        "item_id",
        unless_repeated("sid", F.lit(None)),
        unless_repeated("reason", F.lit("another row has the same item_id")),
    )


def replace_sids(
    items: Source,
    codebook: Codebook,
    *,
    binary_dtype: str,
    outputs: Outputs,
    run_id: str,
) -> RunSummary:
    """Replace a codebook's rows in item_sids and rejected_items, unless they are of this version.

    The rejects are committed first, then the SIDs: that commit carries the version of the source,
    so a run killed before it does all again and a run after it finds nothing to do.

    Raises
    ------
    TableError
        If no row can be quantised; what stands is kept then.
    SemanticIdsError
        If rows in differ from SIDs + rejects; nothing is written then.
    """
    spark = items.rows.sparkSession
    codebook_id = codebook.codebook_id
    key = f"quantize_items {codebook_id}"
    inputs = {"embeddings": items.label, "binary_dtype": binary_dtype}
    done = None if items.version == UNVERSIONED else _standing_rows(outputs, spark, key, inputs)
    if done:
        return _summary(codebook_id, items, done, "nothing to do, this version has its SIDs")
    quantized = quantize(items, codebook, binary_dtype=binary_dtype).persist(StorageLevel.DISK_ONLY)
    try:
        rows = _count_rows(items, quantized)
        commit = Commit(key, inputs, rows)
        rejected = quantized.where("reason is not null").withColumn("run_id", F.lit(run_id))
        _replace(outputs.rejected_items, rejected.coalesce(1), codebook_id, commit)
        files = max(1, -(-rows["out"] // _ROWS_PER_FILE))
        sids = quantized.where("reason is null").repartitionByRange(files, "item_id")
        _replace(outputs.item_sids, sids.sortWithinPartitions("item_id"), codebook_id, commit)
    finally:
        quantized.unpersist()
    return _summary(codebook_id, items, rows, f"written to {outputs.item_sids.table}")


def _standing_rows(
    outputs: Outputs, spark: SparkSession, key: str, inputs: Mapping[str, str]
) -> Mapping[str, int] | None:
    """Give the row counts of the work that stands in both tables, if these inputs gave it."""

    def standing(output: Output) -> Commit | None:
        last = next((commit for commit in output.commits(spark) if commit.key == key), None)
        return last if last and last.inputs == inputs else None

    done = standing(outputs.item_sids)
    if done is None:
        return None
    no_rejects = done.rows["in"] == done.rows["out"]  # Delta commits nothing where nothing changes
    return done.rows if no_rejects or standing(outputs.rejected_items) else None


def _replace(output: Output, rows: DataFrame, codebook_id: str, commit: Commit) -> None:
    output.create(rows.sparkSession)
    filed = rows.withColumn("codebook_id", F.lit(codebook_id))
    output.replace(filed, f"codebook_id = '{codebook_id}'", commit)


def _count_rows(items: Source, quantized: DataFrame) -> dict[str, int]:
    """Count rows in, rows out and rejects by reason; what came out must be what went in."""
    found = quantized.groupBy("reason").count().collect()
    by_reason = {row["reason"]: row["count"] for row in found}
    rows = {"in": items.rows.count(), "out": by_reason.pop(None, 0)}
    if rows["in"] != rows["out"] + sum(by_reason.values()):
        raise SemanticIdsError(
            f"{items.name}: {rows['in']} rows in must equal SIDs + rejects, "
            f"got {rows['out']} + {sum(by_reason.values())}"
        )
    if not rows["out"]:
        why = "; ".join(f"{reason}: {n:,} rows" for reason, n in sorted(by_reason.items()))
        raise TableError(
            f"{items.name}: {items.location} must hold a row to quantise, got {why or 'no rows'}"
        )
    return rows | label_rejects(by_reason)


def _summary(codebook_id: str, items: Source, rows: Mapping[str, int], outcome: str) -> RunSummary:
    rejected = rejects_in(rows)
    rows_rejected = sum(rejected.values())
    balance = f"{rows['in']:,} rows in = {rows['out']:,} SIDs + {rows_rejected:,} rejects"
    return RunSummary(
        account(balance, rejected, outcome),
        codebook_id=codebook_id,
        inputs={"embeddings": items.label},
        rows_in=rows["in"],
        rows_out=rows["out"],
        rows_rejected=rows_rejected,
        metrics={"by_reason": rejected},
    )

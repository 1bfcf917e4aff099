"""Rows to SIDs on executors: each row gets a SID or the reason why it has none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from semantic_ids.codebook import Codebook, encode
from semantic_ids.spark.vectors import parse_vectors

__all__ = ["Encoded", "sids_of"]


@dataclass(frozen=True)
class Encoded:
    """Rows with their SIDs, and how the workers get at the embeddings.

    Parameters
    ----------
    frame : DataFrame
        item_id, sid, reason: as many rows as went in, exactly one of sid and reason null.
    path : str
        "pyarrow" where workers read the Parquet files themselves, "spark" where Spark hands them
        the rows.
    why : str
        Why it is this one, for the summary.
    """

    frame: DataFrame
    path: Literal["pyarrow", "spark"]
    why: str


def sids_of(
    rows: DataFrame,
    codebook: Codebook,
    *,
    item_id: DataType,
    binary_dtype: str,
    files: Sequence[str] | None = None,
) -> Encoded:
    """Encode each row; one item_id twice gives two rows.

    Parameters
    ----------
    rows : DataFrame
        item_id and the codebook's collection.
    item_id : DataType
        The type that item_id gets: BIGINT or STRING.
    binary_dtype : str
        float32 or float16, for a BINARY collection.
    files : sequence of str, optional
        URIs of the Parquet files that hold exactly `rows`, both columns among their own.
    """
    return Encoded(
        _through_spark(rows, codebook, item_id=item_id, binary_dtype=binary_dtype),
        "spark",
        "no files were given",
    )


def _through_spark(
    rows: DataFrame, codebook: Codebook, *, item_id: DataType, binary_dtype: str
) -> DataFrame:
    (collection,) = codebook.collections
    shared = rows.sparkSession.sparkContext.broadcast(codebook)

    def to_sids(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield encode_batch(batch, shared.value, binary_dtype)

    vector = F.col(f"`{collection.replace('`', '``')}`").alias("vector")
    columns = rows.select(F.col("item_id").cast(item_id), vector)
    schema = f"item_id {item_id.simpleString()}, sid bigint, reason string"
    return columns.mapInArrow(to_sids, schema)


def encode_batch(batch: pa.RecordBatch, codebook: Codebook, binary_dtype: str) -> pa.RecordBatch:
    """Encode a batch of item_id and vector to item_id, sid, reason."""
    item_ids, column = batch.columns
    parsed = parse_vectors(column, codebook.dim, binary_dtype=binary_dtype)
    codes = pa.array(encode(parsed.vectors, codebook), pa.int64())
    valid = pa.array(parsed.valid)
    nulls = pa.nulls(len(batch), pa.int64())
    sids = nulls if not len(codes) else pc.replace_with_mask(nulls, valid, codes)
    reasons = pa.array(parsed.reasons, pa.string())
    if item_ids.null_count:
        missing = item_ids.is_null()
        sids = pc.if_else(missing, None, sids)
        reasons = pc.if_else(missing, "item_id is null", reasons)
    return pa.RecordBatch.from_arrays([item_ids, sids, reasons], ["item_id", "sid", "reason"])

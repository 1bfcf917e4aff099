"""Rows to SIDs on executors: each row gets a SID or the reason why it has none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType

from semantic_ids.codebook import Codebook, encode
from semantic_ids.errors import TableError
from semantic_ids.spark.parquet_files import FOOTERS, RowGroup, balance, read_footers, read_rows
from semantic_ids.spark.sources import quoted
from semantic_ids.spark.vectors import parse_items

__all__ = ["NULL_ID", "Encoded", "Stored", "sids_of"]

NULL_ID = "item_id is null"  # a reject's reason
_BROKEN_ID = "item_id is not UTF-8"  # Parquet's strings are, but nobody holds writers to it

_TASK_BYTES = 256 * 2**20  # what a lost task costs to do again, compressed
_BATCH_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Stored:
    """The Parquet files in which some rows are stored.

    Parameters
    ----------
    uris : sequence of str
    versions : sequence of int, optional
        Of files of a change feed, the version that each is of: not all of their rows are meant.
    latest : DataFrame, optional
        item_id, version: which of the rows that came are meant then.
    """

    uris: Sequence[str]
    versions: Sequence[int] | None = None
    latest: DataFrame | None = None


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
    stored: Stored | None = None,
) -> Encoded:
    """Encode each row; one item_id twice gives two rows.

    Parameters
    ----------
    rows : DataFrame
        item_id and the codebook's collections.
    item_id : DataType
        The type that item_id gets: BIGINT or STRING.
    binary_dtype : str
        float32 or float16, for BINARY collections.
    stored : Stored, optional
        Where exactly `rows` are stored, all their columns among those of the files. Workers read
        them with pyarrow if it can open them on the driver and on the executors.

    Raises
    ------
    TableError
        If the end of a file shows that it is no whole Parquet file.
    """
    spark = rows.sparkSession
    if stored is None:
        why = "no files hold exactly these rows"
    else:
        found = _row_groups(spark, codebook, stored)
        if not isinstance(found, str):
            frame = _from_files(spark, codebook, found, item_id, binary_dtype, latest=stored.latest)
            n_files = len(stored.uris)
            return Encoded(frame, "pyarrow", f"{n_files:,} files of {len(found):,} row groups")
        why = found
    frame = _through_spark(rows, codebook, item_id=item_id, binary_dtype=binary_dtype)
    return Encoded(frame, "spark", why)


def _row_groups(spark: SparkSession, codebook: Codebook, stored: Stored) -> list[RowGroup] | str:
    """Read all footers on the executors; or say why pyarrow cannot read the files.

    The driver opens one file first, which starts no job where it cannot be done at all.
    """
    collections = list(codebook.collections)
    files = stored.uris
    n_tasks = max(1, min(len(files), 4 * spark.sparkContext.defaultParallelism))
    shared = spark.sparkContext.broadcast((files, collections))

    def describe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        uris, columns = shared.value
        for batch in batches:
            for task in batch.column(0).to_pylist():
                yield read_footers(uris, range(task, len(uris), n_tasks), columns)

    found = read_footers(files, range(min(1, len(files))), collections).to_pylist()
    if not any(row["problem"] for row in found):
        tasks = spark.range(0, n_tasks, 1, n_tasks)
        found = tasks.mapInArrow(describe, FOOTERS).toArrow().to_pylist()
    problems = [row for row in found if row["problem"]]
    if not problems:
        versions: Sequence[int | None] = stored.versions or [None] * len(files)
        return [
            RowGroup(files[at], row["row_group"], row["size_bytes"], versions[at])
            for row in found
            for at in [row["file"]]
        ]
    first = min(problems, key=lambda row: (not row["broken"], row["file"]))
    if first["broken"]:
        raise TableError(f"embeddings: {first['problem']}")
    return str(first["problem"])


def _from_files(
    spark: SparkSession,
    codebook: Codebook,
    groups: Sequence[RowGroup],
    item_id: DataType,
    binary_dtype: str,
    *,
    latest: DataFrame | None,
) -> DataFrame:
    collections, dims = list(codebook.collections), sum(codebook.collections.values())
    size_bytes = sum(group.size_bytes for group in groups)
    n_tasks = max(spark.sparkContext.defaultParallelism, -(-size_bytes // _TASK_BYTES))
    tasks = balance(groups, n_tasks)
    shared = spark.sparkContext.broadcast((tasks, codebook))
    arrow_id = pa.string() if isinstance(item_id, StringType) else pa.int64()
    batch_rows = max(1, _BATCH_BYTES // (4 * dims))

    def to_sids(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        shares, codebook = shared.value
        for batch in batches:
            for task in batch.column(0).to_pylist():
                for rows in read_rows(
                    shares[task], collections, item_id=arrow_id, batch_rows=batch_rows
                ):
                    yield encode_batch(rows, codebook, binary_dtype)

    numbers = spark.range(0, len(tasks), 1, max(1, len(tasks)))
    if latest is None:
        return numbers.mapInArrow(to_sids, _schema(item_id))
    came = numbers.mapInArrow(to_sids, f"{_schema(item_id)}, version bigint")
    return came.join(latest, ["item_id", "version"], "left_semi").drop("version")


def _through_spark(
    rows: DataFrame, codebook: Codebook, *, item_id: DataType, binary_dtype: str
) -> DataFrame:
    shared = rows.sparkSession.sparkContext.broadcast(codebook)

    def to_sids(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield encode_batch(batch, shared.value, binary_dtype)

    vectors = [  # mapInArrow looks columns up by names that it does not quote
        F.col(quoted(name)).alias(f"vector_{place}")
        for place, name in enumerate(codebook.collections)
    ]
    columns = rows.select(F.col("item_id").cast(item_id), *vectors)
    return columns.mapInArrow(to_sids, _schema(item_id))


def _schema(item_id: DataType) -> str:
    return f"item_id {item_id.simpleString()}, sid bigint, reason string"


def encode_batch(batch: pa.RecordBatch, codebook: Codebook, binary_dtype: str) -> pa.RecordBatch:
    """Encode item_id and the codebook's collections to item_id, sid, reason; more columns stay."""
    item_ids, *columns = batch.columns
    n_collections = len(codebook.collections)
    vectors, more = columns[:n_collections], columns[n_collections:]
    parsed = parse_items(vectors, codebook, binary_dtype=binary_dtype)
    codes = pa.array(encode(parsed.vectors, codebook), pa.int64())
    valid = pa.array(parsed.valid)
    nulls = pa.nulls(len(batch), pa.int64())
    sids = nulls if not len(codes) else pc.replace_with_mask(nulls, valid, codes)
    reasons = pa.array(parsed.reasons, pa.string())
    for reason, wrong in ((_BROKEN_ID, _broken(item_ids)), (NULL_ID, item_ids.is_null())):
        if pc.any(wrong).as_py():
            sids = pc.if_else(wrong, None, sids)
            reasons = pc.if_else(wrong, reason, reasons)
    names = ["item_id", "sid", "reason", *batch.schema.names[1 + n_collections :]]
    return pa.RecordBatch.from_arrays([item_ids, sids, reasons, *more], names)


def _broken(item_ids: pa.Array) -> pa.Array:
    """Find the ids that are no text; where all are, as nearly always, at the price of one look."""
    try:
        item_ids.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array([_is_broken(each) for each in item_ids.cast(pa.binary()).to_pylist()])
    return pa.array(np.zeros(len(item_ids), bool))


def _is_broken(text: bytes | None) -> bool:
    try:
        (text or b"").decode()
    except UnicodeDecodeError:
        return True
    return False

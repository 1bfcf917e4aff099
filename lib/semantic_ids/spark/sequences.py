"""The sequences table: what it is, and events as its segments."""

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    DataType,
    DateType,
    IntegerType,
    IntegralType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from semantic_ids.errors import TableError
from semantic_ids.spark.event_chunks import TaskPlan, deal_events, order_events, read_chunks
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.segments import SegmentLayout, pack_segments
from semantic_ids.spark.snapshots import property_of, snapshot_of
from semantic_ids.spark.sources import open_source

__all__ = [
    "BLOB_SETTINGS",
    "SequencesTable",
    "bucket_of",
    "in_file_order",
    "open_sequences",
    "pack_events",
    "require_vacant_day",
    "sequences_output",
]

# batches of blobs and row groups are small: workers hold the ones, readers the others
BLOB_SETTINGS = {
    "parquet.block.size": str(4 << 20),  # a reader that looks up one user decompresses one of them
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 << 20),  # a blob may have megabytes
}


@dataclass(frozen=True)
class SequencesTable:
    """A standing sequences table, and what its properties say.

    Parameters
    ----------
    output : Output
    dtypes : mapping of str to str
        The packed dtype of each event column.
    buckets : int
    """

    output: Output
    dtypes: Mapping[str, str]
    buckets: int


def open_sequences(spark: SparkSession, table: str) -> SequencesTable:
    """Open a standing sequences table.

    Raises
    ------
    TableError
        If there is none.
    """
    source = open_source(spark, "sequences", table)
    if source.delta_version is None:
        raise TableError(f"sequences: {table!r} must be a Delta table that build_sequences wrote")
    snapshot = snapshot_of(source.rows)
    buckets = property_of(snapshot, "semantic_ids.buckets")
    if buckets is None:
        raise TableError(f"sequences: {table!r} must be a table that build_sequences wrote")
    dtypes = json.loads(property_of(snapshot, "semantic_ids.event_columns") or "{}")
    user_id = id_type(source, "user_id")
    output = sequences_output(table, user_id, dtypes=dtypes, buckets=int(buckets))
    output.check(spark)
    return SequencesTable(output, dtypes, int(buckets))


def sequences_output(
    table: str, user_id: DataType, *, dtypes: Mapping[str, str], buckets: int
) -> Output:
    """Describe the sequences table."""
    schema = StructType(
        [
            StructField("user_id", user_id),
            StructField("bucket", IntegerType()),
            StructField("ds", DateType()),
            StructField("n_events", IntegerType()),
            StructField("first_ts", TimestampType()),
            StructField("last_ts", TimestampType()),
            StructField("sids", BinaryType()),
            StructField("timestamps", BinaryType()),
            *(StructField(name, BinaryType()) for name in dtypes),
            StructField("codebook_id", StringType()),
        ]
    )
    constraints = {
        "has_events": "n_events > 0",
        "whole_sids": "length(sids) % n_events = 0",
        "whole_timestamps": "length(timestamps) = 8 * n_events",
    }
    properties = {
        "semantic_ids.format": "1",
        "semantic_ids.event_columns": json.dumps(dict(dtypes)),
        "semantic_ids.buckets": str(buckets),
    }
    return Output("sequences", table, schema, ("ds", "bucket"), constraints, properties)


def bucket_of(user_id: str, buckets: int) -> Column:
    """Give the bucket of a user: xxhash64 of its id, modulo their number."""
    return F.pmod(F.xxhash64(user_id), F.lit(buckets)).cast("int")


def pack_events(
    events: DataFrame,
    *,
    layout: SegmentLayout,
    plan: TaskPlan,
    keep_missing: bool,
) -> DataFrame:
    """Pack joined events into segments: one shuffle of columnar chunks, one sort in each task.

    Events of one user and timestamp are ordered by the tie-break columns, the item, and the event
    columns: what still ties is equal in every packed byte.

    Returns
    -------
    DataFrame
        user_id, n_events, first_us, last_us, sids, timestamps, the event columns, and n_missing: a
        row without events says how many events without a SID some task has met.
    """
    ties = sorted((name for name in events.columns if name.startswith("tie_")), key=_tie_place)
    columns = ["user_id", "timestamp", "sid", *layout.event_dtypes, "item_id", *ties]
    chunked = events.select(*columns).limit(0).toArrow().schema
    rows = events.select("user_hash", *(_widened(events, name) for name in columns))
    order = [*ties, "item_id", *layout.event_dtypes]
    blobs = ["sids", "timestamps", *layout.event_dtypes]
    schema = (
        f"user_id {events.schema['user_id'].dataType.simpleString()}, "
        "n_events int, first_us bigint, last_us bigint, "
        + "".join(f"`{name}` binary, " for name in blobs)
        + "n_missing bigint"
    )

    def to_chunks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return deal_events(batches, plan, chunked, keep_missing=keep_missing)

    def to_segments(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        unordered, n_missing = read_chunks(batches, chunked)
        for segments in pack_segments(order_events(unordered, order), layout):
            zeros = pa.array([0] * len(segments), pa.int64())
            yield segments.append_column("n_missing", zeros)
        yield _tally(n_missing, unordered.schema.field("user_id").type, blobs)

    dealt = rows.mapInArrow(to_chunks, "task int, chunk binary, n_missing bigint")
    return dealt.repartitionById(plan.total, "task").mapInArrow(to_segments, schema)


def _widened(events: DataFrame, name: str) -> Column:
    """Give whole numbers 64 bits: the JVM hands over rows faster where all columns are alike."""
    is_whole = isinstance(events.schema[name].dataType, IntegralType)
    return F.col(name).cast("bigint").alias(name) if is_whole else F.col(name)


def in_file_order(segments: DataFrame, columns: Iterable[str]) -> DataFrame:
    """Give segments their times, and put each task's in the order of the table's files.

    Spark then writes one file after the other, however many days a task holds.
    """
    timed = segments.withColumn("first_ts", F.timestamp_micros("first_us")).withColumn(
        "last_ts", F.timestamp_micros("last_us")
    )
    keys = ("ds", "bucket", "user_id", "first_ts", "last_ts")
    return timed.sortWithinPartitions(*keys, "sids", "timestamps", *columns)


def _tally(n_missing: int, user_id: pa.DataType, blobs: list[str]) -> pa.RecordBatch:
    columns = {"user_id": pa.nulls(1, user_id), "n_events": pa.array([0], pa.int32())}
    columns |= {name: pa.nulls(1, pa.int64()) for name in ("first_us", "last_us")}
    columns |= {name: pa.nulls(1, pa.binary()) for name in blobs}
    return pa.RecordBatch.from_pydict(columns | {"n_missing": pa.array([n_missing], pa.int64())})


def _tie_place(name: str) -> int:
    return int(name.removeprefix("tie_"))


def require_vacant_day(spark: SparkSession, output: Output, day: datetime.date) -> None:
    """Refuse a run for one day whose events stand in segments that the run would not replace.

    Raises
    ------
    TableError
        If a segment of another ds reaches into the day, or one of this ds reaches out of it.
    """
    if not output.exists(spark):
        return
    in_the_way = output.read(spark).where(_in_the_way(day)).select("ds").head(1)
    if in_the_way:
        raise TableError(
            f"ds: events of {day} may stand in segments of several days (ds={in_the_way[0]['ds']}) "
            f"in {output.table}; leave ds out to rebuild the whole table"
        )


def _in_the_way(day: datetime.date) -> Column:
    after = F.lit(day + datetime.timedelta(days=1)).cast(TimestampType())
    start = F.lit(day).cast(TimestampType())
    of_day = F.col("ds") == F.lit(day)
    reaches_in = ~of_day & (F.col("first_ts") < after) & (F.col("last_ts") >= start)
    reaches_out = of_day & ((F.col("first_ts") < start) | (F.col("last_ts") >= after))
    return reaches_in | reaches_out

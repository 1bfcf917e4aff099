"""Events to segments, and segments to the sequences table."""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    DataType,
    DateType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from semantic_ids.codebook import Codebook
from semantic_ids.errors import SemanticIdsError, TableError
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.events import (
    NO_SID,
    EventCounts,
    count_events,
    event_dtypes,
    join_sids,
    select_events,
)
from semantic_ids.spark.outputs import Commit, Output, label_rejects, rejects_in
from semantic_ids.spark.runs import RunSummary, account
from semantic_ids.spark.segments import SegmentLayout, pack_segments
from semantic_ids.spark.sources import UNVERSIONED, Source

__all__ = ["build_segments", "require_vacant_day", "segments_of", "sequences_output"]


def sequences_output(
    table: str, user_id: DataType, *, dtypes: dict[str, str], buckets: int
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
        "semantic_ids.event_columns": json.dumps(dtypes),
        "semantic_ids.buckets": str(buckets),
    }
    return Output("sequences", table, schema, ("ds", "bucket"), constraints, properties)


def build_segments(
    config: BuildSequences,
    events: Source,
    item_sids: Source,
    *,
    codebook: Codebook,
    output: Output,
) -> RunSummary:
    """Write the segments of all events, or of one day, in one commit.

    Raises
    ------
    TableError
        If there is no event to pack.
    SemanticIdsError
        If events in differ from events in segments + rejects; nothing is written then.
    """
    spark = events.rows.sparkSession
    inputs = _inputs(config, events, item_sids, codebook)
    done = _last_build(spark, output, config.ds)
    if done and done.inputs == inputs and UNVERSIONED not in (events.version, item_sids.version):
        return _summary(inputs, done.rows, "nothing to do, these events are packed already")
    layout = SegmentLayout(
        codebook.width, event_dtypes(events, config.event_columns), config.max_segment_events
    )
    keep_missing = config.missing_items == "null_sid"
    selected = select_events(
        events, day=config.ds, dtypes=dict(layout.event_dtypes), tie_break=config.tie_break
    )
    joined = join_sids(selected, item_sids, codebook.codebook_id)
    counts = count_events(selected, joined, keep_missing=keep_missing)
    ds = config.ds or counts.newest_day
    if ds is None or not (config.ds or counts.rows_packed):
        raise TableError(f"events: {events.location} has no event to pack: {counts.rejected}")
    segments = segments_of(
        joined,
        layout=layout,
        buckets=config.buckets,
        keep_missing=keep_missing,
        codebook_id=codebook.codebook_id,
        ds=ds,
    ).persist(StorageLevel.DISK_ONLY)
    try:
        n_segments = _check_packed(segments, counts)
        rows = {"in": counts.rows_in, "out": counts.rows_packed, "segments": n_segments}
        rows |= label_rejects(counts.rejected)
        output.create(spark)
        where = f"ds = '{ds}'" if config.ds else None
        output.replace(segments, where, Commit(_key(config.ds), inputs, rows))
    finally:
        segments.unpersist()
    return _summary(inputs, rows, f"packed into {n_segments:,} segments of {output.table}")


def _key(ds: datetime.date | None) -> str:
    return f"build_sequences {ds or 'all'}"


def _last_build(spark: SparkSession, output: Output, ds: datetime.date | None) -> Commit | None:
    """Find the build that a run would repeat, unless a later one wrote over it or beside it."""
    for commit in output.commits(spark):
        if ds is None or commit.key in (_key(ds), _key(None)):
            return commit if commit.key == _key(ds) else None
    return None


def _inputs(
    config: BuildSequences, events: Source, item_sids: Source, codebook: Codebook
) -> dict[str, Any]:
    """Name all that decides what a build writes."""
    options = config.model_dump(mode="json", exclude={"runs", "codebooks", "codebook", "sequences"})
    versions = {"events": events.label, "item_sids": item_sids.label}
    return options | versions | {"codebook_id": codebook.codebook_id}


def _check_packed(segments: DataFrame, counts: EventCounts) -> int:
    totals = segments.agg(F.count(F.lit(1)), F.sum("n_events")).collect()[0]
    n_segments, packed = totals[0], totals[1] or 0
    if packed != counts.rows_packed:
        raise SemanticIdsError(
            f"events: {counts.rows_packed} events must be in segments, got {packed}"
        )
    return int(n_segments)


def _summary(inputs: dict[str, Any], rows: Mapping[str, int], outcome: str) -> RunSummary:
    rejected = rejects_in(rows)
    rows_rejected = rows["in"] - rows["out"]
    balance = f"{rows['in']:,} events in = {rows['out']:,} packed + {rows_rejected:,} not"
    return RunSummary(
        account(balance, rejected, outcome),
        codebook_id=inputs["codebook_id"],
        inputs={name: inputs[name] for name in ("events", "item_sids")},
        rows_in=rows["in"],
        rows_out=rows["out"],
        rows_rejected=rows_rejected,
        metrics={"by_reason": rejected, "segments": rows["segments"]},
    )


def segments_of(
    joined: DataFrame,
    *,
    layout: SegmentLayout,
    buckets: int,
    keep_missing: bool,
    codebook_id: str,
    ds: datetime.date,
) -> DataFrame:
    """Pack events into segments, one task for each bucket, in time order.

    Events of one user and timestamp are ordered by the tie-break columns, the item, and the event
    columns: what still ties is equal in every packed byte.
    """
    reason = F.col("reason")
    usable = reason.isNull() | (reason == NO_SID) if keep_missing else reason.isNull()
    ties = sorted((name for name in joined.columns if name.startswith("tie_")), key=_tie_place)
    bucket = F.pmod(F.xxhash64("user_id"), F.lit(buckets)).cast("int")
    columns = ["bucket", "user_id", "timestamp", "sid", *layout.event_dtypes]
    ordered = (
        joined.where(usable)
        .withColumn("bucket", bucket)
        .repartitionById(buckets, "bucket")
        .sortWithinPartitions(
            "bucket", "user_id", "timestamp", *ties, "item_id", *layout.event_dtypes
        )
        .select(*columns)
    )
    user_id = joined.schema["user_id"].dataType.simpleString()
    blobs = ["sids", "timestamps", *layout.event_dtypes]
    schema = (
        f"bucket int, user_id {user_id}, n_events int, first_us bigint, last_us bigint, "
        + ", ".join(f"`{name}` binary" for name in blobs)
    )

    def to_segments(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return pack_segments(batches, layout)

    return (
        ordered.mapInArrow(to_segments, schema)
        .withColumn("ds", F.lit(ds))
        .withColumn("first_ts", F.timestamp_micros("first_us"))
        .withColumn("last_ts", F.timestamp_micros("last_us"))
        .withColumn("codebook_id", F.lit(codebook_id))
    )


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
    after = F.lit(day + datetime.timedelta(days=1)).cast(TimestampType())
    start = F.lit(day).cast(TimestampType())
    of_day = F.col("ds") == F.lit(day)
    reaches_in = ~of_day & (F.col("first_ts") < after) & (F.col("last_ts") >= start)
    reaches_out = of_day & ((F.col("first_ts") < start) | (F.col("last_ts") >= after))
    in_the_way = output.create(spark).toDF().where(reaches_in | reaches_out).select("ds").head(1)
    if in_the_way:
        raise TableError(
            f"ds: events of {day} may stand in segments of several days (ds={in_the_way[0]['ds']}) "
            f"in {output.table}; leave ds out to rebuild the whole table"
        )

"""The user's events: their columns in our types, joined with SIDs, counted by reason."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    AtomicType,
    BooleanType,
    ByteType,
    DataType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from semantic_ids.errors import TableError
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source

__all__ = [
    "NO_SID",
    "EventCounts",
    "count_events",
    "event_dtypes",
    "join_sids",
    "select_events",
    "sids_of_codebook",
]

NO_SID = "the item has no SID"
MICROSECOND = datetime.timedelta(microseconds=1)
_EPOCH = datetime.datetime(1970, 1, 1)
_FIRST_US, _LAST_US = (  # of the years 1 to 9999, which dates can say
    (end - _EPOCH) // MICROSECOND for end in (datetime.datetime.min, datetime.datetime.max)
)

_DTYPES: dict[type[DataType], str] = {
    BooleanType: "|b1",
    ByteType: "|i1",
    ShortType: "<i2",
    IntegerType: "<i4",
    LongType: "<i8",
    FloatType: "<f4",
    DoubleType: "<f8",
}
_RESERVED = re.compile(
    r"user_id|item_id|timestamps?|bucket|ds|sids?|n_events|(first|last)_(ts|us)|codebook_id|reason|user_hash"
    r"|tie_\d+",
    re.IGNORECASE,
)
_FORBIDDEN = frozenset(" ,;{}()\n\t=.`*")  # a Delta column holds none of these, or needs quotes


@dataclass(frozen=True)
class EventCounts:
    """Events that can be packed if their items have SIDs, the rest by reason, and the newest day.

    Parameters
    ----------
    usable : int
    rejected : dict
    by_bucket : dict
        The usable events of each bucket that has any.
    newest_day : date or None
        The UTC day of the newest usable event.
    """

    usable: int
    rejected: dict[str, int]
    by_bucket: dict[int, int]
    newest_day: datetime.date | None

    @property
    def rows_in(self) -> int:
        """All events that were read."""
        return self.usable + sum(self.rejected.values())


def event_dtypes(events: Source, columns: Sequence[str]) -> dict[str, str]:
    """Give the packed dtype of each event column.

    Raises
    ------
    TableError
        If a column is absent, reserved, or not of a fixed width.
    """
    dtypes = {}
    for column in columns:
        found = events.type_of(column)
        if _RESERVED.fullmatch(column) or _FORBIDDEN & set(column):
            raise TableError(
                f"event_columns: {column!r} must be a name that sequences has no other use for, "
                "without spaces, dots, brackets, backticks or any of , ; = *"
            )
        if type(found) not in _DTYPES:
            raise TableError(
                f"event_columns: {column!r} must be of a boolean, integer or floating type, "
                f"got {found.simpleString()}"
            )
        dtypes[column] = _DTYPES[type(found)]
    return dtypes


def select_events(
    events: Source,
    *,
    day: datetime.date | None,
    dtypes: dict[str, str],
    tie_break: Sequence[str],
) -> DataFrame:
    """Bring events into our types, with the reason why one cannot be packed.

    Returns
    -------
    DataFrame
        user_id, item_id, timestamp (microseconds since the epoch, UTC), the event columns (in
        floating ones nulls become NaN and -0.0 becomes 0.0, so that what sorts alike is alike byte
        for byte), the tie-break columns as `tie_0`, `tie_1`, ..., and reason.
    """
    events.require("timestamp", [TimestampType, TimestampNTZType], "timestamp")
    micros = F.unix_micros(F.col("timestamp").cast(TimestampType()))
    types = {name: events.type_of(name) for name in dtypes}
    for column in tie_break:
        events.require(column, [AtomicType], "of a type that orders events")
    rows = events.rows
    if day is not None:
        start = F.unix_micros(F.lit(day).cast(TimestampType()))
        rows = rows.where((micros >= start) & (micros < start + 86_400_000_000))
    user_type = id_type(events, "user_id")
    user_id = F.col("user_id").cast(user_type)
    broken = [F.when(~F.is_valid_utf8(user_id), "user_id is not UTF-8")]
    reason = F.coalesce(
        *(F.when(F.col(name).isNull(), f"{name} is null") for name in _required(types)),
        F.when(~micros.between(_FIRST_US, _LAST_US), "timestamp is not in the years 1 to 9999"),
        *(broken if isinstance(user_type, StringType) else ()),
    )
    return rows.select(
        user_id,
        F.col("item_id").cast(id_type(events, "item_id")),
        micros.alias("timestamp"),
        *(_filled(name, kind) for name, kind in types.items()),
        *(events.column(name).alias(f"tie_{place}") for place, name in enumerate(tie_break)),
        F.xxhash64(user_id).alias("user_hash"),
        reason.alias("reason"),
    )


def _required(types: dict[str, DataType]) -> list[str]:
    whole = [name for name, kind in types.items() if not isinstance(kind, (FloatType, DoubleType))]
    return ["user_id", "item_id", "timestamp", *whole]


def _filled(name: str, kind: DataType) -> Column:
    value = F.col(name)
    if not isinstance(kind, (FloatType, DoubleType)):
        return value
    nan, zero = F.lit(float("nan")).cast(kind), F.lit(0.0).cast(kind)
    missing = value.isNull() | F.isnan(value)
    return F.when(missing, nan).when(value == zero, zero).otherwise(value).alias(name)


def join_sids(events: DataFrame, sids: DataFrame, *, few_events: bool = False) -> DataFrame:
    """Add each event's SID; where its item has none, sid is null.

    Parameters
    ----------
    events : DataFrame
    sids : DataFrame
        As `sids_of_codebook` gives them.
    few_events : bool
        Whether the events' items fit in a broadcast: then only their SIDs are shuffled.
    """
    if few_events:
        items = events.select("item_id").distinct()
        sids = sids.join(F.broadcast(items), on="item_id", how="left_semi")
    return events.join(sids, on="item_id", how="left")


def sids_of_codebook(item_sids: Source, codebook_id: str, *, item_id: DataType) -> DataFrame:
    """Select item_id and sid of one codebook.

    Raises
    ------
    TableError
        If item ids are of another type, or the codebook has quantised no item.
    """
    item_sids.require("codebook_id", [StringType], "string")
    item_sids.require("sid", [LongType], "bigint")
    kind = item_sids.type_of("item_id").simpleString()
    if kind != item_id.simpleString():
        raise TableError(
            f"events: item_id must be {kind} as in {item_sids.location}, "
            f"got {item_id.simpleString()}"
        )
    sids = item_sids.rows.where(F.col("codebook_id") == codebook_id).select("item_id", "sid")
    if not sids.head(1):
        raise TableError(f"item_sids: {item_sids.location} has no SID of codebook {codebook_id}")
    return sids


def count_events(events: DataFrame, buckets: int) -> EventCounts:
    """Count events before the join: by reason why not, and those that can be packed by bucket."""
    bucket = F.when(F.col("reason").isNull(), F.pmod("user_hash", F.lit(buckets)))
    found = events.groupBy("reason", bucket.alias("bucket")).agg(
        F.count(F.lit(1)).alias("n"), F.max("timestamp").alias("newest")
    )
    rows = found.collect()
    usable = [row for row in rows if row["reason"] is None]
    rejected: dict[str, int] = {}
    for row in rows:
        if row["reason"] is not None:
            rejected[row["reason"]] = rejected.get(row["reason"], 0) + row["n"]
    newest = max((row["newest"] for row in usable), default=None)
    return EventCounts(
        usable=sum(row["n"] for row in usable),
        rejected=rejected,
        by_bucket={int(row["bucket"]): row["n"] for row in usable},
        newest_day=None if newest is None else (_EPOCH + newest * MICROSECOND).date(),
    )

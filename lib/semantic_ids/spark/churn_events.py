"""Events of both sides, out of their segments, counted by what became of them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semantic_ids.codebook import bytes_to_sids
from semantic_ids.errors import InputError, TableError
from semantic_ids.report import Counts, UserChurn
from semantic_ids.spark.churn_inputs import ChurnInputs, Side
from semantic_ids.spark.churn_items import first_byte, first_byte_counts
from semantic_ids.spark.merging import unpack_segments
from semantic_ids.spark.sequences import BLOB_SETTINGS
from semantic_ids.spark.session import with_settings

__all__ = ["count_events"]

_COLUMNS = ("n_before", "n_after", "n_both", "n_moved")


def count_events(inputs: ChurnInputs) -> tuple[Counts, UserChurn]:
    """Count the events of both sides by user and time, and their users.

    Events of one user and time are a multiset of SIDs: what is on both sides was kept, what is
    left on either side became each other, and the rest is new or gone. Between two codebooks SIDs
    do not compare, so events of one time are on both sides whatever their SIDs.

    Raises
    ------
    TableError
        If a side has no segment of its codebook.
    InputError
        If a segment's blobs do not have the bytes of its events.
    """
    width = inputs.after.codebook.width
    moments = _moments(inputs)
    is_told = F.col("told")
    first = first_byte(F.col("sid_before"), F.col("sid_after"), width)
    users = moments.groupBy("user_id").agg(
        *(F.sum(name).alias(name) for name in _COLUMNS),
        *first_byte_counts(is_told, first, width),
    )
    is_before, is_after = F.col("n_before") > 0, F.col("n_after") > 0
    kept = F.col("n_both") - F.col("n_moved")
    touched = (kept < F.col("n_before")) | (kept < F.col("n_after"))
    with with_settings(moments.sparkSession, BLOB_SETTINGS):
        found = users.agg(
            *(F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in _COLUMNS),
            *(F.coalesce(F.sum(f"byte_{j}"), F.lit(0)).alias(f"byte_{j}") for j in range(width)),
            F.count_if(is_before).alias("users_before"),
            F.count_if(is_after).alias("users_after"),
            F.count_if(is_before & is_after).alias("users_both"),
            F.count_if(is_before & is_after & touched).alias("users_touched"),
        ).collect()[0]
    _check(inputs.before, found["n_before"])
    _check(inputs.after, found["n_after"])
    n_moved, first_bytes = None, ()
    if inputs.is_one_codebook:
        n_moved = found["n_moved"]
        first_bytes = tuple(found[f"byte_{j}"] for j in range(width))
    numbers = (found["n_before"], found["n_after"], found["n_both"])
    names = ("users_before", "users_after", "users_both", "users_touched")
    return Counts(*numbers, n_moved, first_bytes), UserChurn(*(found[name] for name in names))


def _moments(inputs: ChurnInputs) -> DataFrame:
    """Give each user and time once: events before, after, on both sides and moved of those.

    Where one SID became another, `told` is true and `sid_before` and `sid_after` are the two.
    """
    compares = inputs.is_one_codebook
    events = _events(inputs.before, is_after=False, with_sids=compares).unionByName(
        _events(inputs.after, is_after=True, with_sids=compares)
    )
    is_after = F.col("is_after")
    sids = (
        events.repartition("user_id")  # one shuffle serves all that is grouped by user and more
        .groupBy("user_id", "us", "sid")
        .agg(F.count_if(~is_after).alias("n_before"), F.count_if(is_after).alias("n_after"))
        .withColumn("n_same", F.least("n_before", "n_after"))
    )
    grouped = sids.groupBy("user_id", "us").agg(
        F.sum("n_before").alias("n_before"),
        F.sum("n_after").alias("n_after"),
        F.sum("n_same").alias("n_same"),
        F.max(F.when(F.col("n_before") > F.col("n_same"), F.col("sid"))).alias("sid_before"),
        F.max(F.when(F.col("n_after") > F.col("n_same"), F.col("sid"))).alias("sid_after"),
    )
    left_before, left_after = (F.col(n) - F.col("n_same") for n in ("n_before", "n_after"))
    return (
        grouped.withColumn("n_both", F.least("n_before", "n_after"))
        .withColumn("n_moved", F.col("n_both") - F.col("n_same"))
        .withColumn("told", (left_before == 1) & (left_after == 1))
    )


def _events(side: Side, *, is_after: bool, with_sids: bool) -> DataFrame:
    """Select user_id, us, sid and is_after of the events of the codebook's segments."""
    source, width = side.sequences, side.codebook.width
    if source is None:
        raise TableError("sequences: a table is required to count events, got none")
    of_codebook = F.col("codebook_id") == side.codebook.codebook_id
    segments = source.rows.where(of_codebook).select("user_id", "n_events", "sids", "timestamps")

    label = f"{source.name}: {source.label}"

    def to_events(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in filter(len, batches):
            try:
                yield events_of(batch, width, with_sids=with_sids)
            except InputError as error:
                raise InputError(f"{label}: {error}") from None

    user_id = source.rows.schema["user_id"].dataType.simpleString()
    events = segments.mapInArrow(to_events, f"user_id {user_id}, us bigint, sid bigint")
    return events.withColumn("is_after", F.lit(is_after))


def events_of(segments: pa.RecordBatch, width: int, *, with_sids: bool) -> pa.RecordBatch:
    """Give the events of segments, a row each: user_id, us, and sid, or 0 without SIDs.

    Raises
    ------
    InputError
        If n_events is null, or a segment's blobs do not have the bytes of its events.
    """
    table = pa.Table.from_batches([segments])
    n_events = _events_of_each(segments, width)
    blobs = unpack_segments(table, n_events, {})
    times = blobs["timestamps"]
    sids = np.zeros(len(times), np.int64)
    if with_sids:
        bytes_to_sids(blobs["sids"].view(np.uint8).reshape(-1, width), width, out=sids)
    rows = pa.array(np.repeat(np.arange(len(n_events)), n_events))
    users = segments.column("user_id").take(rows)
    return pa.RecordBatch.from_arrays(
        [users, pa.array(times), pa.array(sids)], ["user_id", "us", "sid"]
    )


def _events_of_each(segments: pa.RecordBatch, width: int) -> npt.NDArray[np.int64]:
    """Give the number of events of each segment, whose blobs have the bytes of so many."""
    columns = (
        segments.column("n_events"),
        pc.binary_length(segments.column("sids")),
        pc.binary_length(segments.column("timestamps")),
    )
    n_events, sids, times = (
        pc.fill_null(column.cast(pa.int64()), -1).to_numpy() for column in columns
    )
    right = (n_events >= 0) & (sids == width * n_events) & (times == 8 * n_events)
    if not right.all():
        row = int(right.argmin())
        got = ["null" if each[row] < 0 else str(each[row]) for each in (n_events, sids, times)]
        raise InputError(
            f"a segment must hold {width} bytes of sids, as its codebook has, and 8 of timestamps "
            f"for each of its n_events, got {got[1]} and {got[2]} bytes for n_events {got[0]}, of "
            f"user_id {segments.column('user_id')[row].as_py()!r}"
        )
    counted: npt.NDArray[np.int64] = n_events
    return counted


def _check(side: Side, n_events: int) -> None:
    if not n_events and side.sequences:
        raise TableError(
            f"{side.sequences.name}: {side.sequences.label} has no event of codebook "
            f"{side.codebook.codebook_id}: build_sequences with it writes them"
        )

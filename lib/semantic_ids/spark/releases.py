"""The releases table: which codebook a name points to, since when, and before that."""

import datetime
from collections.abc import Sequence

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType, TimestampType

from semantic_ids.errors import TableError
from semantic_ids.spark.commits import Commit, Turn
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sources import Source

__all__ = [
    "PREVIOUS",
    "now_after",
    "released_codebook",
    "released_codebooks",
    "releases_output",
    "require_sids",
    "switch_release",
    "switch_target",
]

PREVIOUS = "previous"

_SCHEMA = StructType(
    [
        StructField("name", StringType()),
        StructField("codebook_id", StringType()),
        StructField("since", TimestampType()),
        StructField("run_id", StringType()),
    ]
)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def releases_output(table: str) -> Output:
    """Describe the releases table; of a name's rows the newest counts."""
    constraints = {
        "release_complete": "name is not null and codebook_id is not null and since is not null"
    }
    return Output(
        "releases", table, _SCHEMA, constraints=constraints, defaults={"delta.appendOnly": "true"}
    )


def now_after(newest_us: int | None) -> datetime.datetime:
    """Give the time, or one later than the newest row's where the clock went backwards."""
    now = datetime.datetime.now(datetime.UTC)
    if newest_us is None:
        return now
    return max(now, _EPOCH + datetime.timedelta(microseconds=newest_us + 1))


def released_codebooks(releases: Source, name: str) -> list[Row]:
    """Give the rows of a name, newest first: codebook_id, and since_us since the epoch."""
    releases.require_schema(_SCHEMA)
    return (
        releases.rows.where(F.col("name") == name)
        .select("codebook_id", F.unix_micros("since").alias("since_us"))
        .orderBy(F.desc("since"))
        .collect()
    )


def released_codebook(releases: Source, name: str) -> str:
    """Give the codebook_id that a name points to.

    Raises
    ------
    TableError
        If the name has no release.
    """
    found = released_codebooks(releases, name)
    if not found:
        raise TableError(f"codebook: {releases.location} has no release named {name!r}")
    return str(found[0]["codebook_id"])


def switch_target(released: Sequence[Row], *, name: str, codebook: str) -> str:
    """Give the codebook_id to switch to: the one asked for, or the one before the current one.

    Raises
    ------
    TableError
        If there is no codebook before the current one.
    """
    if codebook != PREVIOUS:
        return codebook
    earlier = [row["codebook_id"] for row in released]
    others = [codebook_id for codebook_id in earlier if codebook_id != earlier[0]]
    if not others:
        raise TableError(
            f"codebook: {name!r} must have had another codebook to go back to, "
            f"got {len(released)} releases"
        )
    return str(others[0])


def require_sids(item_sids: Source, codebook_id: str) -> int:
    """Count the SIDs of a codebook.

    Raises
    ------
    TableError
        If there is none: nobody could read the release.
    """
    item_sids.require("codebook_id", [StringType], "string")
    n = item_sids.rows.where(F.col("codebook_id") == codebook_id).count()
    if not n:
        raise TableError(f"codebook: {item_sids.location} has no SID of codebook {codebook_id}")
    return n


def switch_release(
    spark: SparkSession,
    output: Output,
    *,
    turn: Turn,
    released: Sequence[Row],
    name: str,
    codebook_id: str,
    n_sids: int,
    run_id: str,
) -> RunSummary:
    """Point a name at a codebook, in one commit, unless it points there already.

    Parameters
    ----------
    turn : Turn
        Taken before `released` was read: of two switches at once one is made.
    released : sequence of Row
        The name's rows, newest first.
    n_sids : int
        How many items have a SID of the codebook.
    """
    current = released[0]["codebook_id"] if released else None
    outcome = f"{name!r} stays with codebook {codebook_id} of {n_sids:,} SIDs"
    if current != codebook_id:
        since = now_after(released[0]["since_us"] if released else None)
        output.create(spark)
        row = spark.createDataFrame([(name, codebook_id, since, run_id)], _SCHEMA).coalesce(1)
        commit = Commit(turn.key, {"name": name, "from": current}, {"out": 1}, run_id=run_id)
        output.append(row, commit, turn=turn)
        before = f", before: {current}" if current else ""
        outcome = f"{name!r} now means codebook {codebook_id} of {n_sids:,} SIDs{before}"
    return RunSummary(outcome, codebook_id=codebook_id)

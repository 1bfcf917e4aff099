"""What the commits of a sequences table say: which events stand in it, and so which are new."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from delta.exceptions import (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentTransactionException,
)
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import TimestampType

from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.commits import AnotherRunError, Commit, Turn
from semantic_ids.spark.event_changes import appended_rows
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.sources import UNVERSIONED, Source
from semantic_ids.spark.versions import FullRunError, ReadListing

__all__ = [
    "ALL",
    "COMPACTION",
    "FORGET",
    "KEY",
    "LOST_TURNS",
    "SINCE",
    "builds_since_base",
    "inputs_of",
    "last_build",
    "new_events",
    "write_build",
]

KEY = "build_sequences"  # of builds and compactions, so that of any two at once one commits
LOST_TURNS = (
    AnotherRunError,
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentTransactionException,
)
_TURNS = 20
ALL = "all"
SINCE = "since"
COMPACTION = "compaction"
FORGET = "forget"  # of users: a build that ran meanwhile may have read their events, and runs again

_RULES = ("tie_break", "event_columns", "missing_items", "buckets", "codebook_id", "events_id")


def inputs_of(
    config: BuildSequences, events: Source, item_sids: Source, *, codebook_id: str, scope: str
) -> dict[str, Any]:
    """Name all that decides what a build writes."""
    columns = ["user_id", "item_id", "timestamp", *config.event_columns, *config.tie_break]
    chosen = {"event_columns", "tie_break", "missing_items", "buckets", "max_segment_events"}
    return config.model_dump(mode="json", include=chosen) | {
        "scope": scope,
        "events": events.label,
        "events_id": events.identity(columns),
        "item_sids": item_sids.label,
        "codebook_id": codebook_id,
    }


def last_build(commits: Sequence[Commit], inputs: Mapping[str, Any]) -> Commit | None:
    """Find the build of these very inputs, unless a later one wrote over it or beside it."""
    scope = inputs["scope"]
    if any(UNVERSIONED in inputs[name].rpartition("@") for name in ("events", "item_sids")):
        return None
    builds = _builds(commits)
    if scope not in (ALL, SINCE):
        builds = [build for build in builds if build.inputs["scope"] in (scope, ALL)]
    newest = next(iter(builds), None)
    return newest if newest and newest.inputs == inputs else None


def _builds(commits: Sequence[Commit]) -> list[Commit]:
    found = (commit for commit in commits if commit.key == KEY)
    return [commit for commit in found if commit.inputs["scope"] not in (COMPACTION, FORGET)]


def builds_since_base(commits: Sequence[Commit]) -> list[Commit]:
    """Give the builds that say which events stand in the table, newest first."""
    found = []
    for build in _builds(commits):
        found.append(build)
        if build.inputs["scope"] in (ALL, SINCE):
            break
    return found


@dataclass
class _Packed:
    """Up to which version of the source each day's events stand in the table.

    Parameters
    ----------
    base : str
        The version up to which all events were packed.
    days : dict
        By version, the days that were built anew since then.
    """

    base: str
    days: dict[str, list[datetime.date]] = field(default_factory=dict)


def new_events(
    events: Source,
    commits: Sequence[Commit],
    inputs: Mapping[str, Any],
    *,
    read_listing: ReadListing,
) -> DataFrame | None:
    """Read the events that no build has packed yet; None where there is no newer version.

    Raises
    ------
    FullRunError
        If that cannot be told, or what stands was built by other rules.
    """
    packed = _packed(commits, inputs)
    day = F.col("timestamp").cast(TimestampType()).cast("date")
    parts = []
    if packed.base != events.version:
        elsewhere = [day for days in packed.days.values() for day in days]
        rows = appended_rows(events, packed.base, read_listing=read_listing)
        parts.append(
            rows.where(~F.coalesce(day.isin(elsewhere), F.lit(False))) if elsewhere else rows
        )
    for version, days in packed.days.items():
        if version != events.version:
            rows = appended_rows(events, version, read_listing=read_listing)
            parts.append(rows.where(day.isin(days)))
    if not parts:
        return None
    whole, *others = parts
    for part in others:
        whole = whole.unionByName(part, allowMissingColumns=True)
    return whole


def _packed(commits: Sequence[Commit], inputs: Mapping[str, Any]) -> _Packed:
    days: dict[datetime.date, str] = {}
    for commit in _builds(commits):
        _require_same_rules(commit.inputs, inputs)
        place, _, version = commit.inputs["events"].rpartition("@")
        if place != inputs["events"].rpartition("@")[0]:
            raise FullRunError(f"the table was built from {place}")
        scope = commit.inputs["scope"]
        if scope in (ALL, SINCE):
            packed = _Packed(version)
            for day, since in sorted(days.items()):
                if since != version:
                    packed.days.setdefault(since, []).append(day)
            return packed
        days.setdefault(datetime.date.fromisoformat(scope), version)
    raise FullRunError("the table has no build of all events to go on from")


def _require_same_rules(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name in _RULES:
        if then.get(name) != now[name]:
            raise FullRunError(f"the table was built with {name} {then.get(name)}, now {now[name]}")


def write_build(
    output: Output, rows: DataFrame, commit: Commit, *, turn: Turn, newest: int
) -> None:
    """Commit a build, in a later turn where what was committed meanwhile does not touch it.

    Parameters
    ----------
    output : Output
    rows : DataFrame
    commit : Commit
    turn : Turn
        Taken before the history was read.
    newest : int
        The version of the newest commit of ours that the build has seen.

    Raises
    ------
    AnotherRunError
        If another build that touches the same events, or a run of forget_users, or for a day a
        compaction, committed.
    """
    scope, spark = commit.inputs["scope"], rows.sparkSession
    where = None if scope == ALL else f"ds = '{scope}'"
    for turns_left in reversed(range(_TURNS)):
        try:
            if scope == SINCE:
                output.append(rows, commit, turn=turn)
            else:
                output.replace(rows, where, commit, turn=turn)
        except LOST_TURNS:
            turn = output.turn(spark, KEY)
            since = [c for c in output.commits(spark) if c.version > newest]
            others = {other.inputs.get("scope", ALL) for other in since}
            if scope in (ALL, SINCE):
                touching = others - {COMPACTION}
            else:
                touching = others & {ALL, SINCE, COMPACTION, FORGET, scope}
            if not since or touching or not turns_left:
                raise
        else:
            return

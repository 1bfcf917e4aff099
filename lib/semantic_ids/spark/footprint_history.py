"""How a table grew: its Delta versions, or its days where those tell too little."""

import datetime
import logging
from itertools import accumulate

from pyspark.sql import Column
from pyspark.sql import functions as F

from semantic_ids.report import History, Moment, Part, is_long
from semantic_ids.spark.places import open_delta
from semantic_ids.spark.session import SPARK_ERRORS
from semantic_ids.spark.snapshots import snapshot_of
from semantic_ids.spark.sources import Source

__all__ = ["history_of"]

log = logging.getLogger("semantic_ids")

_MOST_VERSIONS = 8
_SECONDS_A_DAY = 86_400


def history_of(
    source: Source, weight: Column, *, codebook_id: str | None, days: tuple[Part, ...]
) -> History:
    """Find moments of a table, from its versions; by day where versions are too few or too young.

    Parameters
    ----------
    source : Source
    weight : Column
        The events or items of a row.
    codebook_id : str or None
        Whose rows are counted; None: all.
    days : tuple of Part
        The table's days, whatever the codebook.
    """
    versions = _by_version(source, weight, codebook_id)
    if versions.is_long_enough:
        return versions
    by_day = _by_day(days)
    return by_day if by_day.is_long_enough else versions


def _by_version(source: Source, weight: Column, codebook_id: str | None) -> History:
    versions = _versions(source)
    days = versions[-1][1] - versions[0][1] if versions else 0.0
    moments = []
    if is_long(len(versions), days):
        for number, day in _choose(versions):
            moment = _moment(source, number, day, weight, codebook_id)
            if moment:
                moments.append(moment)
    return History("version", len(versions), days, tuple(moments))


def _versions(source: Source) -> list[tuple[int, float]]:
    """List the versions up to the source's own, with their times in days."""
    if source.delta_version is None:
        return []
    history = open_delta(source.rows.sparkSession, source.location).history()
    rows = history.where(F.col("version") <= source.delta_version)
    found = rows.select("version", F.unix_micros("timestamp")).orderBy("version").collect()
    return [(row[0], row[1] / 1e6 / _SECONDS_A_DAY) for row in found]


def _choose(versions: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Keep versions about evenly apart in time, the oldest and the newest among them."""
    if len(versions) <= _MOST_VERSIONS:
        return versions
    first, last = versions[0][1], versions[-1][1]
    step = (last - first) / (_MOST_VERSIONS - 1)
    return sorted({_nearest(versions, first + step * k) for k in range(_MOST_VERSIONS)})


def _nearest(versions: list[tuple[int, float]], day: float) -> tuple[int, float]:
    return min(versions, key=lambda version: abs(version[1] - day))


def _moment(
    source: Source, number: int, day: float, weight: Column, codebook_id: str | None
) -> Moment | None:
    """Count what a version held; None where it held nothing, or its files are gone."""
    try:
        rows = source.read_version(number)
        size_bytes = int(snapshot_of(rows).sizeInBytes())
        if codebook_id is not None:
            rows = rows.where(F.col("codebook_id") == codebook_id)
        n_units = rows.agg(F.sum(weight)).collect()[0][0]
    except SPARK_ERRORS:
        log.info("%s: version %d cannot be read any more", source.name, number)
        return None
    at = datetime.datetime.fromtimestamp(day * _SECONDS_A_DAY, datetime.UTC)
    label = f"delta:{number}, {at:%Y-%m-%d %H:%M}"
    return Moment(label, day, int(n_units), size_bytes) if n_units else None


def _by_day(days: tuple[Part, ...]) -> History:
    known = [(part, day) for part in days if (day := _day_of(part.name)) is not None]
    units = accumulate(part.n_units for part, _ in known)
    sizes = accumulate(part.size_bytes for part, _ in known)
    moments = [
        Moment(part.name, day, n_units, size_bytes)
        for (part, day), n_units, size_bytes in zip(known, units, sizes, strict=True)
    ]
    span = moments[-1].day - moments[0].day if moments else 0.0
    return History("day", len(moments), span, tuple(moments))


def _day_of(name: str) -> float | None:
    try:
        return float(datetime.date.fromisoformat(name).toordinal())
    except ValueError:
        return None

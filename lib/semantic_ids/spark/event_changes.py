"""Which events are new since a version, where a source was only appended to."""

from pyspark.sql import DataFrame

from semantic_ids.spark.session import SPARK_ERRORS, sentence_of
from semantic_ids.spark.snapshots import (
    StoredFile,
    only_files,
    read_log,
    rows_of_files,
    snapshot_of,
    uris_of,
)
from semantic_ids.spark.sources import Source
from semantic_ids.spark.versions import FullRunError, ReadListing, kind_of, listings_of

__all__ = ["appended_rows"]

_FILE = "struct<path: string, dataChange: boolean>"
_ACTIONS = f"add {_FILE}, remove {_FILE}"


def appended_rows(events: Source, since: str, *, read_listing: ReadListing) -> DataFrame:
    """Read the rows that were appended to a source since a version.

    Parameters
    ----------
    events : Source
    since : str
        The version that was read last.
    read_listing : callable
        Gives the listing of a digest, or None.

    Raises
    ------
    FullRunError
        If rows went or changed meanwhile, or it cannot be told.
    """
    if kind_of(events, since) == "files":
        return _by_listing(events, *listings_of(events, since, read_listing))
    before = since.partition(":")[2]
    if int(before) > (events.delta_version or 0):
        raise FullRunError(f"the source has no version {before} any more")
    try:
        return _by_log(events, int(before))
    except SPARK_ERRORS as error:
        raise FullRunError(
            f"its log since version {before} cannot be read: {sentence_of(error)}"
        ) from None


def _by_listing(events: Source, old: set[StoredFile], new: set[StoredFile]) -> DataFrame:
    if old - new:
        raise FullRunError(f"{len(old - new)} files of the source are gone or were written again")
    files = sorted(path for path, _, _ in new - old)
    return only_files(events.rows, uris_of(events.rows.sparkSession, files))


def _by_log(events: Source, before: int) -> DataFrame:
    """Read the files that the commits since then added; what only moved rows is passed over."""
    spark = events.rows.sparkSession
    now = snapshot_of(events.rows)
    versions = range(before + 1, (events.delta_version or 0) + 1)
    if not versions:
        return events.rows.limit(0)
    log = read_log(spark, now, versions, _ACTIONS)
    actions = log.where("add.dataChange or remove.dataChange").collect()
    if any(action["remove"] for action in actions):
        raise FullRunError("rows of the source were changed or deleted")
    added = {(action["version"], action["add"]["path"]) for action in actions}
    standing = {row[0] for row in DataFrame(now.allFiles().toDF(), spark).select("path").collect()}
    rows = rows_of_files(spark, now, sorted({path for _, path in added} & standing))
    for version in sorted({v for v, path in added if path not in standing}):  # compacted since
        paths = sorted(path for v, path in added if v == version and path not in standing)
        snapshot = snapshot_of(events.read_version(version))
        rows = rows.unionByName(rows_of_files(spark, snapshot, paths), allowMissingColumns=True)
    return rows

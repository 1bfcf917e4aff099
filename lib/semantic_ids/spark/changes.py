"""Which items of a source changed since a version: by its change feed, or by its files."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semantic_ids.spark.encoding import Stored
from semantic_ids.spark.feed_files import stored_in_feed
from semantic_ids.spark.parquet_files import CAME, CHANGE_TYPE
from semantic_ids.spark.scratch import Scratch
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of
from semantic_ids.spark.snapshots import (
    only_files,
    property_of,
    rows_of_files,
    snapshot_of,
    stored_files,
    uris_of,
)
from semantic_ids.spark.sources import Source, quoted
from semantic_ids.spark.versions import FullRunError, ReadListing, kind_of, listings_of

__all__ = ["Changes", "find_changes"]

_WORTH_IT = 0.5  # of the rows or bytes; where more came anew, a full run costs less


@dataclass(frozen=True)
class Changes:
    """The items whose rows changed since a version, and rows of theirs as they are now.

    Parameters
    ----------
    touched : DataFrame
        item_id, net, n_added: each item once, null as an item; by how many rows it has more now,
        and how many of its rows are in `added`. Those are all that it has now, if it had
        n_added - net before.
    added : DataFrame
        The columns of the source that count.
    way : str
        How they were found, for the summary.
    stored : Stored, optional
        The Parquet files in which `added` are stored.
    n_added, n_items : int
        Rows in `added`, and items in `touched`, null not counted.
    net_nulls : int
        By how many more rows have no item_id.
    """

    touched: DataFrame
    added: DataFrame
    way: str
    stored: Stored | None = None
    n_added: int = 0
    n_items: int = 0
    net_nulls: int = 0


@dataclass(frozen=True)
class _Search:
    """What the ways of finding changes need."""

    items: Source
    since: str
    shape: Callable[..., DataFrame]
    rows_before: DataFrame
    read_listing: ReadListing
    scratch: Scratch


def find_changes(
    items: Source,
    since: str,
    *,
    shape: Callable[..., DataFrame],
    rows_before: DataFrame,
    read_listing: ReadListing,
    scratch: Scratch,
) -> Changes:
    """Find what changed in a source, by the first way that can tell.

    Parameters
    ----------
    items : Source
    since : str
        The version that was read last.
    shape : callable
        Takes rows of the source and names of further columns; selects the columns that count,
        item_id among them.
    rows_before : DataFrame
        item_id of each row that the source had then.
    read_listing : callable
        Gives the listing of a digest, or None.
    scratch : Scratch
        Holds what is read more than once.

    Raises
    ------
    FullRunError
        If no way can tell, or more than half has changed.
    """
    search = _Search(items, since, shape, rows_before, read_listing, scratch)
    ways = {"delta": (_by_feed, _by_snapshots), "files": (_by_listings,)}[kind_of(items, since)]
    refusals = []
    for way in ways:
        try:
            changes = _counted(way(search))  # reads the item_id of all that it rests on
            _require_few(items, changes.n_added)
        except FullRunError as refusal:
            refusals.append(str(refusal))
        except SPARK_ERRORS as error:
            refusals.append(f"{_NAMES[way]} cannot be read: {sentence_of(error)}")
        else:
            why = f" ({'; '.join(refusals)})" if refusals else ""
            return dataclasses.replace(changes, way=changes.way + why)
    raise FullRunError("; ".join(refusals))


def _counted(changes: Changes) -> Changes:
    nulls = F.when(F.col("item_id").isNull(), F.col("net"))
    counts = changes.touched.agg(F.sum("n_added"), F.count("item_id"), F.sum(nulls)).collect()[0]
    n_added, n_items, net_nulls = (count or 0 for count in counts)
    return dataclasses.replace(changes, n_added=n_added, n_items=n_items, net_nulls=net_nulls)


def _require_few(items: Source, n_added: int) -> None:
    if n_added > _WORTH_IT * items.n_rows:
        raise FullRunError(f"{n_added:,} rows came anew, more than half")


def _by_feed(search: _Search) -> Changes:
    """Read the change data feed: in each commit, rows go before rows come."""
    items = search.items
    if property_of(snapshot_of(items.rows), "delta.enableChangeDataFeed") != "true":
        raise FullRunError("the source has no change data feed")
    feed = search.shape(
        items.read_feed(_number(search.since)), CHANGE_TYPE, "_commit_version"
    ).withColumn("comes", F.col(CHANGE_TYPE).isin(*CAME))
    by_commit = feed.groupBy("item_id", "_commit_version").agg(
        F.count_if("comes").alias("came"), F.count_if(~F.col("comes")).alias("went")
    )
    by_item = by_commit.groupBy("item_id").agg(
        F.sum(F.col("came") - F.col("went")).alias("net"),
        F.max_by("came", "_commit_version").alias("n_added"),
        F.max("_commit_version").alias("version"),
    )
    last = search.scratch.keep(by_item)
    newest = last.select(F.col("item_id").alias("last_id"), "version")
    in_last = (F.col("item_id") == F.col("last_id")) & (
        F.col("_commit_version") == F.col("version")
    )
    added = feed.where("comes").join(newest, in_last, "left_semi")
    columns = search.shape(items.rows).columns
    latest = last.select("item_id", "version")
    return Changes(
        last.drop("version"),
        added.select(*map(quoted, columns)),
        "by the change data feed",
        stored_in_feed(items, _number(search.since), latest),
    )


def _by_snapshots(search: _Search) -> Changes:
    """Compare the files of two Delta versions; both still have to be there."""
    items = search.items
    spark = items.rows.sparkSession
    before = snapshot_of(items.read_version(_number(search.since)))
    now = snapshot_of(items.rows)
    old, new = stored_files(spark, before), stored_files(spark, now)
    came, went = new.keys() - old.keys(), old.keys() - new.keys()
    _require_few_bytes(sum(new[file] for file in came), sum(new.values()))
    added = search.shape(rows_of_files(spark, now, sorted({path for path, _ in came})))
    gone = search.shape(rows_of_files(spark, before, sorted({path for path, _ in went})))
    came_by_item = added.groupBy("item_id").agg(F.count(F.lit(1)).alias("n"))
    went_by_item = gone.groupBy("item_id").agg((-F.count(F.lit(1))).alias("n"))
    touched = (
        came_by_item.unionByName(went_by_item)
        .groupBy("item_id")
        .agg(F.sum("n").alias("net"), F.sum(F.greatest("n", F.lit(0))).alias("n_added"))
    )
    return Changes(search.scratch.keep(touched), added, "by the files of both versions")


def _by_listings(search: _Search) -> Changes:
    """Compare the listings of Parquet input; a file that is gone cannot be read any more."""
    items = search.items
    old, new = listings_of(items, search.since, search.read_listing)
    came = new - old
    _require_few_bytes(sum(size for _, size, _ in came), sum(size for _, size, _ in new))
    files = uris_of(items.rows.sparkSession, sorted(path for path, _, _ in came))
    added = search.shape(only_files(items.rows, files))
    touched = search.scratch.keep(_by_items(search, added, is_more=not old - new))
    return Changes(touched, added, "by the listing of files", Stored(files))


def _by_items(search: _Search, added: DataFrame, *, is_more: bool) -> DataFrame:
    """Count by item; where files went too, by what all of the source and of our tables hold."""
    came = F.when(F.col("side") == "added", 1).otherwise(0)
    if is_more:
        sides, net = _side(added, "added"), came
    else:
        sides = _side(added, "added").unionAll(_side(search.shape(search.items.rows), "now"))
        sides = sides.unionAll(_side(search.rows_before, "before"))
        net = F.when(F.col("side") == "now", 1).when(F.col("side") == "before", -1).otherwise(0)
    touched = sides.groupBy("item_id").agg(F.sum(net).alias("net"), F.sum(came).alias("n_added"))
    return touched.where((F.col("net") != 0) | (F.col("n_added") > 0))


def _side(rows: DataFrame, side: str) -> DataFrame:
    return rows.select("item_id", F.lit(side).alias("side"))


def _number(version: str) -> int:
    return int(version.partition(":")[2])


def _require_few_bytes(came: int, of: int) -> None:
    if came > _WORTH_IT * of:
        raise FullRunError("more than half of the source is in files that came since")


_NAMES: dict[Callable[[_Search], Changes], str] = {
    _by_feed: "the change data feed",
    _by_snapshots: "the files of the version of the last run",
    _by_listings: "the files of the source",
}

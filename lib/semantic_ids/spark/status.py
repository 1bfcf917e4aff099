"""How the tables stand: each job's last run, what is in the tables, how far behind they are."""

import datetime
from collections.abc import Iterator
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from semantic_ids.job_configs import Status
from semantic_ids.spark.build_history import builds_since_base
from semantic_ids.spark.codebooks import codebooks_output
from semantic_ids.spark.commits import Commit
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.places import open_delta
from semantic_ids.spark.quantize import id_type, item_sids_output
from semantic_ids.spark.releases import releases_output
from semantic_ids.spark.runs import STARTED, RunSummary, runs_output
from semantic_ids.spark.sequences import open_sequences
from semantic_ids.spark.sources import Source, open_source

__all__ = ["read_status"]

_NOT_ENDED = "started and not ended: it runs, or died"
_MOMENT = "yyyy-MM-dd HH:mm:ss"


def read_status(spark: SparkSession, config: Status) -> RunSummary:
    """Say how the tables that a configuration names stand, a line each.

    Returns
    -------
    RunSummary
        The lines, and as metrics what they say: `runs`, `codebooks`, `releases`, `item_sids`,
        `sequences`.
    """
    found = {"runs": _last_runs(_open(spark, runs_output(config.runs)))}
    if config.codebooks:
        found["codebooks"] = _codebooks(_open(spark, codebooks_output(config.codebooks)))
    if config.releases:
        found["releases"] = _releases(_open(spark, releases_output(config.releases)))
    names = {each["codebook_id"]: each["name"] for each in found.get("codebooks", ())}
    sources = {
        name: open_source(spark, name, place)
        for name, place in (("embeddings", config.embeddings), ("events", config.events))
        if place
    }
    if config.item_sids:
        rows = _item_sids(spark, config.item_sids, sources.get("embeddings"))
        found["item_sids"] = [{**row, "name": names.get(row["codebook_id"])} for row in rows]
    if config.sequences:
        rows = _sequences(spark, config.sequences, sources.get("events"))
        found["sequences"] = [{**row, "name": names.get(row["codebook_id"])} for row in rows]
    return RunSummary("\n  ".join(_lines(found)), metrics=found)


def _open(spark: SparkSession, output: Output) -> DataFrame:
    """Read a table of ours; nobody needs leave to write it."""
    source = open_source(spark, output.name, output.table)
    source.require_schema(output.schema)
    return source.rows


def _last_runs(runs: DataFrame) -> list[dict[str, Any]]:
    """Give each job's last run: the row of its end, or of its start if it has none."""
    is_end = (F.col("status") != STARTED).cast("int")
    newest = Window.partitionBy("job").orderBy(F.desc("started_at"), F.desc(is_end))
    known = runs.where("job is not null and started_at is not null")
    last = known.withColumn("place", F.row_number().over(newest)).where("place = 1").orderBy("job")
    columns = ("seconds", "rows_in", "rows_out", "rows_rejected", "run_id", "message")
    at = F.date_format("started_at", _MOMENT).alias("started_at")
    return [row.asDict() for row in last.select("job", "status", at, *columns).collect()]


def _codebooks(codebooks: DataFrame) -> list[dict[str, Any]]:
    newest = Window.partitionBy("name").orderBy(F.desc("created_at"))
    ranked = codebooks.withColumn("is_newest", F.row_number().over(newest) == 1)
    columns = ("name", "codebook_id", "is_newest", "width")
    return [row.asDict() for row in ranked.select(*columns).orderBy("name", "is_newest").collect()]


def _releases(releases: DataFrame) -> list[dict[str, Any]]:
    newest = Window.partitionBy("name").orderBy(F.desc("since"))
    ranked = releases.withColumn("place", F.row_number().over(newest)).where("place = 1")
    since = F.date_format("since", _MOMENT).alias("since")
    found = ranked.select("name", "codebook_id", since).orderBy("name").collect()
    return [row.asDict() for row in found]


def _item_sids(
    spark: SparkSession, place: str, embeddings: Source | None
) -> Iterator[dict[str, Any]]:
    opened = open_source(spark, "item_sids", place)
    output = item_sids_output(place, id_type(opened, "item_id"))
    opened.require_schema(output.schema)
    newest: dict[str, Commit] = {}
    for commit in output.commits(spark):
        newest.setdefault(commit.key.rpartition(" ")[2], commit)
    counts = opened.rows.groupBy("codebook_id").count().orderBy("codebook_id").collect()
    for row in counts:
        found = newest.get(row["codebook_id"])
        lag = _lag(spark, embeddings, found, "embeddings", id_key="table_id")
        yield {"codebook_id": row["codebook_id"], "rows": row["count"], **lag}


def _sequences(spark: SparkSession, place: str, events: Source | None) -> Iterator[dict[str, Any]]:
    table = open_sequences(spark, place)
    builds = builds_since_base(list(table.output.commits(spark)))
    counts = (
        table.output.read(spark)
        .groupBy("codebook_id")
        .agg(
            F.sum("n_events").alias("rows"),
            F.count(F.lit(1)).alias("segments"),
            F.max("last_ts").cast("string").alias("newest_event"),
        )
    )
    for row in counts.orderBy("codebook_id").collect():
        build = builds[0] if builds else None
        yield row.asDict() | _lag(spark, events, build, "events", id_key="events_id")


def _lag(
    spark: SparkSession, source: Source | None, commit: Commit | None, name: str, *, id_key: str
) -> dict[str, Any]:
    """Say which version of a source went into a table, and how far the source has gone since.

    A source is known by its table's id, which is the first word at `id_key`.
    """
    if commit is None:
        return {"version": None}
    location, _, version = str(commit.inputs.get(name, "")).rpartition("@")
    if source is None or location != source.location:
        return {"version": version}
    read: dict[str, Any] = {"version": version, "source_version": source.version}
    if source.delta_version is None or not version.startswith("delta:"):
        return read | {"versions_behind": int(version != source.version)}
    behind = source.delta_version - int(version.partition(":")[2])
    then, now = (
        str(each or "").partition(" ")[0]
        for each in (commit.inputs.get(id_key), source.identity([]))
    )
    if behind < 0 or (then and then != now):
        return read | {"is_replaced": True}
    return read | {"versions_behind": behind, "seconds_behind": _age(spark, source, behind)}


def _age(spark: SparkSession, source: Source, behind: int) -> float:
    """Give the age of the oldest version that was not read."""
    if not behind:
        return 0.0
    history = open_delta(spark, source.location).history(behind)
    oldest = history.agg(F.unix_micros(F.min("timestamp"))).collect()[0][0] / 1e6
    return float(round(datetime.datetime.now(datetime.UTC).timestamp() - oldest, 1))


def _lines(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield f"{len(found['runs'])} jobs"
    for run in found["runs"]:
        took = "" if run["seconds"] is None else f" in {run['seconds']:,.0f} s"
        ended = _NOT_ENDED if run["status"] == STARTED else f"{run['status']}{took}"
        said = "" if run["status"] == STARTED else f": {run['message']}"
        yield f"{run['job']}, {run['started_at']} UTC, {ended}{said}"
    for book in found.get("codebooks", ()):
        newest = "the newest of its name" if book["is_newest"] else "an older one of its name"
        yield f"codebook {book['codebook_id']} {book['name']!r}, {newest}"
    for release in found.get("releases", ()):
        yield "{name!r} means codebook {codebook_id} since {since} UTC".format(**release)
    for name, unit in (("item_sids", "SIDs"), ("sequences", "events")):
        for row in found.get(name, ()):
            called = f" {row['name']!r}" if row["name"] else ""
            more = f" in {row['segments']:,} segments" if "segments" in row else ""
            yield (
                f"{name}: {row['rows']:,} {unit}{more} of codebook {row['codebook_id']}{called}"
                f"{_behind(row)}"
            )


def _behind(row: dict[str, Any]) -> str:
    if row["version"] is None:
        return ", by nobody's run that still stands"
    said = f", from version {row['version']}"
    if "source_version" not in row:
        return said
    if row.get("is_replaced"):
        return f"{said} of a table that stood where another source stands now"
    if not row["versions_behind"]:
        return f"{said}, which is the source's newest"
    if "seconds_behind" not in row:
        return f"{said}; the source has changed since"
    age = datetime.timedelta(seconds=round(row["seconds_behind"]))
    return f"{said}, {row['versions_behind']:,} behind the source, the oldest of them {age} old"

"""What `status` says of the last runs, of what stands in the tables, and how far behind it is."""

import datetime
import shutil

import numpy as np
import pytest
from pyspark.sql import functions as F
from quantize_world import DIM, World, small_codebook
from sequence_builds import DAY, Build, events_table, sids_table

from semantic_ids.errors import TableError
from semantic_ids.job_configs import Status
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.releases import releases_output
from semantic_ids.spark.runs import STARTED, Run, RunSummary, record_run, runs_output
from semantic_ids.spark.status import read_status

pytestmark = pytest.mark.spark

NOON = datetime.datetime(2011, 12, 9, 12, tzinfo=datetime.UTC)


def _file(spark, table, *runs):
    """File rows of (job, status, hour), as record_run does, in one commit."""
    output = runs_output(table)
    output.create(spark)
    columns = dict.fromkeys(output.schema.names)
    rows = [
        columns
        | {
            "run_id": f"{job}-{hour}",
            "job": job,
            "status": status,
            "started_at": NOON + datetime.timedelta(hours=hour),
            "seconds": None if status == STARTED else 5.0,
            "rows_in": 5 if status == "succeeded" else None,
            "message": f"{job} {status}",
        }
        for job, status, hour in runs
    ]
    output.append(spark.createDataFrame([tuple(row.values()) for row in rows], output.schema))


def test_the_last_run_of_each_job_has_a_line(spark, place):
    runs = place()
    _file(
        spark,
        runs,
        ("fit_codebook", STARTED, 0),
        ("fit_codebook", "succeeded", 0),
        ("quantize_items", STARTED, 0),
        ("quantize_items", "succeeded", 0),
        ("quantize_items", STARTED, 1),
        ("quantize_items", "failed", 1),
        ("build_sequences", STARTED, 0),
        ("build_sequences", "succeeded", 0),
        ("build_sequences", STARTED, 2),
    )
    summary = read_status(spark, Status(runs=runs))
    found = {run["job"]: run for run in summary.metrics["runs"]}
    assert [found[job]["status"] for job in sorted(found)] == [STARTED, "succeeded", "failed"]
    assert found["fit_codebook"]["rows_in"] == 5
    lines = summary.message.splitlines()
    assert lines[0] == "3 jobs"
    assert "build_sequences, 2011-12-09 14:00:00 UTC, started and not ended" in lines[1]
    assert "quantize_items, 2011-12-09 13:00:00 UTC, failed in 5 s" in lines[3]
    assert lines[3].endswith(": quantize_items failed")


def test_a_table_of_finished_runs_only_takes_started_ones(spark, place):
    output = runs_output(place())
    older = type(output)(
        "runs",
        output.table,
        output.schema,
        constraints={"status_known": "status in ('succeeded', 'failed')"},
    )
    older.create(spark)
    run = Run("r-1", "fit_codebook", NOON, {})
    for status in (STARTED, "succeeded"):
        record_run(spark, output, run=run, summary=RunSummary(status), status=status)
    assert output.read(spark).count() == 2


def test_runs_of_odd_moments_have_a_line_or_none(spark, place):
    runs = place()
    _file(spark, runs, ("fit_codebook", "succeeded", 0), ("quantize_items", "failed", 0))
    spark.sql(
        f"update delta.`{runs}` set started_at = if(job = 'fit_codebook', "
        "timestamp_micros(1700000000000000000), null)"
    )
    (line,) = read_status(spark, Status(runs=runs)).message.splitlines()[1:]
    assert line.lstrip().startswith("fit_codebook, +55840-")


def test_tables_that_are_not_ours_are_named(spark, place):
    runs, other = place(), place()
    _file(spark, runs, ("fit_codebook", "succeeded", 0))
    spark.range(3).withColumn("codebook_id", F.lit("a")).write.format("delta").save(other)
    for name, column in {"runs": "run_id", "codebooks": "name", "item_sids": "item_id"}.items():
        with pytest.raises(TableError, match=f"{name}: .* has no column '{column}'"):
            read_status(spark, Status(**{"runs": runs, name: other}))


def test_the_codebook_that_a_name_means_is_said(spark, place):
    runs, releases = place(), releases_output(place())
    _file(spark, runs, ("switch_release", "succeeded", 0))
    releases.create(spark)
    rows = [("shop", codebook_id * 32, NOON, "run") for codebook_id in "ab"]
    rows[1] = ("shop", "b" * 32, NOON + datetime.timedelta(hours=1), "run")
    releases.append(spark.createDataFrame(rows, releases.schema))
    summary = read_status(spark, Status(runs=runs, releases=releases.table))
    line = summary.message.splitlines()[-1].strip()
    assert line == f"'shop' means codebook {'b' * 32} since 2011-12-09 13:00:00 UTC"


@pytest.mark.parametrize("n_versions", [1, 2])
def test_another_source_in_the_place_of_one_is_said(spark, place, save, n_versions):
    runs, events, build = place(), place(), Build(spark, save, place())
    _file(spark, runs, ("build_sequences", "succeeded", 0))
    for _ in range(2):
        _append(spark, events, [(1, 0, DAY)])
    build.run(events, save(sids_table(range(3))))
    shutil.rmtree(events)
    for _ in range(n_versions):
        _append(spark, events, [(2, 1, DAY)])
    summary = read_status(spark, Status(runs=runs, sequences=build.table, events=events))
    said = "from version delta:1 of a table that stood where another source stands now"
    assert said in summary.message


def _append(spark, table, rows):
    events = spark.createDataFrame(events_table(rows))
    events.write.format("delta").mode("append").save(table)


@pytest.mark.slow
def test_tables_are_counted_and_their_lag_is_said(spark, place, save):
    runs, codebooks, codebook = place(), codebooks_output(place()), small_codebook()
    _file(spark, runs, ("quantize_items", "succeeded", 0))
    append_codebook(spark, codebooks, codebook=codebook, name="text", lineage={}, metrics={})
    world = World(spark, place, codebook)
    rng = np.random.default_rng(0)
    world.write([(i, rng.normal(size=DIM).tolist()) for i in range(10)])
    world.run()
    for item_id in (11, 12):
        world.write([(item_id, [0.0] * DIM)], n_files=1)
    build = Build(spark, save, place())
    build.run(events_table([(1, 0, DAY), (2, 1, DAY)]), sids_table(range(3)))
    config = Status(
        runs=runs,
        codebooks=codebooks.table,
        item_sids=world.sids,
        embeddings=world.source,
        sequences=build.table,
    )
    summary = read_status(spark, config)
    (row,), (segments,) = (summary.metrics[name] for name in ("item_sids", "sequences"))
    assert (segments["rows"], segments["segments"], segments["name"]) == (2, 2, None)
    assert (row["rows"], row["name"]) == (10, "text")
    assert (row["versions_behind"], row["version"], row["source_version"]) == (
        2,
        "delta:0",
        "delta:2",
    )
    assert 0 < row["seconds_behind"] < 600
    assert f"item_sids: 10 SIDs of codebook {codebook.codebook_id} 'text'" in summary.message
    assert ", 2 behind the source, the oldest of them 0:0" in summary.message

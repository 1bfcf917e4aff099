"""What `status` says of the last runs, of what stands in the tables, and how far behind it is."""

import datetime

import numpy as np
import pytest
from quantize_world import DIM, World, small_codebook
from sequence_builds import DAY, Build, events_table, sids_table

from semantic_ids.job_configs import Status
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.runs import STARTED, Run, RunSummary, record_run, runs_output
from semantic_ids.spark.status import read_status

pytestmark = pytest.mark.spark

NOON = datetime.datetime(2011, 12, 9, 12, tzinfo=datetime.UTC)


def _run(spark, runs, job, *statuses, hour=0, run_id=None):
    run = Run(run_id or f"{job}-{hour}", job, NOON + datetime.timedelta(hours=hour), {})
    for status in statuses:
        summary = RunSummary(f"{job} {status}", rows_in=5 if status == "succeeded" else None)
        record_run(spark, runs_output(runs), run=run, summary=summary, status=status)


def test_the_last_run_of_each_job_has_a_line(spark, place):
    runs = place()
    _run(spark, runs, "fit_codebook", STARTED, "succeeded")
    _run(spark, runs, "quantize_items", STARTED, "succeeded")
    _run(spark, runs, "quantize_items", STARTED, "failed", hour=1)
    _run(spark, runs, "build_sequences", STARTED, "succeeded")
    _run(spark, runs, "build_sequences", STARTED, hour=2)
    summary = read_status(spark, Status(runs=runs))
    found = {run["job"]: run for run in summary.metrics["runs"]}
    assert [found[job]["status"] for job in sorted(found)] == [STARTED, "succeeded", "failed"]
    assert found["fit_codebook"]["rows_in"] == 5
    lines = summary.message.splitlines()
    assert lines[0] == "3 jobs"
    assert "build_sequences, 2011-12-09 14:00:00 UTC, started and not ended" in lines[1]
    assert "quantize_items, 2011-12-09 13:00:00 UTC, failed in" in lines[3]
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
    _run(spark, output.table, "fit_codebook", STARTED, "succeeded")
    assert output.read(spark).count() == 2


def test_tables_are_counted_and_their_lag_is_said(spark, place, save):
    runs, codebooks, codebook = place(), codebooks_output(place()), small_codebook()
    _run(spark, runs, "quantize_items", STARTED, "succeeded")
    append_codebook(spark, codebooks, codebook=codebook, name="text", lineage={}, metrics={})
    world = World(spark, place, codebook)
    rng = np.random.default_rng(0)
    world.write([(i, rng.normal(size=DIM).tolist()) for i in range(10)])
    world.run()
    build = Build(spark, save, place())
    build.run(events_table([(1, 0, DAY), (2, 1, DAY)]), sids_table(range(3)))
    config = Status(
        runs=runs,
        codebooks=codebooks.table,
        item_sids=world.sids,
        embeddings=world.source,
        sequences=build.table,
    )
    fresh = read_status(spark, config).metrics
    assert (
        fresh["item_sids"][0] | {"rows": 10, "name": "text", "versions_behind": 0}
        == (fresh["item_sids"][0])
    )
    assert (fresh["sequences"][0]["rows"], fresh["sequences"][0]["segments"]) == (2, 2)
    world.write([(11, [0.0] * DIM)])
    world.write([(12, [0.0] * DIM)])
    summary = read_status(spark, config)
    (row,) = summary.metrics["item_sids"]
    assert (row["versions_behind"], row["version"], row["source_version"]) == (
        2,
        "delta:0",
        "delta:2",
    )
    assert 0 < row["seconds_behind"] < 600
    assert f"item_sids: 10 SIDs of codebook {codebook.codebook_id} 'text'" in summary.message
    assert ", 2 behind the source, the oldest of them 0:0" in summary.message

"""Items leave the tables of quantize_items; its next runs go on as if they had found them gone."""

import runpy
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from delta_tables import texts_on_disk
from pyspark.sql.types import LongType
from quantize_world import DIM, FEED, World, small_codebook

from semantic_ids.job_configs import ForgetItems
from semantic_ids.spark.deletion_requests import ids_to_forget
from semantic_ids.spark.forget_items import ItemsToForget
from semantic_ids.spark.item_runs import ItemRun, update_sids
from semantic_ids.spark.quantize import Outputs, item_sids_output, rejected_items_output
from semantic_ids.spark.sources import open_source

pytestmark = pytest.mark.spark

IDS = range(7_000_000, 7_000_060)
GONE = [7_000_000, 7_000_031, 7_000_059]
REJECT = 7_000_100  # an item whose embedding is short
CODEBOOK = small_codebook()
OTHER = small_codebook(1)


def _vectors(ids, seed=0):
    rng = np.random.default_rng(seed)
    return [(i, rng.normal(size=DIM).astype(np.float32).tolist()) for i in ids]


@pytest.fixture
def world(spark, place):
    """Give a Delta source with a change feed, quantised, changed and quantised again."""
    world = World(spark, place, CODEBOOK)
    world.write([*_vectors(IDS), (REJECT, [1.0] * 3)], properties=FEED)
    world.run()
    world.write(_vectors([GONE[0]], seed=1), n_files=1)  # its old SID is only marked as gone
    world.delta().delete(f"item_id = {GONE[0]} and text[0] < -9")
    world.run()
    return world


def _delete_from_source(world, ids):
    world.delta().delete(f"item_id in ({', '.join(map(str, ids))})")


def _request(world, ids, name):
    request = pa.table({"item_id": pa.array(ids, pa.int64())})
    folder = f"{world.sids}-request-{name}"
    world.spark.createDataFrame(request).write.mode("overwrite").parquet(folder)
    return folder


def _forget(world, ids, hours=0.0, outputs=None, run_id="forget"):
    folder = _request(world, ids, run_id)
    items = ids_to_forget(open_source(world.spark, "items", folder), "item_id", "bigint")
    return ItemsToForget(world.spark, items, outputs or world.outputs(), hours).run(run_id)


def _files_that_name(world, ids):
    tables = (world.sids, world.rejects, world.ways)
    found = [(file, text) for table in tables for file, text in texts_on_disk(table)]
    return [file for file, text in found if any(str(i) in text for i in ids)]


@pytest.mark.slow
def test_nothing_of_an_item_is_on_disk_and_the_next_run_reads_only_what_changed(world, root):
    ids = [*GONE, REJECT]
    _delete_from_source(world, ids)
    prepare = runpy.run_path(str(root / "jobs" / "forget_items.py"))["prepare"]
    given = {"item_sids": world.sids, "rejected_items": world.rejects, "sid_items": world.ways}
    request = _request(world, [*ids, 5], "dry")
    step = prepare(world.spark, ForgetItems(items=request, **given)).steps[0]
    assert step.endswith(": 5 asked for, 4 present")
    assert _files_that_name(world, ids)
    summary = _forget(world, ids)
    assert summary.metrics == {"item_sids": 3, "rejected_items": 2, "sid_items": 3}
    assert _files_that_name(world, ids) == []
    assert _files_that_name(world, [IDS[1]])
    world.write(_vectors([8_000_000], seed=3), n_files=1)
    said = world.run()
    assert "only changes since" in said, said
    world.check()


@pytest.mark.every_fault
def test_an_unchanged_source_does_not_bring_items_back(world):
    _forget(world, GONE)
    assert "nothing to do" in world.run()
    assert _files_that_name(world, GONE) == []


@pytest.mark.every_fault
def test_an_item_that_the_source_still_has_comes_back_once_it_changes(world):
    _forget(world, GONE)
    world.write(_vectors([8_000_000], seed=3), n_files=1)
    said = world.run()
    assert "all rows read" in said
    world.check()


@pytest.mark.every_fault
def test_items_that_the_run_before_found_gone_leave_the_files_too(world, spark_conf):
    spark_conf("spark.databricks.delta.vacuum.logging.enabled", "false")  # the default on s3a
    _delete_from_source(world, GONE)
    world.run()
    summary = _forget(world, GONE, hours=1.0)
    assert "no row of theirs is there" in summary.message
    assert _files_that_name(world, GONE)
    time.sleep(2)
    _forget(world, GONE, hours=1 / 3600, run_id="later")  # as if the hour were over
    assert _files_that_name(world, GONE) == []
    assert "nothing to do" in world.run()
    world.check()


@pytest.mark.every_fault
def test_kept_items_are_forgotten_and_the_books_balance(spark, place):
    world = World(spark, place, CODEBOOK, deletions="keep")
    world.write(_vectors(IDS), properties=FEED)
    world.run()
    _delete_from_source(world, GONE)
    world.run()
    _forget(world, GONE)
    world.write(_vectors([8_000_000], seed=3), n_files=1)
    said = world.run()
    assert "only changes since" in said
    assert "58 rows in = 58 SIDs + 0 rejects;" in said
    rows = {row["item_id"] for row in world.read(world.sids).collect()}
    assert rows == (set(IDS) - set(GONE)) | {8_000_000}


@pytest.mark.every_fault
def test_each_codebook_s_rows_go_and_each_goes_on(world):
    outputs = world.outputs()
    run = ItemRun(
        open_source(world.spark, "embeddings", world.source),
        OTHER,
        outputs,
        "float32",
        "remove",
        "other",
    )
    update_sids(run)
    _delete_from_source(world, GONE)
    summary = _forget(world, GONE)
    assert summary.metrics["item_sids"] == 2 * len(GONE)
    assert _files_that_name(world, GONE) == []
    assert "only changes since" in world.run()
    later = ItemRun(
        open_source(world.spark, "embeddings", world.source),
        OTHER,
        outputs,
        "float32",
        "remove",
        "later",
    )
    assert "only changes since" in update_sids(later).message


@pytest.mark.every_fault
def test_rows_that_somebody_else_wrote_go_too_and_a_second_run_changes_nothing(spark, place):
    sids, rejects = place(), place()
    rows = [(i, i - IDS[0], "b" * 32) for i in IDS]
    schema = "item_id bigint, sid bigint, codebook_id string"
    outputs = Outputs(
        item_sids_output(sids, LongType()), rejected_items_output(rejects, LongType())
    )
    outputs.item_sids.create(spark)
    spark.createDataFrame(rows, schema).write.format("delta").mode("append").save(sids)
    world = World(spark, place, CODEBOOK)
    world.sids, world.rejects, world.ways = sids, rejects, rejects
    _forget(world, GONE, outputs=outputs)
    assert _files_that_name(world, GONE) == []
    left = sorted(row["item_id"] for row in world.read(sids).collect())
    assert left == sorted(set(IDS) - set(GONE))
    summary = _forget(world, GONE, outputs=outputs, run_id="again")
    assert "no row of theirs is there" in summary.message
    assert not Path(rejects).exists()


@pytest.mark.every_fault
def test_a_run_killed_between_its_commits_is_whole_after_the_next(world, monkeypatch):
    ids = [*GONE, REJECT]
    _delete_from_source(world, ids)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("semantic_ids.spark.item_tables.exchange_rows", die)
        with pytest.raises(KeyboardInterrupt):
            _forget(world, ids)
    _forget(world, ids, run_id="again")
    assert _files_that_name(world, ids) == []
    assert "only changes since" in world.run()
    world.check()

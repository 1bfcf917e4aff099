"""Runs of quantize_items that end between two commits, and runs that meet another one."""

import threading

import numpy as np
import pytest
from pyspark.sql.readwriter import DataFrameWriter
from quantize_world import DIM, FEED, World, small_codebook

from semantic_ids.spark import item_tables
from semantic_ids.spark.commits import AnotherRunError
from semantic_ids.spark.item_tables import ItemTables
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of

pytestmark = pytest.mark.spark

N_WRITES = 3  # rejected_items, item_sids, sid_items


class Killed(BaseException):
    """Not an Exception: nothing in a job is to catch it, as nothing catches a kill."""


@pytest.fixture
def world(spark, place):
    made = World(spark, place, small_codebook())
    rng = np.random.default_rng(0)
    rows = zip(range(60), rng.normal(size=(60, DIM)).tolist(), strict=True)
    made.write([*rows, (3, None)], properties=FEED)
    made.run()
    return made


def change(world, number):
    """Insert, update, spoil and delete, so that each table has all kinds of moves."""
    vector = np.random.default_rng(number).normal(size=DIM).tolist()
    world.write([(100 + number, vector), (3, None)], n_files=1)
    world.delta().update(f"item_id = {number}", {"text": "transform(text, x -> -x)"})
    world.delta().delete(f"item_id = {20 + number}")


def kill_after(monkeypatch, number):
    """End a run just after its n-th write; give a list that says which writes there were."""
    seen = []

    def watched(write, name):
        def run(*arguments, **options):
            result = write(*arguments, **options)
            seen.append(name)
            if len(seen) == number:
                raise Killed
            return result

        return run

    monkeypatch.setattr(DataFrameWriter, "save", watched(DataFrameWriter.save, "save"))
    exchange = item_tables.exchange_rows
    monkeypatch.setattr(item_tables, "exchange_rows", watched(exchange, "exchange"))
    return seen


def kill_and_run_again(monkeypatch, world, number):
    change(world, number)
    with monkeypatch.context() as patch:
        seen = kill_after(patch, number)
        with pytest.raises(Killed):
            world.run()
    assert seen == ["save", "exchange", "exchange"][:number]
    said = world.run()
    world.check()
    return said


@pytest.mark.slow
def test_a_run_killed_between_its_commits_is_made_good_by_the_next(monkeypatch, world):
    assert "only changes since" in kill_and_run_again(monkeypatch, world, 1)


@pytest.mark.every_fault
def test_a_run_killed_after_its_sids_leaves_the_way_back_to_the_next(monkeypatch, world):
    said = kill_and_run_again(monkeypatch, world, 2)
    assert said.endswith("nothing to do, this version has its SIDs; sid_items put in step with it")


@pytest.mark.every_fault
@pytest.mark.parametrize("number", range(1, N_WRITES + 1))
def test_a_run_killed_at_any_commit_is_made_good_by_the_next(monkeypatch, world, number):
    kill_and_run_again(monkeypatch, world, number)
    change(world, number + 7)
    world.run()
    world.check()


@pytest.mark.every_fault
def test_rejects_left_ahead_are_put_back_where_the_source_went_back(spark, monkeypatch, world):
    change(world, 1)
    with monkeypatch.context() as patch:
        kill_after(patch, 1)
        with pytest.raises(Killed):
            world.run()
    old = spark.read.option("versionAsOf", 0).format("delta").load(world.source)
    assert world.read(world.rejects).count() > old.where("text is null").count()
    world.delta().restoreToVersion(0)
    assert "only changes since delta:0 read" in world.run()
    world.check()


@pytest.mark.every_fault
def test_of_two_runs_at_once_one_stops_and_no_row_is_doubled(spark, monkeypatch, world):
    change(world, 1)
    together = threading.Barrier(2, timeout=300)
    write, ends = ItemTables.write, []

    def wait_and_write(tables, *arguments, **options):
        together.wait()
        write(tables, *arguments, **options)

    def run():
        try:
            ends.append(world.run(spark.newSession()))
        except SPARK_ERRORS as error:
            ends.append(sentence_of(error))
        except AnotherRunError as error:
            ends.append(str(error))

    with monkeypatch.context() as patch:
        patch.setattr(ItemTables, "write", wait_and_write)
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    stopped = [end for end in ends if "another run" in end]
    assert len(ends) == 2
    assert len(stopped) == 1, ends
    world.check()
    assert "nothing to do" in world.run()


@pytest.mark.every_fault
@pytest.mark.parametrize("other_is_newer", [False, True])
def test_a_run_overtaken_after_its_rejects_puts_them_back(monkeypatch, world, other_is_newer):
    change(world, 1)
    put_sids = ItemTables._put_sids

    def overtaken(tables, *arguments):
        monkeypatch.undo()
        if other_is_newer:
            change(world, 2)
        world.run()
        put_sids(tables, *arguments)

    monkeypatch.setattr(ItemTables, "_put_sids", overtaken)
    with pytest.raises(AnotherRunError, match=r"^item_sids: another run wrote to .* first; "):
        world.run()
    world.check()
    assert world.run().endswith("nothing to do, this version has its SIDs")

"""Runs on what changed against a reckoning of all rows, whatever the history of the source."""

from pathlib import Path

import numpy as np
import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F
from quantize_world import DIM, FEED, World, small_codebook

pytestmark = pytest.mark.spark

CHANGED = "only changes since"
DELETION_VECTORS = {"delta.enableDeletionVectors": "true"}


@pytest.fixture(scope="module")
def codebook():
    return small_codebook()


@pytest.fixture
def world(spark, place, codebook):
    return World(spark, place, codebook)


def vectors(rng, n):
    return rng.normal(size=(n, DIM)).astype(np.float32).tolist()


def some_rows(rng, first, n):
    return list(zip(range(first, first + n), vectors(rng, n), strict=True))


# Random histories


class DeltaHistory:
    """Random inserts, updates, deletes, duplicates, nulls and bad rows on a Delta source."""

    def __init__(self, world, rng, properties):
        self.world, self.rng, self.next_id = world, rng, 100
        world.write([*some_rows(rng, 0, 60), (None, None)], n_files=8, properties=properties)

    def step(self):
        for action in self.rng.permutation(self._actions())[: self.rng.integers(1, 4)]:
            action()

    def _actions(self):
        return [self._insert, self._update, self._spoil, self._delete, self._repeat, self._move]

    def _some(self, n=2):
        return f"item_id in ({', '.join(map(str, self.rng.choice(60, n, replace=False)))})"

    def _insert(self):
        rows = some_rows(self.rng, self.next_id, 2)
        self.next_id += 2
        self.world.write([*rows, (None, vectors(self.rng, 1)[0])], n_files=1)

    def _update(self):
        self.world.delta().update(self._some(), {"text": "transform(text, x -> -x)"})

    def _spoil(self):
        self.world.delta().update(self._some(1), {"text": "slice(text, 1, 3)"})

    def _delete(self):
        self.world.delta().delete(f"{self._some()} or item_id is null")

    def _repeat(self):
        chosen = int(self.rng.integers(60))
        rows = [(chosen, vector) for vector in (*vectors(self.rng, 2), None)]
        self.world.write(rows[: self.rng.integers(1, 4)], n_files=1)

    def _move(self):
        chosen = int(self.rng.integers(60))
        self.world.delta().delete(f"item_id = {chosen}")
        self.world.write([(chosen, vectors(self.rng, 1)[0])], n_files=1)


class FileHistory:
    """Files that come, go and are written over in a folder of Parquet."""

    def __init__(self, world, rng):
        self.world, self.rng, self.names = world, rng, list(range(8))
        for name in self.names:
            world.write_file(name, some_rows(rng, 10 * name, 10))

    def step(self):
        kind = self.rng.integers(3)
        name = int(self.rng.choice(self.names))
        if kind == 0:
            self.names.append(max(self.names) + 1)
            again = some_rows(self.rng, 10 * name, 2)
            rows = [*some_rows(self.rng, 10 * self.names[-1], 3), *again, (None, None)]
            self.world.write_file(self.names[-1], rows)
        elif kind == 1:
            self.world.write_file(name, [*some_rows(self.rng, 10 * name + 1, 9), (10 * name, None)])
        else:
            self.names.remove(name)
            Path(self.world.source, f"{name}.parquet").unlink()


HISTORIES = {
    "feed": lambda world, rng: DeltaHistory(world, rng, FEED),
    "deletion vectors": lambda world, rng: DeltaHistory(world, rng, DELETION_VECTORS),
    "copy on write": lambda world, rng: DeltaHistory(world, rng, {}),
    "files": FileHistory,
}


def run_history(spark, place, codebook, *, kind, deletions, seed, n_steps):
    world = World(spark, place, codebook, deletions)
    history = HISTORIES[kind](world, np.random.default_rng(seed))
    said = [world.run()]
    world.check()
    for _ in range(n_steps):
        history.step()
        said.append(world.run())
        world.check()
    return said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "deletions", "seed"), [("feed", "keep", 1), ("files", "remove", 3)]
)
def test_runs_on_what_changed_leave_what_one_run_on_all_leaves(
    spark, place, codebook, kind, deletions, seed
):
    options = {"kind": kind, "deletions": deletions, "seed": seed}
    said = run_history(spark, place, codebook, **options, n_steps=1)
    assert any(CHANGED in message for message in said[1:]), said


@pytest.mark.every_fault
@pytest.mark.parametrize("deletions", ["remove", "keep"])
@pytest.mark.parametrize("kind", HISTORIES)
def test_long_histories_leave_what_one_run_on_all_leaves(spark, place, codebook, kind, deletions):
    options = {"kind": kind, "deletions": deletions, "seed": 100}
    run_history(spark, place, codebook, **options, n_steps=8)


# Which way is taken, and that it is said


@pytest.mark.slow
def test_an_update_that_leaves_the_sid_moves_no_row(world):
    rng = np.random.default_rng(0)
    world.write(some_rows(rng, 0, 20), properties=FEED)
    world.run()
    before = world.read(world.sids).inputFiles()
    world.delta().update("item_id < 3", {"text": "text"})
    said = world.run()
    assert "no SID changed; only changes since delta:0 read, by the change data feed" in said
    assert sorted(world.read(world.sids).inputFiles()) == sorted(before)
    assert "nothing to do" in world.run()
    world.check()


@pytest.mark.slow
def test_workers_read_the_files_of_the_feed_themselves(world):
    rng = np.random.default_rng(0)
    world.write(some_rows(rng, 0, 40), n_files=3, properties=FEED)
    world.run()
    world.write([*some_rows(rng, 100, 3), (101, vectors(rng, 1)[0]), (None, None)], n_files=2)
    world.delta().update("item_id in (1, 2, 100)", {"text": "transform(text, x -> -x)"})
    world.delta().update("item_id = 1", {"text": "transform(text, x -> x + 1)"})
    world.delta().update("item_id = 3", {"text": "slice(text, 1, 3)"})
    world.delta().delete("item_id in (4, 102)")
    world.write([(4, vectors(rng, 1)[0])], n_files=1)
    said = world.run()
    assert "by the change data feed, embeddings through pyarrow (" in said
    world.check()


@pytest.mark.every_fault
def test_what_only_deletion_vectors_tell_of_the_feed_goes_through_spark(spark, world):
    world.write(some_rows(np.random.default_rng(0), 0, 40), n_files=3, properties=FEED)
    world.run()
    spark.sql(f"alter table delta.`{world.source}` set tblproperties ({_sql(DELETION_VECTORS)})")
    before = world.delta().history(1).collect()[0]["version"]
    world.delta().update("item_id in (5, 6)", {"text": "transform(text, x -> -x)"})
    assert "embeddings through pyarrow (" in world.run()
    world.check()
    world.delta().restoreToVersion(before)
    said = world.run()
    assert "embeddings through spark (no files hold exactly these rows)" in said
    world.check()


@pytest.mark.every_fault
def test_a_feed_enabled_late_is_made_up_for_by_the_files(spark, world):
    world.write(some_rows(np.random.default_rng(0), 0, 40), n_files=8)
    world.run()
    world.delta().delete("item_id = 3")
    spark.sql(f"alter table delta.`{world.source}` set tblproperties ({_sql(FEED)})")
    world.delta().delete("item_id = 4")
    said = world.run()
    assert "by the files of both versions (the change data feed cannot be read: " in said
    world.check()


def _sql(properties):
    return ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())


@pytest.mark.every_fault
def test_vacuumed_versions_are_made_up_for_by_a_run_on_all(spark, world, spark_conf):
    world.write(some_rows(np.random.default_rng(0), 0, 40), n_files=8, properties=FEED)
    world.run()
    world.delta().update("item_id = 3", {"text": "transform(text, x -> -x)"})
    world.delta().delete("item_id = 4")
    spark_conf("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    spark.sql(f"vacuum delta.`{world.source}` retain 0 hours")
    said = world.run()
    assert "all rows read, " in said
    assert "because the change data feed cannot be read: " in said
    assert "; the files of the version of the last run cannot be read: " in said
    world.check()


@pytest.mark.every_fault
def test_what_cannot_be_compared_is_read_as_a_whole(spark, world):
    rng = np.random.default_rng(0)
    assert "because item_sids has no SIDs of this codebook yet" in _first(world, rng)
    assert "because the options are not those of the last run" in world.run(deletions="keep")
    spark.read.format("delta").load(world.source).createOrReplaceTempView("embeddings_view")
    assert "because the last run read another table, or other columns" in world.run(
        table="embeddings_view"
    )
    assert "because the source has no versions" in world.run(table="embeddings_view")
    world.run()
    world.write(some_rows(rng, 50, 30))
    assert "because 30 rows came anew, more than half" in world.run()
    DeltaTable.forPath(spark, world.sids).delete("item_id = 3")
    assert "because somebody else changed item_sids, or its log" in world.run()
    world.check()


def _first(world, rng):
    world.write(some_rows(rng, 0, 20), properties=FEED)
    return world.run()


@pytest.mark.every_fault
def test_many_moves_are_written_in_order(spark, world):
    rng = np.random.default_rng(0)
    world.write(some_rows(rng, 0, 100), properties=FEED)
    world.run()
    for first in (0, 9, 18):
        change = {"text": "transform(text, x -> -x)"}
        world.delta().update(f"item_id between {first} and {first + 8}", change)
        assert CHANGED in world.run()
    table = DeltaTable.forPath(spark, world.sids)
    operations = [row["operation"] for row in table.history().collect()]
    assert operations[:3] == ["WRITE", "UPDATE", "UPDATE"]
    (file,) = world.read(world.sids).select(F.input_file_name()).distinct().collect()
    assert file
    world.check()

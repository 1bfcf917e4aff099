"""What is read of a table's history: all of it, in order, and nothing twice."""

import shutil

import pytest
from delta.tables import DeltaTable

from semantic_ids.spark import history
from semantic_ids.spark.history import History

pytestmark = pytest.mark.spark


@pytest.fixture
def table(spark, place, monkeypatch):
    """Give a function that adds a commit to a table of four, and the table."""
    monkeypatch.setattr(history, "_FEW_COMMITS", 2)
    path = place()

    def commit(mode="append"):
        spark.range(1).coalesce(1).write.format("delta").mode(mode).save(path)
        return DeltaTable.forPath(spark, path)

    for _ in range(4):
        opened = commit()
    return opened, commit, path


@pytest.fixture
def limits(monkeypatch):
    """List how many commits Delta is asked for, each time that it is."""
    asked, real = [], DeltaTable.history

    def counting(self, limit=None):
        asked.append(limit)
        return real(self, limit)

    monkeypatch.setattr(DeltaTable, "history", counting)
    return asked


def versions(rows):
    return [row["version"] for row in rows]


def test_commits_are_read_once(table, limits):
    opened, commit, _ = table
    known = History()
    assert next(known.commits(opened))["version"] == 3
    assert limits == [2]
    assert versions(known.commits(opened)) == [3, 2, 1, 0]
    assert limits == [2, None]
    assert versions(known.commits(opened)) == [3, 2, 1, 0]
    commit()
    assert versions(known.commits(opened)) == [4, 3, 2, 1, 0]
    assert limits == [2, None, 1]


def test_a_commit_that_comes_while_new_ones_are_read_leaves_no_gap(table, monkeypatch):
    opened, commit, _ = table
    known = History()
    assert versions(known.commits(opened)) == [3, 2, 1, 0]
    commit()
    real = DeltaTable.history

    def overtaken(self, limit=None):
        monkeypatch.setattr(DeltaTable, "history", real)
        commit()
        return real(self, limit)

    monkeypatch.setattr(DeltaTable, "history", overtaken)
    assert versions(known.commits(opened)) == [5, 4, 3, 2, 1, 0]


def test_another_table_in_the_same_place_has_its_own_history(table):
    opened, commit, path = table
    known = History()
    assert versions(known.commits(opened)) == [3, 2, 1, 0]
    shutil.rmtree(path)
    assert versions(known.commits(commit())) == [0]

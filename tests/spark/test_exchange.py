"""Rows go and come in one commit: what Delta's own classes leave, against a dict."""

import threading

import numpy as np
import pytest
from pyspark.sql import functions as F
from pyspark.sql.types import LongType

from semantic_ids.spark.commits import AnotherRunError, Commit, Turn
from semantic_ids.spark.exchange import exchange_rows, marks_rows, with_places
from semantic_ids.spark.quantize import item_sids_output
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of

pytestmark = pytest.mark.spark

MINE = "codebook_id = 'a=b %c'"
N_FILES, N_ROWS = 3, 60


@pytest.fixture
def table(spark, place):
    """Give a table with rows of two codebooks, each in several files."""
    output = item_sids_output(place(), LongType())
    output.create(spark)
    ids = spark.range(N_ROWS)
    for codebook_id in ("a=b %c", "other"):
        rows = ids.select(
            F.col("id").alias("item_id"),
            (F.col("id") * 2).alias("sid"),
            F.lit(codebook_id).alias("codebook_id"),
        )
        output.append(rows.repartition(N_FILES))
    return output


def mine(spark, output):
    return with_places(output.read(spark).where(MINE), "item_id", "sid")


def exchange(spark, output, gone, new, number, *, found=None):
    found = mine(spark, output) if found is None else found
    rows = [(item_id, sid, "a=b %c") for item_id, sid in new.items()]
    exchange_rows(
        output,
        found,
        MINE,
        gone=found.where(F.col("item_id").isin(list(gone))),
        new=spark.createDataFrame(rows, output.schema),
        commit=Commit("work", {"number": number}, run_id=str(number)),
        turn=Turn("work", number),
    )


def held(spark, output, where=MINE):
    rows = output.read(spark).where(where).collect()
    found = {row["item_id"]: row["sid"] for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.slow
def test_what_goes_and_comes_is_as_in_a_dict_and_nothing_else_is_touched(spark, table):
    rng = np.random.default_rng(0)
    expected = held(spark, table)
    others = held(spark, table, "codebook_id = 'other'")
    first = table.open_table(spark).history(1).collect()[0]["version"]
    for number in range(1, 5):
        gone = {int(i) for i in rng.choice(sorted(expected), 15, replace=False)}
        back = {i: int(rng.integers(1000)) for i in gone if i % 3}
        new = {100 * number + i: i for i in range(5)}
        exchange(spark, table, gone, back | new, number)
        expected = {i: s for i, s in expected.items() if i not in gone} | back | new
        assert held(spark, table) == expected
    assert held(spark, table, "codebook_id = 'other'") == others
    assert len(table.read(spark, first).where(MINE).collect()) == N_ROWS
    newest = table.open_table(spark).history(4).collect()
    assert [row["version"] for row in newest] == [first + 4, first + 3, first + 2, first + 1]
    assert [commit.run_id for commit in table.commits(spark)] == ["4", "3", "2", "1"]
    spark.sql(f"optimize delta.`{table.table}`")
    exchange(spark, table, {min(expected)}, {}, 5)
    del expected[min(expected)]
    assert held(spark, table) == expected


@pytest.mark.every_fault
def test_all_rows_may_go_and_none_may_come_or_neither(spark, table):
    exchange(spark, table, set(), {}, 1)
    assert len(held(spark, table)) == N_ROWS
    exchange(spark, table, range(N_ROWS), {}, 2)
    assert held(spark, table) == {}
    exchange(spark, table, set(), {7: 8}, 3)
    assert held(spark, table) == {7: 8}
    assert [commit.run_id for commit in table.commits(spark)] == ["3", "2", "1"]


@pytest.mark.every_fault
def test_the_feed_of_the_table_tells_what_went_and_came(spark, table):
    spark.sql(
        f"alter table delta.`{table.table}` set tblproperties ('delta.enableChangeDataFeed'='true')"
    )
    since = table.open_table(spark).history(1).collect()[0]["version"] + 1
    exchange(spark, table, {1, 2}, {2: 5, 99: 7}, 1)
    feed = spark.read.option("readChangeFeed", "true").option("startingVersion", since)
    rows = feed.format("delta").load(table.table).collect()
    told = sorted((row["_change_type"], row["item_id"], row["sid"]) for row in rows)
    assert told == [("delete", 1, 2), ("delete", 2, 4), ("insert", 2, 5), ("insert", 99, 7)]


def test_a_row_against_the_rules_ends_it_before_its_commit(spark, table):
    before = held(spark, table)
    with pytest.raises(SPARK_ERRORS, match="CHECK constraint sid_not_negative"):
        exchange(spark, table, {1}, {1: -1}, 1)
    assert held(spark, table) == before


def test_a_turn_is_used_once_before_the_reading_or_after(spark, table):
    found = mine(spark, table)
    exchange(spark, table, {1}, {1: 5}, 7)
    for late in (found, mine(spark, table)):
        with pytest.raises(AnotherRunError, match=r"^item_sids: another run wrote to .* first; "):
            exchange(spark, table, {1}, {1: 6}, 7, found=late)
    assert held(spark, table)[1] == 5


def test_what_others_wrote_since_the_reading_stays_or_ends_it(spark, table):
    found = mine(spark, table)
    row = (0, 1, "other")
    table.append(spark.createDataFrame([row], table.schema))
    exchange(spark, table, {1}, {1: 5}, 1, found=found)
    assert table.read(spark).count() == 2 * N_ROWS + 1
    found = mine(spark, table)
    spark.sql(f"optimize delta.`{table.table}`")
    with pytest.raises(SPARK_ERRORS) as refused:
        exchange(spark, table, {2}, {2: 6}, 2, found=found)
    assert sentence_of(refused.value).startswith("another run changed the same table")
    assert held(spark, table)[2] == 4


@pytest.mark.every_fault
def test_the_settings_are_those_of_the_rows_session(spark, table):
    other = spark.newSession()
    thread = threading.Thread(target=lambda: exchange(other, table, {1}, {1: 5}, 1))
    thread.start()
    thread.join()
    assert next(table.commits(spark)).inputs == {"number": 1}
    assert next(table.commits(spark)).run_id == "1"


def test_a_table_without_deletion_vectors_marks_no_rows(spark, table):
    assert marks_rows(mine(spark, table))
    spark.sql(
        f"alter table delta.`{table.table}` "
        "set tblproperties ('delta.enableDeletionVectors'='false')"
    )
    assert not marks_rows(mine(spark, table))

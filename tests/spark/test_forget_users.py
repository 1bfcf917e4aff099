"""Users leave the sequences table: nothing of them is left on disk, and builds go on."""

import runpy
import time
from pathlib import Path

import pyarrow as pa
import pytest
from delta_tables import texts_on_disk, version_of
from sequence_builds import DAY, Build, events_table, sids_table

from semantic_ids.errors import TableError
from semantic_ids.job_configs import ForgetUsers
from semantic_ids.spark.deletion_requests import ids_to_forget, require_gone
from semantic_ids.spark.forget_users import UsersToForget
from semantic_ids.spark.sequences import open_sequences

pytestmark = pytest.mark.spark

USERS = range(1_000_000, 1_000_020)
GONE = [1_000_000, 1_000_007, 1_000_019]  # the smallest and the largest id of all among them
DAYS = 3


def _events(users=USERS, first_day=0, days=DAYS):
    rows = [(u, u % 7, (first_day + d) * DAY + u) for u in users for d in range(days)]
    return events_table(rows)


@pytest.fixture
def shop(spark, save, place):
    """Give a table of segments by day, of two builds, from a Delta source."""
    build = Build(spark, save, place())
    events, sids = place(), save(sids_table(range(7)))
    _append(spark, events, _events())
    build.run(events, sids)
    _append(spark, events, _events(first_day=DAYS))
    build.run(events, sids, since="last")
    build.source, build.sids = events, sids
    return build


def _append(spark, table, rows):
    spark.createDataFrame(rows).write.format("delta").mode("append").save(table)


def _forget(shop, ids=GONE, hours=0.0, run_id="forget"):
    request = shop.open("users", pa.table({"user_id": pa.array(ids, pa.int64())}))
    users = ids_to_forget(request, "user_id", "bigint")
    table = open_sequences(shop.spark, shop.table)
    return UsersToForget(shop.spark, users, table, hours).run(run_id)


def _files_that_name(table, ids):
    return [file for file, text in texts_on_disk(table) if any(str(i) in text for i in ids)]


@pytest.mark.slow
def test_nothing_of_a_user_is_on_disk_and_builds_of_what_is_new_go_on(shop):
    before = shop.events()
    assert _files_that_name(shop.table, GONE)
    unfinished = Path(shop.table, "_delta_log", f".{1:020}.checkpoint.parquet.of-a-kill.tmp")
    unfinished.write_text(str(GONE))
    summary = _forget(shop)
    assert summary.rows_rejected == len(GONE) * 2 * DAYS
    others = [event for event in before if event[0] not in GONE]
    assert shop.events() == others
    assert _files_that_name(shop.table, GONE) == []
    assert _files_that_name(shop.table, [USERS[1]])
    logged = "".join(file.read_text() for file in Path(shop.table, "_delta_log").glob("*.json"))
    assert "deletionVector" not in logged
    assert "nothing to do" in shop.run(shop.source, shop.sids, since="last").message
    _append(shop.spark, shop.source, _events(users=USERS[1:4], first_day=2 * DAYS, days=1))
    summary = shop.run(shop.source, shop.sids, since="last")
    assert (summary.rows_in, len(shop.events())) == (3, len(others) + 3)
    assert "the whole table was built" not in summary.message


@pytest.mark.every_fault
def test_within_the_retention_earlier_versions_stay_readable(shop, spark_conf):
    spark_conf("spark.databricks.delta.vacuum.logging.enabled", "false")  # the default on s3a
    version = version_of(shop.table)
    summary = _forget(shop, hours=1.0)
    assert "earlier versions go once they are 1 hours old" in summary.message
    assert not {user for user, _, _ in shop.events()} & set(GONE)
    pinned = shop.spark.read.option("versionAsOf", version).format("delta").load(shop.table)
    assert pinned.where(f"user_id = {GONE[0]}").count() == 1 + DAYS  # of the first build and since
    assert _files_that_name(shop.table, GONE)
    time.sleep(2)
    summary = _forget(shop, hours=1 / 3600, run_id="later")  # as if the hour were over
    assert "no segment of theirs is there" in summary.message
    assert summary.rows_rejected == 0
    assert _files_that_name(shop.table, GONE) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "properties",
    [
        "'delta.randomizeFilePrefixes' = 'true'",
        "'delta.columnMapping.mode' = 'name', 'delta.minReaderVersion' = '2', "
        "'delta.minWriterVersion' = '5'",
    ],
    ids=["random prefixes", "column mapping"],
)
def test_files_may_lie_in_other_folders_than_their_partition_s(shop, properties):
    shop.spark.sql(f"alter table delta.`{shop.table}` set tblproperties ({properties})")
    _append(shop.spark, shop.source, _events(first_day=2 * DAYS))
    shop.run(shop.source, shop.sids, since="last")
    folders = {file.parent.parent.name for file in Path(shop.table).rglob("part-*.parquet")}
    assert not all(name.startswith("ds=") for name in folders)
    before = shop.events()
    _forget(shop)
    assert shop.events() == [event for event in before if event[0] not in GONE]
    assert _files_that_name(shop.table, GONE) == []


def test_users_who_still_have_events_are_refused_and_others_are_counted(shop, spark, root):
    request = shop.open("users", pa.table({"user_id": [GONE[0], 5]}))
    users = ids_to_forget(request, "user_id", "bigint")
    with pytest.raises(
        TableError, match=r"events: 1 of those to forget are still in .*delete them"
    ):
        require_gone(users, shop.open("events", shop.source), "user_id")
    spark.sql(f"delete from delta.`{shop.source}` where user_id = {GONE[0]}")
    prepare = runpy.run_path(str(root / "jobs" / "forget_users.py"))["prepare"]
    given = {"users": request.location, "events": shop.source, "sequences": shop.table}
    step = prepare(spark, ForgetUsers(**given)).steps[0]
    assert step == f"remove the segments of users from {shop.table}: 2 asked for, 1 present"


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (pa.array(["a"]), "users: column 'user_id' must be bigint as in our tables, got string"),
        (pa.array([None], pa.int64()), "users: .* must hold a user_id to forget"),
    ],
)
def test_a_request_that_names_nobody_is_refused(source, ids, sentence):
    with pytest.raises(TableError, match=sentence):
        ids_to_forget(source(pa.table({"user_id": ids}), "users"), "user_id", "bigint")

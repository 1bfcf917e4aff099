"""Builds of what is new beside those of days and of all, and what sends them back to all."""

import collections
import contextlib
import datetime
import random

import pyarrow as pa
import pytest
from delta_tables import read_delta, version_of
from deltalake import DeltaTable, write_deltalake
from sequence_builds import DAY, Build, events_table, sids_table

from semantic_ids.errors import TableError
from semantic_ids.spark.commits import AnotherRunError

pytestmark = pytest.mark.spark

UTC = pa.timestamp("us", tz="UTC")
EPOCH = datetime.date(1970, 1, 1)


@pytest.fixture
def build(spark, save, place):
    return Build(spark, save, place())


@pytest.fixture
def shop(build, save, place):
    return Shop(build, save(sids_table(range(9))), place())


class Shop:
    """A Delta table of events that grows, and the sequences built from it."""

    def __init__(self, build, sids, events):
        self.build, self.sids, self.path = build, sids, events
        self.rows = []

    def add(self, *rows):
        """Append events of (user, item, microseconds)."""
        self.rows += rows
        write_deltalake(self.path, events_table(rows, time=UTC), mode="append")

    def since(self, **options):
        return self.build.run(self.path, self.sids, since="last", **options)

    def day(self, day):
        return self.build.run(self.path, self.sids, ds=EPOCH + datetime.timedelta(days=day))

    def assert_whole(self):
        """Every event stands once, in the order of time; what ties may stand in any order."""
        expected = collections.defaultdict(list)
        for user, item, time in self.rows:
            expected[user].append((time, bytes([0, 0, item])))
        found = self.build.histories()
        assert {user: sorted(events) for user, events in found.items()} == {
            user: sorted(events) for user, events in expected.items()
        }

    @property
    def version(self):
        return version_of(self.build.table)


def test_the_first_run_builds_all_and_the_next_ones_add_what_is_new(shop):
    shop.add((1, 1, 0), (1, 2, DAY), (2, 1, 5))
    assert "the whole table was built, because the table has no build" in shop.since().message
    shop.add((1, 3, DAY + 1), (3, 4, 2 * DAY), (1, 5, 3))
    summary = shop.since()
    assert (summary.rows_in, summary.rows_out) == (3, 3)
    shop.assert_whole()
    new = read_delta(shop.build.table).filter(pa.compute.field("n_events") == 1).to_pylist()
    days = {(row["user_id"], row["first_ts"].date(), row["ds"]) for row in new}
    assert {(1, EPOCH, EPOCH), (3, datetime.date(1970, 1, 3), datetime.date(1970, 1, 3))} <= days
    before = shop.version
    assert "nothing to do" in shop.since().message
    assert shop.version == before


@pytest.mark.parametrize(
    "seed",
    [pytest.param(0, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.every_fault)],
)
def test_any_order_of_runs_holds_each_event_once(shop, seed):
    rng = random.Random(seed)

    def event(day):
        return rng.randrange(5), rng.randrange(9), day * DAY + rng.randrange(4)

    shop.add(*(event(0) for _ in range(20)))
    shop.since()
    n_days = 3
    for _ in range(9):
        step = rng.choice(["add", "add", "since", "day", "compact", "optimize"])
        if step == "add":
            n_days += rng.randrange(2)
            shop.add(*(event(rng.randrange(n_days)) for _ in range(rng.randrange(1, 9))))
        elif step == "since":
            shop.since(fallback="refuse")
        elif step == "optimize":
            DeltaTable(shop.path).optimize.compact()
        elif step == "compact":
            first, last = sorted(rng.randrange(n_days) for _ in range(2))
            days = [EPOCH + datetime.timedelta(days=day) for day in (first, last)]
            shop.build.compact(first_ds=days[0], last_ds=days[1], max_segment_events=5)
        else:
            with contextlib.suppress(TableError):  # where segments of several days stand
                shop.day(rng.randrange(n_days))
    shop.since(fallback="refuse")
    shop.assert_whole()
    before = shop.build.histories()
    shop.build.compact()
    assert shop.build.histories() == before
    assert len(read_delta(shop.build.table)) == len(before)


def test_new_files_of_a_folder_are_packed_once_and_a_lost_one_sends_back_to_all(build, save):
    sids = save(sids_table(range(9)))
    rows = [(1, 0, 0), (1, 1, 1), (2, 2, DAY)]
    folder = save(events_table(rows[:2]))
    build.run(folder, sids)
    pa.parquet.write_table(events_table(rows[2:]), f"{folder}/a new part.parquet")
    assert build.run(folder, sids, since="last", fallback="refuse").rows_in == 1
    assert [event[:2] for event in build.events()] == [(1, 0), (1, 1), (2, DAY)]
    pa.parquet.write_table(events_table(rows[2:] * 2), f"{folder}/a new part.parquet")
    with pytest.raises(TableError, match="since: 1 files of the source are gone or were written"):
        build.run(folder, sids, since="last", fallback="refuse")
    summary = build.run(folder, sids, since="last")
    assert "the whole table was built, because 1 files" in summary.message
    assert len(build.events()) == 4


@pytest.mark.slow
def test_what_is_no_append_sends_back_to_all(shop, save):
    shop.add((1, 1, 0), (2, 2, 1))
    shop.since()
    DeltaTable(shop.path).delete("user_id = 2")
    shop.rows.pop()
    assert "because rows of the source were changed or deleted" in shop.since().message
    shop.assert_whole()
    shop.add((1, 3, 7))
    summary = shop.since(missing_items="null_sid")
    assert "because the table was built with missing_items drop, now null_sid" in summary.message
    shop.assert_whole()


@pytest.mark.slow
def test_of_two_runs_at_once_one_commits(shop):
    shop.add((1, 1, 0))
    shop.since()
    shop.add((1, 2, 1))
    one, other = (shop.build.prepare(shop.path, shop.sids, since="last") for _ in range(2))
    shop.build.compact()
    one.run("one")
    with pytest.raises(AnotherRunError, match=r"another run wrote to .* first"):
        other.run("other")
    shop.assert_whole()


def test_builds_of_two_days_at_once_both_commit(shop):
    shop.add((1, 1, 0), (1, 2, DAY))
    prepared = [
        shop.build.prepare(shop.path, shop.sids, ds=EPOCH + datetime.timedelta(days=day))
        for day in range(2)
    ]
    for each in prepared:
        each.run(f"{each.config.ds}")
    shop.assert_whole()


@pytest.mark.slow
def test_a_day_that_was_merged_away_meanwhile_is_refused(shop):
    shop.add((1, 1, 0))
    shop.day(0)
    shop.add((1, 2, 1), (1, 3, DAY))
    shop.day(1)
    late = shop.build.prepare(shop.path, shop.sids, ds=EPOCH)
    shop.build.compact()
    before = shop.version
    with pytest.raises(AnotherRunError, match="another run wrote to"):
        late.run("late")
    assert shop.version == before


def test_an_event_of_an_item_without_sid_is_counted_once(shop):
    shop.add((1, 1, 0))
    shop.since()
    shop.add((1, 77, 1))
    summary = shop.since()
    assert (summary.rows_in, summary.rows_out) == (1, 0)
    assert summary.metrics["by_reason"] == {"the item has no SID": 1}
    before = shop.version
    assert "nothing to do" in shop.since().message
    assert shop.version == before

"""Histories against pandas on real events, days against the whole, what is counted or refused."""

import datetime
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta_tables import version_of
from deltalake import DeltaTable
from sequence_builds import CODEBOOK, DAY, US, Build, events_table, sids_table

from semantic_ids.codebook import null_sid, sids_to_bytes
from semantic_ids.errors import SemanticIdsError, TableError
from semantic_ids.spark.events import event_dtypes
from semantic_ids.spark.sources import UNVERSIONED, open_source

pytestmark = pytest.mark.spark


@pytest.fixture
def build(spark, save, place):
    return Build(spark, save, place())


# Against pandas, on real events


def expected_rows(events, sids, order, columns, newest_day):
    """Sort with pandas and pack with numpy: the rows of a build of all events."""
    frame = events.to_pandas()
    frame["sid"] = frame["item_id"].map(sids)
    frame["us"] = frame["timestamp"].astype("int64")
    frame = frame.sort_values(["user_id", "us", *order, "item_id", *columns], kind="stable")
    rows = {}
    for user, of_user in frame.groupby("user_id"):
        rows[user] = {
            "ds": newest_day,
            "n_events": len(of_user),
            "first_ts": pd.Timestamp(of_user["us"].iloc[0], unit="us", tz="UTC"),
            "last_ts": pd.Timestamp(of_user["us"].iloc[-1], unit="us", tz="UTC"),
            "sids": sids_to_bytes(of_user["sid"].to_numpy(), 3).tobytes(),
            "timestamps": of_user["us"].to_numpy("<i8").tobytes(),
            "codebook_id": CODEBOOK.codebook_id,
        } | {name: of_user[name].to_numpy(dtype).tobytes() for name, dtype in columns.items()}
    return rows


@pytest.mark.parametrize(
    ("shop", "order", "columns"),
    [
        ("online_retail", ["basket_id"], {"quantity": "<i4"}),
        ("x_wines", [], {"rating": "<f8"}),
    ],
)
def test_sequences_of_real_events_equal_pandas_byte_for_byte(build, data, shop, order, columns):
    path = str(data / shop / "events.parquet")
    events = pq.read_table(path).filter(pa.compute.less(pa.compute.field("user_id"), 15_000_000))
    ids = sorted(events["item_id"].unique().to_pylist())
    sids = {item_id: place * 4_001 % 243**3 for place, item_id in enumerate(ids)}
    kind = pa.string() if order else pa.int64()
    summary = build.run(
        path, sids_table(ids, sids.values(), kind), event_columns=list(columns), tie_break=order
    )
    assert summary.rows_in == summary.rows_out == len(events)
    newest = pa.compute.max(events["timestamp"]).as_py().date()
    expected = expected_rows(events, sids, order, columns, newest)
    found = build.rows().drop_columns(["bucket"]).to_pylist()
    assert len(found) == len(expected)
    for row in found:
        assert row == expected[row["user_id"]] | {"user_id": row["user_id"]}
    for file in map(unquote, DeltaTable(build.table).file_uris()):
        users = pq.ParquetFile(file).read(["user_id"])["user_id"].to_pylist()
        assert users == sorted(users)


# Shapes


def test_a_long_history_becomes_several_segments(build):
    rows = [(1, 0, time) for time in range(10)] + [(2, 0, 5)]
    build.run(events_table(rows), sids_table([0]), max_segment_events=4)
    assert build.rows()["n_events"].to_pylist() == [4, 4, 2, 1]
    assert build.events() == [(user, time, b"\0\0\0") for user, _, time in rows]


@pytest.mark.parametrize("time", [US, pa.timestamp("us", tz="UTC")], ids=str)
def test_timestamps_with_and_without_a_zone_are_utc(build, time):
    times = [-62_135_596_800_000_000, -DAY - 1_000, -1_000, 0, 1_000, 4_102_444_800_000_000]
    build.run(events_table([(1, 0, t) for t in times], time=time), sids_table([0]))
    assert [event[1] for event in build.events()] == times
    (row,) = build.rows().to_pylist()
    assert row["first_ts"] == datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)
    assert row["ds"] == datetime.date(2100, 1, 1)


def test_every_event_column_keeps_its_values_and_nulls_of_floats_become_nan(build):
    columns = {
        "b": pa.array([True, False, True]),
        "i1": pa.array([-128, 0, 127], pa.int8()),
        "i2": pa.array([-(2**15), 0, 2**15 - 1], pa.int16()),
        "i4": pa.array([-(2**31), 0, 2**31 - 1], pa.int32()),
        "i8": pa.array([-(2**63), 0, 2**63 - 1], pa.int64()),
        "f4": pa.array([None, -0.0, 1.5], pa.float32()),
        "f8": pa.array([None, float("inf"), -0.0], pa.float64()),
    }
    rows = [(1, 0, 0), (1, 0, 1), (1, 0, 2)]
    build.run(events_table(rows, **columns), sids_table([0]), event_columns=list(columns))
    (row,) = build.rows().to_pylist()
    dtypes = {"b": "?", "i1": "i1", "i2": "<i2", "i4": "<i4", "i8": "<i8", "f4": "<f4", "f8": "<f8"}
    for name, column in columns.items():
        found = np.frombuffer(row[name], dtypes[name])
        expected = column.fill_null(float("nan")) if name[0] == "f" else column
        np.testing.assert_array_equal(found, expected.to_numpy(zero_copy_only=False), name)
    assert b"\x80" not in (row["f4"][4:8], row["f8"][16:])
    assert (row["f4"][4:8], row["f8"][16:]) == (bytes(4), bytes(8))


def test_zeros_of_either_sign_tie_and_have_one_form(build, spark):
    zeros = pa.array([0.0, -0.0] * 20)
    rows = [(1, 0, 0)] * 40
    for shuffled in (zeros, zeros[::-1]):
        build.run(events_table(rows, price=shuffled), sids_table([0]), event_columns=["price"])
        assert build.rows()["price"].to_pylist() == [bytes(8 * 40)]


def test_users_may_be_strings(build):
    events = events_table([(1, 0, 0), (2, 0, 0), (1, 0, 1)])
    events = events.set_column(0, "user_id", pa.array(["ü'", "", "ü'"]))
    build.run(events, sids_table([0]))
    found = build.rows().select(["user_id", "n_events"]).to_pylist()
    assert found == [{"user_id": "", "n_events": 1}, {"user_id": "ü'", "n_events": 2}]


def test_users_that_are_no_text_are_counted(build):
    events = events_table([(1, 0, 0), (2, 0, 0), (1, 0, 1)])
    users = pa.array([b"a", b"\xffA", b"a"]).view(pa.string())
    summary = build.run(events.set_column(0, "user_id", users), sids_table([0]))
    assert build.rows()["user_id"].to_pylist() == ["a"]
    assert summary.metrics["by_reason"] == {"user_id is not UTF-8": 1}


def test_a_tie_is_broken_by_the_columns_in_the_order_they_are_named(build):
    n = 12
    columns = {
        f"k{place}": pa.array([n - 1 - i if place == 10 else 0 for i in range(n)])
        for place in range(12)
    }  # tie_10 must not sort before tie_2
    columns["k2"] = pa.array([i % 2 for i in range(n)])
    events = events_table([(1, i, 0) for i in range(n)], **columns)
    build.run(events, sids_table(range(n)), tie_break=list(columns))
    sids = build.rows()["sids"][0].as_py()
    found = [sids[3 * i + 2] for i in range(n)]
    assert found == [10, 8, 6, 4, 2, 0, 11, 9, 7, 5, 3, 1]


# Counted


def spoiled_events():
    rows = [(1, 0, 0), (None, 0, 1), (1, 0, None), (1, None, 3), (1, 0, 4), (1, 7, 5), (2, 7, 6)]
    quantity = pa.array([1, 2, 3, 4, None, 6, 7], pa.int32())
    return events_table(rows, quantity=quantity)


@pytest.mark.parametrize(
    ("missing", "packed"),
    [
        ("drop", [(1, 0, b"\0\0\0")]),
        ("null_sid", [(1, 0, b"\0\0\0"), (1, 5, b"\xff" * 3), (2, 6, b"\xff" * 3)]),
    ],
)
def test_what_cannot_be_packed_is_counted_by_reason(build, missing, packed):
    summary = build.run(
        spoiled_events(), sids_table([0]), event_columns=["quantity"], missing_items=missing
    )
    assert build.events() == packed
    assert (summary.rows_in, summary.rows_out) == (7, len(packed))
    assert summary.rows_rejected == 7 - len(packed)
    assert summary.metrics["by_reason"] == {
        "item_id is null": 1,
        "quantity is null": 1,
        "the item has no SID": 2,
        "timestamp is null": 1,
        "user_id is null": 1,
    }
    assert null_sid(3) == int.from_bytes(b"\xff" * 3)


@pytest.mark.parametrize(
    "since", [{}, pytest.param({"since": "last"}, marks=pytest.mark.slow)], ids=["all", "since"]
)
def test_events_outside_the_calendar_are_counted(build, since):
    first, last = -62_135_596_800_000_000, 253_402_300_799_999_999
    late = [1_700_000_000_000_000_000, last + 1, first - 1]  # one in ns, where us are meant
    rows = [(1, 0, time) for time in (first, 0, last, *late)]
    summary = build.run(events_table(rows), sids_table([0]), **since)
    assert [time for _, time, _ in build.events()] == [first, 0, last]
    assert summary.metrics["by_reason"] == {"timestamp is not in the years 1 to 9999": 3}


def test_sids_of_other_codebooks_do_not_count(build):
    both = pa.concat_tables([sids_table([0], [5]), sids_table([0, 1], [6, 7], codebook_id="d")])
    build.run(events_table([(1, 0, 0), (1, 1, 1)]), both)
    assert build.events() == [(1, 0, b"\0\0\x05")]


def test_an_item_with_two_sids_is_refused_and_nothing_is_written(build):
    with pytest.raises(SemanticIdsError, match=r"an item must have one SID, got 2 events .* of 1"):
        build.run(events_table([(1, 0, 0)]), sids_table([0, 0]))
    with pytest.raises(Exception, match="table"):
        version_of(build.table)


# Runs


def test_a_second_run_with_nothing_new_makes_no_commit(build):
    events, sids = build.save(events_table([(1, 0, 0)])), build.save(sids_table([0]))
    first = build.run(events, sids)
    before = version_of(build.table)
    again = build.run(events, sids)
    assert version_of(build.table) == before
    assert "nothing to do" in again.message
    assert (again.rows_in, again.rows_out) == (first.rows_in, first.rows_out)


def test_a_run_with_other_options_builds_again(build):
    events, sids = build.save(events_table([(1, 0, 0), (1, 9, 1)])), build.save(sids_table([0]))
    build.run(events, sids)
    assert "nothing to do" not in build.run(events, sids, missing_items="null_sid").message


def test_a_view_is_built_again_since_it_may_have_changed(build, spark):
    sids = build.save(sids_table([0]))
    for n in (1, 2):
        spark.createDataFrame(
            events_table([(1, 0, time) for time in range(n)]).to_pandas()
        ).createOrReplaceTempView("sequences_events")
        opened = open_source(spark, "events", "sequences_events")
        assert opened.version == UNVERSIONED
        build.run(opened, sids)
        assert len(build.events()) == n
    spark.catalog.dropTempView("sequences_events")


DAYS = [datetime.date(2011, 12, 8), datetime.date(2011, 12, 9), datetime.date(2011, 12, 10)]


def three_days():
    """Give events at the first and last microsecond of three days, and one between."""
    first = (DAYS[0] - datetime.date(1970, 1, 1)).days * DAY
    rows = [
        (user, 0, first + day * DAY + at)
        for user in (1, 2)
        for day in range(3)
        for at in (0, DAY // 2, DAY - 1)
    ]
    return events_table(rows)


@pytest.mark.slow
def test_days_together_hold_the_events_of_the_whole(build, spark, save, place):
    events, sids = save(three_days()), save(sids_table([0]))
    for day in reversed(DAYS):
        assert build.run(events, sids, ds=day).rows_in == 6
    whole = Build(spark, save, place())
    whole.run(events, sids)
    assert build.events() == whole.events()
    assert set(build.rows()["ds"].to_pylist()) == set(DAYS)
    assert set(whole.rows()["ds"].to_pylist()) == {DAYS[2]}

    # a day run again replaces that day only, and only if something is new
    before = build.events()
    assert "nothing to do" in build.run(events, sids, ds=DAYS[1]).message
    build.run(events, save(sids_table([0], [9])), ds=DAYS[1])
    changed = [event for event in build.events() if event[2] == b"\0\0\x09"]
    assert len(changed) == 6
    assert {event[1] // DAY for event in changed} == {(DAYS[1] - datetime.date(1970, 1, 1)).days}
    assert sorted(event[:2] for event in build.events()) == [event[:2] for event in before]


def test_a_day_whose_events_stand_in_longer_segments_is_refused(build):
    events, sids = build.save(three_days()), build.save(sids_table([0]))
    build.run(events, sids)
    for day in DAYS:
        with pytest.raises(TableError, match=r"ds: events of .* leave ds out to rebuild the whole"):
            build.run(events, sids, ds=day)
    summary = build.run(events, sids, ds=datetime.date(2011, 12, 11))
    assert summary.rows_in == 0
    assert len(build.events()) == 18


@pytest.mark.slow
def test_a_day_that_a_build_of_all_wrote_over_is_built_again(build):
    sids, day = build.save(sids_table([0])), datetime.date(1970, 1, 3)
    of_day = build.save(events_table([(1, 0, 2 * DAY)]))
    older = build.save(events_table([(1, 0, 5)]))
    build.run(of_day, sids, ds=day)
    build.run(older, sids)
    assert [event[1] for event in build.events()] == [5]
    build.run(of_day, sids, ds=day)
    assert [event[1] for event in build.events()] == [5, 2 * DAY]
    build.run(older, sids)
    assert [event[1] for event in build.events()] == [5]


# Refused


@pytest.mark.parametrize(
    ("events", "sids", "options", "sentence"),
    [
        ([], [0], {}, "events: .* has no event to pack"),
        ([(1, 5, 0)], [0], {}, "events: .* has no event to pack: .*the item has no SID"),
        ([(1, 0, 0)], [], {}, "item_sids: .* has no SID of codebook c+"),
        ([(1, 0, 0)], ["0"], {}, "events: item_id must be string as in .*, got bigint"),
        ([(1, 0, 0)], [0], {"event_columns": ["price"]}, "events: .* has no column 'price'"),
        ([(1, 0, 0)], [0], {"tie_break": ["price"]}, "events: .* has no column 'price'"),
        ([(1, 0, 0)], [0], {"event_columns": ["item_id"]}, "event_columns: 'item_id' must be a"),
    ],
)
def test_what_cannot_be_built_is_refused_and_nothing_is_written(
    build, events, sids, options, sentence
):
    kind = pa.string() if sids == ["0"] else pa.int64()
    with pytest.raises(TableError, match=sentence):
        build.run(events_table(events), sids_table(sids, kind=kind), **options)
    assert not DeltaTable.is_deltatable(build.table)


@pytest.mark.parametrize(
    "name",
    [
        "codebook_id",
        "n_events",
        "N_Events",
        "first_ts",
        "sids",
        "SID",
        "bucket",
        "ds",
        "reason",
        "tie_0",
        "user_id",
        "a b",
        "a.b",
        "a`b",
        "a,b",
        "a=b",
    ],
)
def test_an_event_column_with_a_name_in_use_is_refused(source, name):
    opened = source(pa.table({name: pa.array([1], pa.int32())}), "events")
    with pytest.raises(TableError, match="must be a name that sequences has no other use for"):
        event_dtypes(opened, [name])


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.binary(), pa.decimal128(10, 2), pa.date32(), US, pa.list_(pa.int32())],
    ids=str,
)
def test_an_event_column_without_a_fixed_width_is_refused(source, kind):
    opened = source(pa.table({"x": pa.array([None], kind)}), "events")
    with pytest.raises(TableError, match="'x' must be of a boolean, integer or floating type, got"):
        event_dtypes(opened, ["x"])


# The table


def test_the_table_is_one_that_trainers_can_read(build, spark):
    build.run(
        events_table([(1, 0, 0)], quantity=pa.array([1], pa.int32())),
        sids_table([0]),
        event_columns=["quantity"],
    )
    table = DeltaTable(build.table)
    properties = table.metadata().configuration
    assert properties["semantic_ids.format"] == "1"
    assert properties["semantic_ids.event_columns"] == '{"quantity": "<i4"}'
    assert table.metadata().partition_columns == ["ds", "bucket"]
    features = set(table.protocol().reader_features or [])
    assert table.protocol().min_reader_version == 1 or not features & {
        "deletionVectors",
        "columnMapping",
    }
    assert "delta.columnMapping.mode" not in properties
    assert properties.get("delta.enableDeletionVectors", "false") == "false"
    row = build.rows().schema
    assert row.names[:8] == [
        "user_id",
        "bucket",
        "ds",
        "n_events",
        "first_ts",
        "last_ts",
        "sids",
        "timestamps",
    ]


@pytest.mark.parametrize(
    "change", ["n_events = 0", "sids = substring(sids, 2)", "timestamps = cast('x' as binary)"]
)
def test_constraints_hold_the_invariants(build, spark, change):
    build.run(events_table([(1, 0, 0), (1, 0, 1)]), sids_table([0]))
    before = version_of(build.table)
    with pytest.raises(Exception, match="CHECK constraint"):
        spark.sql(f"update delta.`{build.table}` set {change}")
    assert version_of(build.table) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"event_columns": []}, "the table .* has columns .*quantity binary"),
        ({"buckets": 5}, "has semantic_ids.buckets=3; this job writes 5"),
    ],
)
def test_a_table_of_another_shape_is_refused(build, options, sentence):
    events = build.save(events_table([(1, 0, 0)], quantity=pa.array([1], pa.int32())))
    sids = build.save(sids_table([0]))
    build.run(events, sids, event_columns=["quantity"])
    with pytest.raises(TableError, match=sentence):
        build.run(events, sids, **{"event_columns": ["quantity"]} | options)


def test_a_cluster_that_overwrites_by_partition_still_replaces_everything(build, spark_conf):
    spark_conf("spark.sql.sources.partitionOverwriteMode", "dynamic")
    sids = build.save(sids_table([0]))
    build.run(events_table([(1, 0, 0), (2, 0, 5 * DAY)]), sids)
    build.run(events_table([(1, 0, 0)]), sids)
    assert [event[1] for event in build.events()] == [0]

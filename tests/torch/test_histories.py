"""Histories of given users: whole, or strictly before a moment, against a brute-force oracle."""

import datetime
import pickle
import tempfile
from bisect import bisect_left
from itertools import chain
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pytest
import torch
from history_tables import N_BUCKETS, START, history, moment, rows, segments, write
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import fs
from sequence_tables import Segment, to_arrow, write_sequences

from semantic_ids.errors import InputError, ShapeError, TableError
from semantic_ids.trainers import SequenceDataset, SequenceHistories, random_access
from semantic_ids.trainers.lookup import buckets_of
from semantic_ids.trainers.point_in_time import first_not_before

pytestmark = pytest.mark.torch

LONGS = st.sampled_from([-(2**63), -3, 0, 7, 2**40])
STRINGS = st.sampled_from(["", "a", "a\0", "é", "z" * 70, "z" * 70 + "🜁"])


@st.composite
def tables_and_examples(draw):
    kind = draw(st.sampled_from([LONGS, STRINGS]))
    user_ids = st.sampled_from(draw(st.lists(kind, min_size=1, max_size=3)))
    commits = draw(
        st.lists(st.lists(segments(user_ids), min_size=1, max_size=8), min_size=1, max_size=3)
    )
    moments = st.builds(moment, st.integers(-1, 4), st.integers(-1, 3))
    examples = draw(st.lists(st.tuples(user_ids, moments), max_size=12))
    return commits, examples, draw(st.sampled_from([None, 1, 2, 5])), draw(st.integers(1, 4))


@settings(max_examples=60, deadline=None)
@given(tables_and_examples())
def test_a_history_ends_strictly_before_its_moment_whatever_the_segments(case):
    commits, examples, newest, row_group_size = case
    table = [segment for commit in commits for segment in commit]
    with tempfile.TemporaryDirectory() as folder:
        written = write(Path(folder) / "t", *commits, row_group_size=row_group_size)
        for codebook_id in {segment.codebook_id for segment in table}:
            histories = SequenceHistories(written.path, codebook_id=codebook_id)
            users, moments = [u for u, _ in examples], [t for _, t in examples]
            batch = histories.of(users, before=moments, newest=newest)
            assert rows(batch) == [
                history(table, codebook_id, user, before=time, newest=newest)
                for user, time in examples
            ]
            assert rows(histories.of(users)) == [history(table, codebook_id, u) for u in users]


def segment(
    user_id=7, *, day=0, ticks=(0,), sids=None, quantity=None, codebook_id="a" * 32
) -> Segment:
    """Make a segment of events on one day, with SIDs of three bytes that count from 0."""
    n = len(ticks)
    return Segment(
        user_id=user_id,
        ds=datetime.date(2024, 1, 1) + datetime.timedelta(days=day),
        bucket=int(buckets_of(pa.array([user_id]), N_BUCKETS)[0]),
        sids=sids or [i.to_bytes(3, "big") for i in range(n)],
        timestamps=[moment(day, tick) for tick in ticks],
        columns={"quantity": quantity or list(range(n))},
        codebook_id=codebook_id,
    )


def values(batch) -> list[list[int]]:
    return [v.tolist() for v in batch.values.split(batch.lengths.tolist())]


def test_a_late_segment_is_merged_by_hand(tmp_path):
    early = segment(day=0, ticks=(1, 5), sids=[b"\0\0\1", b"\0\0\5"])
    late = segment(day=0, ticks=(3, 5), sids=[b"\0\0\3", b"\0\0\6"])
    later = segment(day=1, ticks=(0,), sids=[b"\0\0\7"])
    histories = SequenceHistories(write(tmp_path / "t", [later], [late], [early]).path)
    before = [moment(0, 5), moment(0, 6), moment(2, 0)]
    assert values(histories.of([7, 7, 7], before=before)) == [[1, 3], [1, 3, 5, 6], [1, 3, 5, 6, 7]]
    assert values(histories.of([7, 7], before=before[:2], newest=1)) == [[3], [6]]


def numbered(ds: int, events: list[tuple[int, int, int]]) -> Segment:
    """Make a segment of (day, tick, SID)."""
    days, ticks, sids = zip(*events, strict=True)
    made = segment(day=ds, ticks=ticks, sids=[sid.to_bytes(3, "big") for sid in sids])
    made.timestamps = list(map(moment, days, ticks))
    return made


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        (numbered(0, [(0, 1, 9)]), numbered(1, [(0, 0, 0), (0, 1, 1)]), [0, 9, 1]),
        (numbered(0, [(0, 0, 5), (0, 1, 6), (0, 2, 7)]), numbered(0, [(0, 1, 1)]), [5, 6, 1, 7]),
        (numbered(0, [(0, 1, 9)]), numbered(0, [(0, 1, 1), (0, 2, 2)]), [9, 1, 2]),
        (numbered(0, [(0, 1, 1)]), numbered(0, [(0, 1, 2)]), [1, 2]),
    ],
    ids=["ds", "first_ts", "last_ts", "bytes"],
)
def test_events_of_equal_time_are_in_the_order_of_their_segments(tmp_path, one, other, merged):
    for name, rows_of_file in {"a": [one, other], "b": [other, one]}.items():
        histories = SequenceHistories(write(tmp_path / name, rows_of_file).path)
        assert values(histories.of([7])) == [merged]


def test_segments_with_equal_keys_are_ordered_by_columns_that_are_not_read(tmp_path):
    twins = [segment(ticks=(1, 1), sids=[b"aaa", b"bbb"], quantity=q) for q in ([2, 0], [1, 9])]
    path = write(tmp_path / "t", twins).path
    for columns in (None, [], ["timestamps"]):
        batch = SequenceHistories(path, columns=columns, values="bytes").of([7], newest=3)
        assert bytes(batch.values.flatten().tolist()) == b"bbbaaabbb"
    assert SequenceHistories(path).of([7]).columns["quantity"].tolist() == [1, 9, 2, 0]


def test_unknown_users_and_early_moments_have_no_events(tmp_path):
    histories = SequenceHistories(write(tmp_path / "t", [segment()]).path)
    batch = histories.of([8, 7, 7, -1], before=[moment(1, 0), START, START + 1, moment(1, 0)])
    assert batch.offsets.tolist() == [0, 0, 0, 1, 1]
    assert batch.user_ids.tolist() == [8, 7, 7, -1]
    assert batch.position is None
    assert histories.of([7], before=[START + 1]).lengths.tolist() == [1]
    assert histories.of([7], before=[START]).lengths.tolist() == [0]
    empty = histories.of([], before=[])
    assert empty.offsets.tolist() == [0]
    assert empty.values.shape == (0,)
    assert {name: c.dtype for name, c in empty.columns.items()} == {
        "timestamps": torch.int64,
        "quantity": torch.int32,
    }


def test_a_table_without_segments_has_no_histories(tmp_path):
    histories = SequenceHistories(write_sequences(tmp_path / "t", []).path)
    assert histories.of([1, 2], before=[0, 0], newest=3).offsets.tolist() == [0, 0, 0]
    assert histories.width is None


def test_only_the_files_of_the_users_buckets_and_days_are_opened(tmp_path):
    table = [segment(user, day=day) for user in range(40) for day in range(3)]
    histories = SequenceHistories(write(tmp_path / "t", table, row_group_size=2).path)
    of_7 = segment(7).bucket
    for file in Path(tmp_path / "t").rglob("*.parquet"):
        if f"bucket={of_7}/" not in str(file) or "ds=2024-01-03" in str(file):
            file.write_bytes(b"damaged")
    assert len(histories.of([7], before=[moment(2, 0)]).values) == 2
    with pytest.raises(TableError, match="must be a sound Parquet file"):
        histories.of([7])


def test_a_row_group_may_take_several_reads(tmp_path, monkeypatch):
    table = [segment(user, ticks=(0, 1)) for user in range(30)]
    histories = SequenceHistories(write(tmp_path / "t", table, row_group_size=100).path)
    expected = rows(histories.of(range(-1, 31)))
    assert [len(events) for events in expected] == [0, *[2] * 30, 0]
    monkeypatch.setattr(random_access, "BYTES_PER_READ", 1)
    assert rows(histories.of(range(-1, 31))) == expected


def test_users_come_as_tensors_arrays_and_lists(tmp_path):
    histories = SequenceHistories(write(tmp_path / "t", [segment(7), segment(8)]).path)
    before = [moment(1, 0), START]
    expected = rows(histories.of([7, 8], before=before))
    for make in (torch.tensor, np.array, pa.array):
        batch = histories.of(make([7, 8]), before=torch.tensor(before))
        assert rows(batch) == expected
    assert rows(histories.of(np.array([7, 8], np.uint8), before=np.array(before))) == expected


def test_a_table_is_read_through_a_file_system_and_after_pickling(tmp_path):
    table = write(tmp_path / "a folder", [segment(7)], [segment(7, day=1)])
    expected = SequenceHistories(table.path).of([7])
    histories = pickle.loads(pickle.dumps(SequenceHistories(table.path)))
    assert rows(histories.of([7])) == rows(expected)
    histories = SequenceHistories(table.path, filesystem=fs.LocalFileSystem())
    assert rows(histories.of([7])) == rows(expected)


def test_a_table_that_does_not_say_how_many_buckets_it_has_is_searched_whole(tmp_path):
    event_columns = {"quantity": "<i4"}
    table = write_sequences(
        tmp_path / "t",
        [segment(7), segment(8)],
        event_columns=event_columns,
        properties={
            "semantic_ids.format": "1",
            "semantic_ids.event_columns": '{"quantity": "<i4"}',
        },
    )
    assert SequenceHistories(table.path).of([8, 7]).lengths.tolist() == [1, 1]


def test_compaction_changes_neither_what_a_pinned_reader_sees_nor_the_histories(tmp_path):
    rng = np.random.default_rng(0)
    table = [
        segment(user, day=day, ticks=sorted(rng.integers(0, 5, 4).tolist()))
        for user in range(30)
        for day in rng.integers(0, 3, 3).tolist()
    ]
    path = write(tmp_path / "t", table[:50], table[50:]).path
    pinned = [SequenceHistories(path), SequenceDataset(path, 8)]
    users = list(range(30)) * 2
    before = [moment(1, 2)] * 30 + [moment(2, 3)] * 30
    expected = [history(table, "a" * 32, u, before=t) for u, t in zip(users, before, strict=True)]
    segments_before = [rows(batch) for batch in pinned[1]]
    compact(path, table)
    latest = SequenceHistories(path)
    assert latest.version == pinned[0].version + 1
    assert rows(latest.of(users, before=before)) == expected
    assert rows(pinned[0].of(users, before=before)) == expected
    assert [rows(batch) for batch in pinned[1]] == segments_before
    assert sum(map(len, SequenceDataset(path, 8))) == 30
    vacuum(path)
    assert rows(latest.of(users, before=before)) == expected
    for read in (lambda: pinned[0].of(users), lambda: list(pinned[1])):
        with pytest.raises(TableError, match=r"is gone: was the table vacuumed\?"):
            read()


def compact(path: str, table: list[Segment]) -> None:
    """Replace all segments by one a user, in two files for each bucket and several row groups."""
    merged = []
    for user in sorted({s.user_id for s in table}):
        events = history(table, "a" * 32, user)
        whole = segment(user, day=2)
        whole.timestamps = [time for time, _, _ in events]
        whole.sids = [sid.to_bytes(3, "big") for _, sid, _ in events]
        whole.columns = {"quantity": [quantity for _, _, quantity in events]}
        merged.append(whole)
    deltalake.write_deltalake(
        path,
        to_arrow(merged, {"quantity": "<i4"}),
        mode="overwrite",
        target_file_size=1,
        writer_properties=deltalake.WriterProperties(max_row_group_size=3),
    )


def vacuum(path: str) -> None:
    deltalake.DeltaTable(path).vacuum(
        retention_hours=0, enforce_retention_duration=False, dry_run=False
    )


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"user_ids": ["7"]}, InputError, r"user_ids must be int64 as in the table, .*\['7'\]"),
        ({"user_ids": [7.0]}, InputError, "user_ids must be int64 as in the table"),
        ({"user_ids": [7, None]}, InputError, "none null"),
        ({"before": [0, 0]}, ShapeError, r"microseconds of shape \(1,\), .* got int64 \(2,\)"),
        ({"before": [0.5]}, ShapeError, r"before must be int64 .* got float64 \(1,\)"),
        (
            {"before": np.array([2**63])},
            InputError,
            "before must be int64 .* got 9223372036854775808",
        ),
        ({"newest": 0}, InputError, "newest must be a whole number, 1 or more, got 0"),
        ({"newest": 2.5}, InputError, "newest must be a whole number, 1 or more, got 2.5"),
        ({"newest": True}, InputError, "newest must be a whole number, 1 or more, got True"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(tmp_path, arguments, error, said):
    histories = SequenceHistories(write(tmp_path / "t", [segment()]).path)
    with pytest.raises(error, match=said):
        histories.of(**({"user_ids": [7]} | arguments))


def test_integers_are_refused_where_users_are_strings(tmp_path):
    histories = SequenceHistories(write(tmp_path / "t", [segment("7")]).path)
    with pytest.raises(InputError, match="user_ids must be string as in the table"):
        histories.of([7])


def test_a_codebook_must_be_chosen_where_there_are_several(tmp_path):
    path = write(tmp_path / "t", [segment(), segment(codebook_id="b" * 32)]).path
    with pytest.raises(TableError, match=r"codebook_id must be chosen .* a{32}, b{32}"):
        SequenceHistories(path)
    with pytest.raises(TableError, match=r"got 'c{32}'"):
        SequenceHistories(path, codebook_id="c" * 32)


def test_a_segment_out_of_time_order_is_refused(tmp_path):
    wrong = segment(8, ticks=(3, 2))
    path = write(tmp_path / "t", [segment(5), segment(7, ticks=(4, 5)), wrong, segment(9)]).path
    histories = SequenceHistories(path)
    assert histories.of([7]).lengths.tolist() == [2]
    with pytest.raises(InputError, match=r"must not decrease within a segment, .* user 8 in"):
        histories.of([5, 7, 8, 9])


@given(st.lists(st.lists(st.integers(0, 9), max_size=20), min_size=1, max_size=5), st.data())
def test_first_not_before_equals_bisect_left(stretches, data):
    ordered = [sorted(stretch) for stretch in stretches]
    stops = np.cumsum([len(stretch) for stretch in ordered])
    starts = stops - [len(stretch) for stretch in ordered]
    pair = st.tuples(st.integers(0, len(ordered) - 1), st.integers(-1, 10))
    pairs = np.array(data.draw(st.lists(pair, max_size=9)), np.int64).reshape(-1, 2)
    which, moments = pairs.T
    times = np.array(list(chain.from_iterable(ordered)), np.int64)
    found = first_not_before(moments, times, starts=starts[which], stops=stops[which])
    assert (found - starts[which]).tolist() == [bisect_left(ordered[i], m) for i, m in pairs]

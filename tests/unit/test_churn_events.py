"""Events out of segments are those that went in, however segments were cut."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_ids.codebook import null_sid
from semantic_ids.errors import InputError
from semantic_ids.spark.churn_events import events_of
from semantic_ids.spark.segments import SegmentLayout, pack_segments

EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(-(2**40), 2**50), st.integers(0, 2**24 - 1)),
    min_size=1,
    max_size=30,
).map(sorted)


def segments_of(events, max_events=3, width=3):
    users, times, sids = zip(*events, strict=True)
    batch = pa.RecordBatch.from_pydict({"user_id": users, "timestamp": times, "sid": sids})
    return list(pack_segments(iter([batch]), SegmentLayout(width, {}, max_events)))


def rows(batch):
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


@settings(deadline=None)  # the first call imports
@given(events=EVENTS, max_events=st.integers(1, 9))
def test_events_are_the_inverse_of_packing(events, max_events):
    packed = segments_of(events, max_events)
    assert [row for each in packed for row in rows(events_of(each, 3, with_sids=True))] == events


def test_events_of_a_slice_are_its_own():
    (whole, last) = segments_of([("a", 1, 7), ("a", 2, 8), ("b", 3, 9), ("c", 4, 1)], max_events=1)
    assert rows(events_of(whole.slice(1), 3, with_sids=True)) == [("a", 2, 8), ("b", 3, 9)]
    assert rows(events_of(last, 3, with_sids=True)) == [("c", 4, 1)]


def test_events_without_sids_have_zeros_and_missing_ones_are_the_null_sid():
    (segment,) = segments_of([("a", 1, 7), ("a", 2, None)])
    assert rows(events_of(segment, 3, with_sids=False)) == [("a", 1, 0), ("a", 2, 0)]
    assert rows(events_of(segment, 3, with_sids=True)) == [("a", 1, 7), ("a", 2, null_sid(3))]


def test_segments_of_another_width_or_of_missing_bytes_are_refused():
    (segment,) = segments_of([("a", 1, 7), ("a", 2, 8)])
    with pytest.raises(InputError, match=r"must hold 2 bytes of sids, .* got 6 and 16 bytes"):
        events_of(segment, 2, with_sids=True)
    for name, value, sentence in (
        ("sids", pa.array([b"abcde"]), "got 5 and 16 bytes for n_events 2, of user_id 'a'"),
        ("timestamps", pa.array([None], pa.binary()), "got 6 and null bytes for n_events 2"),
        ("n_events", pa.array([None], pa.int32()), "for n_events null"),
    ):
        place = segment.schema.get_field_index(name)
        with pytest.raises(InputError, match=sentence):
            events_of(segment.set_column(place, name, value), 3, with_sids=True)

"""Packing against a loop over events: any cut into batches gives the same segments."""

import itertools
import math
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semantic_ids.codebook import bytes_to_sids, null_sid
from semantic_ids.errors import InputError
from semantic_ids.spark.segments import SegmentLayout, pack_segments

FORMATS = {
    "|b1": "<?",
    "|i1": "<b",
    "<i2": "<h",
    "<i4": "<i",
    "<i8": "<q",
    "<f4": "<f",
    "<f8": "<d",
}
ARROW = {
    "|b1": pa.bool_(),
    "|i1": pa.int8(),
    "<i2": pa.int16(),
    "<i4": pa.int32(),
    "<i8": pa.int64(),
    "<f4": pa.float32(),
    "<f8": pa.float64(),
}
VALUES = {
    "|b1": st.booleans(),
    "|i1": st.integers(-(2**7), 2**7 - 1),
    "<i2": st.integers(-(2**15), 2**15 - 1),
    "<i4": st.integers(-(2**31), 2**31 - 1),
    "<i8": st.integers(-(2**63), 2**63 - 1),
    "<f4": st.floats(width=32, allow_nan=False) | st.just(math.nan),
    "<f8": st.floats(allow_nan=False) | st.just(math.nan),
}
EVERY_DTYPE = {f"column {dtype}": dtype for dtype in FORMATS}
BIGINT = pa.int64()
USERS = {"string": pa.string(), "large string": pa.large_string()}


def to_batches(events, dtypes, cuts, user=BIGINT):
    schema = pa.schema(
        [("user_id", user), ("timestamp", pa.int64()), ("sid", pa.int64())]
        + [(name, ARROW[dtype]) for name, dtype in dtypes.items()]
    )
    arrays = [
        pa.array([event[place] for event in events], field.type)
        for place, field in enumerate(schema)
    ]
    whole = pa.RecordBatch.from_arrays(arrays, schema=schema)
    bounds = [0, *sorted(cut % (len(events) + 1) for cut in cuts), len(events)]
    return [whole.slice(a, b - a) for a, b in itertools.pairwise(bounds)]


def packed(events, layout, cuts=(), user=BIGINT):
    batches = to_batches(events, layout.event_dtypes, cuts, user)
    return [row for batch in pack_segments(iter(batches), layout) for row in batch.to_pylist()]


def looped(events, layout):
    """Pack event by event with struct: what pack_segments must give."""
    segments, open_key = [], None
    for user, timestamp, sid, *values in events:
        key = (user, timestamp // DAY_US if layout.by_day else None)
        if key != open_key or segments[-1]["n_events"] == layout.max_events:
            open_key = key
            segments.append(
                {
                    "user_id": user,
                    "n_events": 0,
                    "first_us": timestamp,
                    "last_us": timestamp,
                    "sids": b"",
                    "timestamps": b"",
                }
                | dict.fromkeys(layout.event_dtypes, b"")
            )
        segment = segments[-1]
        segment["n_events"] += 1
        segment["last_us"] = timestamp
        full = b"\xff" * 8 if sid is None else sid.to_bytes(8, "big")
        segment["sids"] += full[8 - layout.width :]
        segment["timestamps"] += struct.pack("<q", timestamp)
        for (name, dtype), value in zip(layout.event_dtypes.items(), values, strict=True):
            segment[name] += struct.pack(FORMATS[dtype], value)
    return segments


NUMBERS = st.integers(-5, 5)
DAY_US = 86_400_000_000


@st.composite
def histories(draw, *, user=NUMBERS, least=0):
    width = draw(st.integers(1, 8))
    names = draw(st.lists(st.sampled_from(sorted(EVERY_DTYPE)), unique=True, max_size=3))
    dtypes = {name: EVERY_DTYPE[name] for name in names}
    highest = 256**width - 2 if width < 8 else 2**63 - 1
    event = st.tuples(
        user,
        st.integers(-(2**50), 2**50) | st.integers(-2, 2).map(lambda day: day * DAY_US - 1),
        st.none() | st.integers(0, highest),
        *(VALUES[dtype] for dtype in dtypes.values()),
    )
    events = draw(st.lists(event, min_size=least, max_size=30))
    events.sort(key=lambda event: event[:2])
    return events, SegmentLayout(width, dtypes, draw(st.integers(1, 6)), draw(st.booleans()))


@settings(max_examples=300, deadline=None)
@given(history=histories(), cuts=st.lists(st.integers(0, 30), max_size=8))
def test_any_cut_into_batches_gives_the_segments_of_a_loop(history, cuts):
    events, layout = history
    assert packed(events, layout, cuts) == looped(events, layout)


@settings(max_examples=50, deadline=None)
@given(history=histories(user=st.text(max_size=3)), cuts=st.lists(st.integers(0, 30), max_size=4))
@pytest.mark.parametrize("kind", USERS)
def test_users_may_be_strings(kind, history, cuts):
    events, layout = history
    assert packed(events, layout, cuts, USERS[kind]) == looped(events, layout)


def test_segments_by_hand():
    events = [
        (7, -1, 0x0102, 5),
        (7, 0, None, -1),
        (7, 1_000_000, 0, 0),
        (9, 3, 0xFFFE, 1),
        (9, 4, 0x00FF, 2),
        (9, 5, 0x00FF, 3),
    ]
    assert packed(events, SegmentLayout(2, {"quantity": "<i2"}, 2)) == [
        {
            "user_id": 7,
            "n_events": 2,
            "first_us": -1,
            "last_us": 0,
            "sids": b"\x01\x02\xff\xff",
            "timestamps": b"\xff" * 8 + b"\x00" * 8,
            "quantity": b"\x05\x00\xff\xff",
        },
        {
            "user_id": 7,
            "n_events": 1,
            "first_us": 1_000_000,
            "last_us": 1_000_000,
            "sids": b"\x00\x00",
            "timestamps": b"\x40\x42\x0f\x00\x00\x00\x00\x00",
            "quantity": b"\x00\x00",
        },
        {
            "user_id": 9,
            "n_events": 2,
            "first_us": 3,
            "last_us": 4,
            "sids": b"\xff\xfe\x00\xff",
            "timestamps": b"\x03" + b"\x00" * 7 + b"\x04" + b"\x00" * 7,
            "quantity": b"\x01\x00\x02\x00",
        },
        {
            "user_id": 9,
            "n_events": 1,
            "first_us": 5,
            "last_us": 5,
            "sids": b"\x00\xff",
            "timestamps": b"\x05" + b"\x00" * 7,
            "quantity": b"\x03\x00",
        },
    ]


def test_a_segment_ends_with_its_day_where_days_are_kept_apart():
    events = [(7, DAY_US - 1, 1), (7, DAY_US, 2), (7, 2 * DAY_US - 1, 3), (8, 2 * DAY_US - 1, 4)]
    segments = packed(events, SegmentLayout(1, {}, 10, by_day=True))
    assert [(s["user_id"], s["sids"]) for s in segments] == [(7, b"\1"), (7, b"\2\3"), (8, b"\4")]
    assert len(packed(events, SegmentLayout(1, {}, 10))) == 2


@pytest.mark.parametrize("n_batches", [0, 1, 3])
def test_no_events_give_no_segments(n_batches):
    layout = SegmentLayout(8, {"quantity": "<i4"}, 10)
    empty = to_batches([], layout.event_dtypes, [])
    assert list(pack_segments(iter(empty * n_batches), layout)) == []


@pytest.mark.parametrize("width", range(1, 9))
def test_a_null_sid_is_the_reserved_one_in_every_width(width):
    (segment,) = packed([(1, 0, None), (1, 1, 3)], SegmentLayout(width, {}, 10))
    assert segment["sids"] == b"\xff" * width + b"\x00" * (width - 1) + b"\x03"
    assert bytes_to_sids(segment["sids"], width).tolist() == [null_sid(width), 3]


def test_a_user_wider_than_many_batches_is_cut_at_max_events_only():
    n, size, most = 10_007, 100, 1_000
    events = [(42, time, time, time % 7) for time in range(n)]
    layout = SegmentLayout(5, {"rating": "<f4"}, most)
    segments = packed(events, layout, cuts=range(0, n, size))
    assert [segment["n_events"] for segment in segments] == [most] * 10 + [7]
    sids = b"".join(segment["sids"] for segment in segments)
    assert bytes_to_sids(sids, 5).tolist() == list(range(n))
    times = b"".join(segment["timestamps"] for segment in segments)
    assert np.array_equal(np.frombuffer(times, "<i8"), np.arange(n))
    ratings = b"".join(segment["rating"] for segment in segments)
    assert np.array_equal(np.frombuffer(ratings, "<f4"), np.arange(n) % 7)


def test_a_segment_is_given_as_soon_as_it_is_whole():
    layout = SegmentLayout(1, {}, 10)
    taken = []

    def batches():
        for user in range(5):
            taken.append(user)
            yield from to_batches([(user, time, 1) for time in range(25)], {}, [])

    segments = pack_segments(batches(), layout)
    assert next(segments).column("n_events").to_pylist() == [10, 10]
    assert taken == [0]
    assert next(segments).column("n_events").to_pylist() == [5, 10, 10]
    assert taken == [0, 1]


def test_no_more_than_max_events_are_held_between_batches(monkeypatch):
    from semantic_ids.spark import segments

    held = []
    starts_of = segments._segment_starts

    def watch(events, layout):
        held.append(len(events))
        return starts_of(events, layout)

    monkeypatch.setattr(segments, "_segment_starts", watch)
    events = [(1, time, 1) for time in range(1_000)]
    packed(events, SegmentLayout(1, {}, 64), cuts=range(0, 1_000, 10))
    assert max(held) <= 64 + 10


def test_a_sid_that_does_not_fit_the_width_is_refused():
    with pytest.raises(InputError, match=r"sids must be in \[0, 256 \*\* 2\), got 65536"):
        packed([(1, 0, 65_536)], SegmentLayout(2, {}, 10))


@settings(max_examples=50, deadline=None)
@given(history=histories(least=1), cuts=st.lists(st.integers(0, 30), max_size=8))
@example(history=([(1, 0, None)], SegmentLayout(1, {}, 1)), cuts=[])
def test_every_blob_has_the_bytes_of_its_events(history, cuts):
    events, layout = history
    segments = packed(events, layout, cuts)
    assert sum(segment["n_events"] for segment in segments) == len(events)
    for segment in segments:
        n = segment["n_events"]
        assert 1 <= n <= layout.max_events
        assert len(segment["sids"]) == n * layout.width
        assert len(segment["timestamps"]) == 8 * n
        for name, dtype in layout.event_dtypes.items():
            assert len(segment[name]) == n * np.dtype(dtype).itemsize

"""Merging against a loop over users: any cut into batches gives the same segments."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_ids.errors import InputError
from semantic_ids.spark import merging
from semantic_ids.spark.merging import MergeRules, merge_segments

SCHEMA = pa.schema(
    [
        ("codebook_id", pa.string()),
        ("user_id", pa.int64()),
        ("n_events", pa.int32()),
        ("sids", pa.binary()),
        ("timestamps", pa.binary()),
        ("price", pa.binary()),
    ]
)
WIDTH = 3
EVENT = st.tuples(
    st.integers(-4, 4), st.binary(min_size=WIDTH, max_size=WIDTH), st.integers(-99, 99)
)
SEGMENT = st.lists(EVENT, min_size=1, max_size=6).map(lambda events: sorted(events, key=first))
TABLES = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.integers(0, 4)),
    st.lists(SEGMENT, min_size=1, max_size=4),
    max_size=6,
).map(lambda users: [(*key, events) for key in sorted(users) for events in users[key]])


def first(event):
    return event[0]


def batches_of(segments, cuts=()):
    rows = []
    for codebook_id, user_id, events in segments:
        times, sids, prices = zip(*events, strict=True)
        blobs = b"".join(sids), np.array(times, "<i8").tobytes(), np.array(prices, "<i2").tobytes()
        rows.append((codebook_id, user_id, len(events), *blobs))
    columns = list(zip(*rows, strict=True)) or [[]] * len(SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    whole = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    bounds = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    return [whole.slice(a, b - a) for a, b in itertools.pairwise(bounds)]


def merged(segments, rules, cuts=()):
    """Give the segments as (codebook, user, events), and how many events were dropped."""
    found, n_dropped = [], 0
    for batch in merge_segments(iter(batches_of(segments, cuts)), rules):
        for row in batch.to_pylist():
            times = np.frombuffer(row["timestamps"], "<i8").tolist()
            prices = np.frombuffer(row["price"], "<i2").tolist()
            starts = range(0, len(row["sids"]), WIDTH)
            sids = [row["sids"][start : start + WIDTH] for start in starts]
            found.append(
                (row["codebook_id"], row["user_id"], list(zip(times, sids, prices, strict=True)))
            )
            assert (row["n_events"], row["first_us"]) == (len(times), times[0])
            assert row["last_us"] == times[-1]
            n_dropped += row["n_dropped"]
    return found, n_dropped


def looped(segments, rules):
    """Merge user by user with Python's stable sort: what merge_segments must give."""
    found, n_dropped = [], 0
    for key, of_user in itertools.groupby(segments, key=lambda segment: segment[:2]):
        events = sorted((event for segment in of_user for event in segment[2]), key=first)
        kept = events[-rules.max_events :] if rules.max_events else events
        n_dropped += len(events) - len(kept)
        for start in range(0, len(kept), rules.max_segment_events):
            found.append((*key, kept[start : start + rules.max_segment_events]))
    return found, n_dropped


@settings(max_examples=300, deadline=None)
@given(
    segments=TABLES,
    cuts=st.lists(st.integers(0, 24), max_size=6),
    size=st.integers(1, 9),
    newest=st.none() | st.integers(1, 9),
)
def test_any_cut_into_batches_gives_the_segments_of_a_loop(segments, cuts, size, newest):
    rules = MergeRules({"price": "<i2"}, size, newest)
    assert merged(segments, rules, cuts) == looped(segments, rules)


@settings(max_examples=50, deadline=None)
@given(segments=TABLES, size=st.integers(1, 9), newest=st.none() | st.integers(1, 9))
def test_merging_what_is_merged_changes_nothing(segments, size, newest):
    rules = MergeRules({"price": "<i2"}, size, newest)
    once, _ = merged(segments, rules)
    assert merged(once, rules) == (once, 0)


@settings(deadline=None)
@given(segments=TABLES)
def test_output_is_cut_into_batches_by_its_bytes(segments):
    rules = MergeRules({"price": "<i2"}, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_BATCH_BYTES", 24)
        assert merged(segments, rules) == looped(segments, rules)


def test_equal_times_stay_in_the_order_given():
    segments = [
        ("a", 1, [(0, b"aaa", 1), (5, b"bbb", 2)]),
        ("a", 1, [(5, b"ccc", 3)]),
        ("a", 1, [(0, b"ddd", 4), (5, b"aaa", 5)]),
    ]
    found, _ = merged(segments, MergeRules({"price": "<i2"}, 10))
    assert [price for _, _, price in found[0][2]] == [1, 4, 2, 3, 5]


def test_a_blob_without_the_bytes_of_its_events_is_refused():
    (batch,) = batches_of([("a", 1, [(0, b"aaa", 1)]), ("a", 1, [(0, b"aaa", 1)])])
    for name, blob in {"timestamps": bytes(16), "price": b"\0", "sids": b"aa"}.items():
        place = SCHEMA.get_field_index(name)
        blobs = pa.array([batch.column(place)[0].as_py(), blob])
        spoiled = batch.set_column(place, name, blobs)
        with pytest.raises(InputError, match=f"{name}: a segment of 1 events must hold"):
            list(merge_segments(iter([spoiled]), MergeRules({"price": "<i2"}, 10)))


def test_codebooks_may_have_sids_of_different_widths():
    (batch,) = batches_of([("a", 1, [(0, b"aaa", 1), (1, b"bbb", 2)]), ("b", 1, [(0, b"ccc", 3)])])
    place = SCHEMA.get_field_index("sids")
    batch = batch.set_column(place, "sids", pa.array([b"aabb", b"ccccc"]))
    found = list(merge_segments(iter([batch]), MergeRules({"price": "<i2"}, 1)))
    sids = [blob for part in found for blob in part.column("sids").to_pylist()]
    assert sids == [b"aa", b"bb", b"ccccc"]


def test_no_segments_give_none():
    rules = MergeRules({"price": "<i2"}, 10)
    assert list(merge_segments(iter([]), rules)) == []
    assert list(merge_segments(iter(batches_of([])), rules)) == []

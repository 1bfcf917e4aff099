"""Events dealt to tasks and put in order: nothing lost, the order of a plain sort."""

import collections
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semantic_ids.spark import event_chunks
from semantic_ids.spark.event_chunks import deal_events, order_events, plan_tasks, read_chunks

SCHEMA = pa.schema(
    [
        ("user_hash", pa.int64()),
        ("user_id", pa.string()),
        ("timestamp", pa.int64()),
        ("sid", pa.int64()),
        ("place", pa.int32()),
    ]
)
LONGS = st.integers(-(2**63), 2**63 - 1)
EVENTS = st.lists(
    st.tuples(LONGS, st.text(max_size=2), LONGS, st.none() | st.integers(0, 9), st.integers(0, 3)),
    max_size=40,
)


def batches_of(rows, cuts):
    arrays = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(SCHEMA)]
    whole = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    bounds = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    return [whole.slice(a, b - a) for a, b in itertools.pairwise(bounds)]


def with_wider_integers(batch):
    wide = [pa.int64() if pa.types.is_integer(field.type) else field.type for field in SCHEMA]
    return batch.cast(pa.schema(zip(SCHEMA.names, wide, strict=True)))


# Plans


@settings(deadline=None)
@given(
    sizes=st.dictionaries(st.integers(0, 9), st.integers(1, 50)),
    target=st.integers(1, 60),
    hashes=st.lists(LONGS, max_size=30),
)
def test_a_task_has_one_large_bucket_or_several_small_ones(sizes, target, hashes):
    plan = plan_tasks(sizes, 10, target=target)
    held = collections.defaultdict(list)
    for bucket, size in sizes.items():
        assert plan.n_tasks[bucket] == max(1, -(-size // target))
        for task in range(plan.first[bucket], plan.first[bucket] + plan.n_tasks[bucket]):
            held[task].append(size)
    assert sorted(held) == list(range(plan.total)) or not sizes
    assert all(len(of_task) == 1 or sum(of_task) <= target for of_task in held.values())
    for a_hash, task in zip(hashes, plan.task_of(np.array(hashes, np.int64)), strict=True):
        bucket = a_hash % 10  # as Spark's pmod
        assert 0 <= task - plan.first[bucket] < plan.n_tasks[bucket]


def test_users_of_a_large_bucket_are_spread_over_its_tasks():
    plan = plan_tasks({1: 1000, 2: 5}, 4, target=100)
    hashes = np.random.default_rng(0).integers(-(2**63), 2**63, 40_000)
    of_bucket = plan.task_of(hashes[hashes % 4 == 1])
    assert np.bincount(of_bucket).min() > 800
    assert len(np.bincount(of_bucket)) == 10


# Chunks


@settings(max_examples=200, deadline=None)
@given(
    rows=EVENTS,
    cuts=st.lists(st.integers(0, 40), max_size=4),
    keep=st.booleans(),
    target=st.integers(1, 20),
)
def test_every_event_comes_to_its_task_once(rows, cuts, keep, target):
    sizes = collections.Counter(row[0] % 3 for row in rows)
    plan = plan_tasks(sizes, 3, target=target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_chunks, "_ROWS_PER_DEAL", 7)
        dealing = (with_wider_integers(batch) for batch in batches_of(rows, cuts))
        dealt = list(deal_events(dealing, plan, SCHEMA.remove(0), keep_missing=keep))
    found, n_missing = [], 0
    for task in range(plan.total):
        of_task = [batch.filter(pa.compute.equal(batch["task"], task)) for batch in dealt]
        events, missed = read_chunks(iter(of_task), SCHEMA.remove(0))
        n_missing += missed
        found += [(task, *row.values()) for row in events.to_pylist()]
    tasks = plan.task_of(np.array([row[0] for row in rows], np.int64)).tolist()
    expected = [
        (task, *row[1:])
        for task, row in zip(tasks, rows, strict=True)
        if keep or row[3] is not None
    ]
    assert collections.Counter(found) == collections.Counter(expected)
    assert n_missing == sum(row[3] is None for row in rows)


# Order


def ordered(rows, cuts=()):
    table = pa.Table.from_batches(batches_of(rows, cuts), SCHEMA)
    return [
        tuple(row.values())
        for batch in order_events(table, ["place", "sid"])
        for row in batch.to_pylist()
    ]


@settings(max_examples=300, deadline=None)
@given(rows=EVENTS, few=st.booleans(), cuts=st.lists(st.integers(0, 40), max_size=3))
@example(rows=[(0, "a", 2**63 - 1, 1, 0), (0, "a", -(2**63), 1, 0)], few=False, cuts=[])
def test_the_order_is_that_of_a_plain_sort_by_user_time_and_ties(rows, few, cuts):
    rows = [(0, user, time % 3 if few else time, sid or 0, n) for _, user, time, sid, n in rows]
    first = {}
    for row in rows:
        first.setdefault(row[1], len(first))
    expected = sorted(rows, key=lambda row: (first[row[1]], row[2], row[4], row[3]))
    assert ordered(rows, cuts) == expected


def test_times_that_the_integer_does_not_tell_apart_are_in_order():
    span = 2**62
    rows = [(0, f"{user}", time, 0, 0) for time in (span, 3, 2, 1, 0) for user in range(300)]
    assert [row[2] for row in ordered(rows)] == [0, 1, 2, 3, span] * 300


def test_batches_are_small_however_many_events_there_are(monkeypatch):
    monkeypatch.setattr(event_chunks, "_ROWS_PER_BATCH", 10)
    table = pa.Table.from_batches(batches_of([(0, "a", time, 0, 0) for time in range(35)], []))
    assert [len(batch) for batch in order_events(table, ["sid"])] == [10, 10, 10, 5]

"""Examples of an experiment: negatives, moments, quarters, relisting, counts of the past."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_ids.codebook import CodebookSpec
from semantic_ids.errors import ConfigError, InputError
from semantic_ids.experiment import Regime, make_settings
from semantic_ids.experiment.columns import Column, side_by_side
from semantic_ids.experiment.dense import count_before, dense_features
from semantic_ids.experiment.examples import Examples, cut, draw_examples
from semantic_ids.experiment.listings import World, disturbed, in_regime
from semantic_ids.experiment.negatives import draw_negatives
from semantic_ids.experiment.settings import DAY_US
from semantic_ids.experiment.stream import Moments, in_time_order, unique_moments

pytestmark = pytest.mark.torch

SPEC = CodebookSpec([{"ternary": 10}])
GIVEN = {
    "collections": ["text"],
    "copurchase": None,
    "arms": None,
    "seeds": 1,
    "rates": [0.01],
    "table_rates": [0.1],
    "negatives": 4,
    "window_days": 7,
    "per_moment": 4,
    "positives": 10_000,
    "hashed_rows": 100,
    "batch": 64,
    "seed": 0,
}


def settings_of(**changes):
    return make_settings(changes.pop("spec", SPEC), **(GIVEN | changes))


def stream_of(n=3000, *, users=50, items=40, days=60, seed=0, labels=None):
    rng = np.random.default_rng(seed)
    times = rng.integers(0, days * 24, n) * (DAY_US // 24)
    of = (rng.integers(0, users, n), rng.zipf(1.5, n).clip(max=items) - 1, times)
    return in_time_order(*of, None if labels is None else rng.choice(labels, n))


def test_negatives_are_items_of_the_window_that_the_user_did_not_meet_there():
    stream = stream_of()
    positives = np.arange(0, 3000, 3)
    items, found = draw_negatives(
        stream, positives, n=4, window_days=7, rng=np.random.default_rng(0)
    )
    windows = (stream.times - stream.times[0]) // (7 * DAY_US)
    for place, drawn in zip(positives[found], items[found], strict=True):
        of_window = windows == windows[place]
        mine = stream.items[of_window & (stream.users == stream.users[place])]
        assert np.isin(drawn, stream.items[of_window]).all()
        assert not np.isin(drawn, mine).any()


def test_negatives_are_as_popular_as_the_events_of_the_window():
    rng = np.random.default_rng(0)
    n = 40_000  # each user meets one item: nothing but that item is left out
    stream = in_time_order(
        np.arange(n), rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]), np.zeros(n, int), None
    )
    items, found = draw_negatives(stream, np.arange(n), n=1, window_days=7, rng=rng)
    assert found.all()
    of_first = items[stream.items == 3, 0]
    shares = np.bincount(of_first, minlength=4) / len(of_first)
    np.testing.assert_allclose(shares, np.array([0.4, 0.3, 0.2, 0]) / 0.9, atol=0.03)


def test_a_user_who_met_all_items_has_no_negatives():
    stream = in_time_order(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1, 2, 3]), None)
    rng = np.random.default_rng(0)
    items, found = draw_negatives(stream, np.arange(3), n=2, window_days=7, rng=rng)
    assert found.tolist() == [False, False, True]
    assert items[2].tolist() == [1, 1]
    with pytest.raises(InputError, match="a user must leave items unmet, got 2 items"):
        draw_negatives(stream, np.arange(2), n=2, window_days=7, rng=rng)


def test_examples_of_a_moment_stand_together_in_the_order_of_time():
    stream = stream_of()
    examples, users, times = draw_examples(stream, settings_of(per_moment=2, positives=500))
    assert 0.98 * 5 * 500 <= len(examples) <= 5 * 500  # some users met too much for negatives
    assert len(examples) == 5 * examples.labels.sum()
    assert (np.diff(examples.moments) >= 0).all()
    assert (np.diff(times) >= 0).all()
    assert np.bincount(examples.moments, examples.labels).max() <= 2
    of_stream = set(
        zip(stream.users.tolist(), stream.items.tolist(), stream.times.tolist(), strict=True)
    )
    for moment, item, label in zip(examples.moments, examples.items, examples.labels, strict=True):
        key = (int(users[moment]), int(item), int(times[moment]))
        assert (key in of_stream) or label == 0


def test_labels_that_are_given_are_the_examples():
    stream = stream_of(labels=[0, 1])
    examples, users, _ = draw_examples(stream, settings_of(per_moment=100))
    assert len(examples) == 3000
    assert examples.labels.sum() == stream.labels.sum()
    assert users.max() < 50


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [([1], "of both classes, got 3,000 of which all are 1"), ([0], "of which all are 0")],
)
def test_one_class_is_refused(labels, sentence):
    with pytest.raises(InputError, match=sentence):
        draw_examples(stream_of(labels=labels), settings_of(per_moment=100))


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (0.5, "0.5"), (float("nan"), "nan")])
def test_labels_outside_0_and_1_are_refused(value, shown):
    zeros = np.zeros(3, int)
    with pytest.raises(InputError, match=f"label: values must be 0 or 1, got {shown}"):
        in_time_order(zeros, zeros, zeros, np.array([0, 1, value]))


def test_quarters_tear_no_moment_and_need_many():
    examples = Examples(np.repeat(np.arange(8), 5), np.zeros(40, int), np.zeros(40, int))
    cuts = cut(examples)
    assert (cuts.quarter, cuts.half) == (10, 20)
    one = Examples(np.zeros(9, int), np.zeros(9, int), np.zeros(9, int))
    with pytest.raises(InputError, match="examples must be of many moments, got 1"):
        cut(one)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20))
def test_moments_are_the_distinct_users_and_times(rows):
    users, times = map(np.array, zip(*rows, strict=True))
    first, numbers = unique_moments(users, times)
    found = list(zip(times[first].tolist(), users[first].tolist(), strict=True))
    assert found == sorted({(time, user) for user, time in rows})
    assert [found[number] for number in numbers] == [(time, user) for user, time in rows]


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6)), min_size=1, max_size=10),
)
def test_counts_are_of_events_strictly_before(events, asked):
    items, times = map(np.array, zip(*events, strict=True))
    stream = in_time_order(np.zeros(len(items), int), items, times, None)
    counts, last = count_before(stream, *map(np.array, zip(*asked, strict=True)))
    for count, latest, (item, time) in zip(counts, last, asked, strict=True):
        before = [t for i, t in events if i == item and t < time]
        assert count == len(before)
        assert not before or latest == max(before)


def world_of(stream, seed=0):
    rng = np.random.default_rng(seed)
    examples, users, times = draw_examples(stream, settings_of())
    items = rng.integers(0, 40, 30)
    lows = rng.integers(0, 15, len(users))
    moments = Moments(
        users,
        times,
        lows,
        lows + rng.integers(0, 15, len(users)),
        items,
        np.sort(rng.integers(0, DAY_US, 30)),
    )
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors, columns = side_by_side({"text": vectors}, np.arange(40))
    return World(stream, moments, examples, vectors, columns, np.arange(40))


def test_relisted_items_are_new_each_period_and_near_what_they_were():
    world = world_of(stream_of())
    found = in_regime(world, Regime(history=5, relist_days=10, noise=0.1), 0)
    weeks = (found.stream.times - min(found.stream.times[0], found.moments.item_times[0])) // (
        10 * DAY_US
    )
    assert (found.sources[found.stream.items] == world.stream.items).all()
    for item in np.unique(found.stream.items):
        assert len(np.unique(weeks[found.stream.items == item])) == 1
    assert (found.sources[found.examples.items] == world.examples.items).all()
    assert (found.moments.highs - found.moments.lows).max() <= 5
    errors = found.vectors - world.vectors[found.sources]
    assert (errors**2).mean() == pytest.approx(0.01 * world.vectors.var(axis=0).mean(), rel=0.1)


def test_noise_is_the_same_for_the_same_seed():
    vectors = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    rows = np.array([0, 0, 3])
    columns = (
        Column("text", slice(0, 2), np.ones(4, bool)),
        Column("image", slice(2, 3), np.arange(4) > 0),
    )
    first, second = (disturbed(vectors, columns, rows, noise=0.5, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not (first[0] == first[1])[:2].any()
    np.testing.assert_array_equal(first[:2, 2], vectors[[0, 0], 2])
    none = disturbed(vectors, columns, rows, noise=0, seed=1)
    np.testing.assert_array_equal(none, vectors[rows])


def test_dense_features_by_hand():
    stream = in_time_order(
        np.array([0, 1, 0]), np.array([0, 0, 1]), np.array([0, 9, 10]) * DAY_US, None
    )
    moments = Moments(
        np.array([0]),
        np.array([10 * DAY_US]),
        np.array([0]),
        np.array([1]),
        np.array([0]),
        np.array([0]),
    )
    examples = Examples(np.array([0, 0]), np.array([0, 1]), np.array([0, 1]))
    world = World(stream, moments, examples, np.zeros((2, 1), np.float32), (), np.arange(2))
    found = np.expm1(dense_features(world, window_days=7))
    np.testing.assert_allclose(found, [[2, 1, 1, 0, 1, 10], [0, 0, 0, 1, 1, 10]], rtol=1e-5)


def test_an_arm_that_does_not_exist_is_named():
    with pytest.raises(
        ConfigError, match="arms: there is no arm 'item_id'; did you mean 'item_ids'"
    ):
        settings_of(arms=["item_id"])


def test_a_codebook_without_digits_has_no_arms_of_digits():
    found = settings_of(spec=CodebookSpec([{"centroids": 8}]))
    assert not [arm for arm in found.chosen() if arm.view == "digits"]
    assert [arm.key for arm in settings_of().chosen() if arm.view == "digits"]

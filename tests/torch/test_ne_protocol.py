"""The protocol: nothing of the future is seen, each batch is scored before it is learned from."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ne_worlds import DAY, START, make, make_data, walks

from semantic_ids.codebook import normalized_entropy
from semantic_ids.errors import InputError, TableError
from semantic_ids.experiment import ARMS, Regime, count_passes, run_experiment
from semantic_ids.experiment.batches import (
    make_batches,
    with_histories_of_others,
    with_items_of_others,
)
from semantic_ids.experiment.bench import Bench
from semantic_ids.experiment.dense import dense_features
from semantic_ids.experiment.protocol import run_pass
from semantic_ids.experiment.run import _read

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    return walks(tmp_path_factory.mktemp("walk"))


@pytest.fixture(scope="module")
def bench(walk):
    world, _ = _read(walk, [Regime(history=20)], make())
    return Bench(world, Regime(history=20), make())


def test_histories_hold_the_users_events_strictly_before_and_none_else(walk, bench):
    moments = bench.world.moments
    for k in range(0, len(moments.users), 7):
        mine = (walk.users == moments.users[k]) & (walk.times < moments.times[k])
        expected = sorted(zip(walk.times[mine].tolist(), walk.items[mine].tolist(), strict=True))
        found = list(
            zip(
                moments.item_times[moments.lows[k] : moments.highs[k]].tolist(),
                moments.items[moments.lows[k] : moments.highs[k]].tolist(),
                strict=True,
            )
        )
        assert sorted(found) == expected[-20:] or len(expected) > 20
        assert [time for time, _ in found] == [time for time, _ in expected][-20:]


def test_a_batch_is_scored_before_it_is_learned_from(bench):
    course = bench.course(ARMS["traditional"])
    whole = run_pass(course, 0.01, 0.1, seed=0)
    k = 4
    changed = [
        replace(batch, labels=1 - batch.labels) if number == k else batch
        for number, batch in enumerate(course.batches)
    ]
    other = run_pass(replace(course, batches=changed), 0.01, 0.1, seed=0)
    stop = course.batches[k].stop
    np.testing.assert_array_equal(whole[:stop], other[:stop])
    assert (whole[stop:] != other[stop:]).any()


def test_a_pass_is_the_same_for_the_same_seed_only(bench):
    course = bench.course(ARMS["vectors_mlp_similarity"])
    first, second, other = (run_pass(course, 0.01, None, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_examples_that_are_not_trained_on_change_nothing(bench):
    course = bench.course(ARMS["none"])
    nothing = run_pass(
        replace(course, is_trained=torch.zeros(len(course.labels), dtype=bool)), 0.01, None, seed=0
    )
    flipped = [replace(batch, labels=1 - batch.labels) for batch in course.batches]
    untrained = replace(
        course, batches=flipped, is_trained=torch.zeros(len(course.labels), dtype=bool)
    )
    np.testing.assert_array_equal(nothing, run_pass(untrained, 0.01, None, seed=0))


def test_a_share_trains_whole_moments(bench):
    thin = Bench(bench.world, Regime(history=20, share=0.3), bench.settings)
    chosen = thin.is_trained.numpy()
    of_moments = np.bincount(thin.world.examples.moments, chosen)
    sizes = np.bincount(thin.world.examples.moments)
    assert set(of_moments / sizes) == {0.0, 1.0}
    assert chosen.mean() == pytest.approx(0.3, abs=0.06)


def test_codebooks_are_fitted_on_items_of_the_first_half(walk):
    late = walk.times >= np.quantile(walk.times, 0.9)
    items = np.where(late, 39, np.minimum(walk.items, 38))
    stream_times = walk.times
    world, _ = _read(walk, [Regime()], make())
    bench = Bench(
        replace(
            world,
            stream=replace(world.stream, items=items[np.argsort(stream_times, kind="stable")]),
        ),
        Regime(),
        make(),
    )
    assert 39 not in bench.seen


@pytest.mark.slow
def test_every_arm_runs_and_predictions_give_the_scores(walk):
    image = np.random.default_rng(3).normal(size=(40, 8)).astype(np.float32)
    image[::5], image[1::5] = 0, np.nan
    data = replace(walk, vectors={**walk.vectors, "image": image})
    config = make(collections=[*data.vectors], copurchase=4, arms=None, seeds=2, rates=[0.01])
    assert {arm.key for arm in config.chosen()} == {*ARMS}
    steps = []
    regime = Regime(history=10, relist_days=30, noise=0.1)
    results = run_experiment(data, [regime], config, steps.append)
    assert len(steps) == count_passes(config, 1)
    (table,), (score,) = results.predictions, results.scores
    assert [arm.key for arm in score.arms] == [arm.key for arm in config.chosen()]
    labels = table["label"].to_numpy()
    assert len(labels) == score.n_reported
    for arm in score.arms:
        nes = [normalized_entropy(labels, table[f"{arm.key}_{seed}"].to_numpy()) for seed in (0, 1)]
        assert arm.ne == pytest.approx(np.mean(nes), abs=1e-9)
        assert arm.gain.value == pytest.approx(1 - arm.ne / score.arms[0].ne, abs=1e-9)
        assert arm.gain.low <= arm.gain.high
    weights = {arm.key: arm.raw_bytes for arm in score.arms}
    assert weights["none"] == 0
    assert (weights["item_ids"], weights["traditional"], weights["levels"]) == (8, 24, 3)
    assert (weights["digits_linear"], weights["fused_mlp"]) == (2, 2)
    assert weights["vectors_linear"] == 4 * (16 + 8 + 4)
    users = dict(zip(table["user_id"].to_pylist(), table["timestamp"].to_pylist(), strict=True))
    assert set(users) <= set(walk.user_ids.to_pylist())
    assert pc.max(table["item_id"]).as_py() < 40


def test_the_same_seed_gives_the_same_scores(walk):
    config = make(
        arms=["traditional", "shuffled_histories", "shuffled_sids"], seeds=1, rates=[0.01]
    )
    first, second = (run_experiment(walk, [Regime()], config).scores[0] for _ in range(2))
    for one, other in zip(first.arms, second.arms, strict=True):
        assert (one.ne, one.gain, one.ratio) == (other.ne, other.gain, other.ratio)


def test_controls_keep_no_event_of_the_user(bench):
    moments = bench.world.moments
    others = with_histories_of_others(moments, 0)
    owner = np.full(len(moments.items), -1)
    for k in range(len(moments.users)):
        owner[moments.lows[k] : moments.highs[k]] = moments.users[k]
    for k in range(len(moments.users)):
        mine = slice(others.lows[k], others.highs[k])
        assert (owner[mine] != moments.users[k]).all()
        assert (moments.item_times[mine] < moments.times[k]).all()
    shuffled = with_items_of_others(moments, 0)
    assert sorted(shuffled.items) == sorted(moments.items)
    assert (shuffled.items != moments.items).mean() > 0.5


def test_batches_hold_each_example_once_and_pad_the_rest(bench):
    world = bench.world
    dense = dense_features(world, window_days=7)
    batches = make_batches(world, dense, size=50)
    assert [batch.start for batch in batches[1:]] == [batch.stop for batch in batches[:-1]]
    assert batches[-1].stop == len(world.examples)
    for batch in batches[::5]:
        n = batch.stop - batch.start
        found = batch.items[batch.candidates[batch.is_candidate]]
        assert found.tolist() == world.examples.items[batch.start : batch.stop].tolist()
        assert int(batch.is_candidate.sum()) == n
        first = world.examples.moments[batch.start]
        history = batch.history[0][batch.is_event[0]]
        low, high = world.moments.lows[first], world.moments.highs[first]
        assert batch.items[history].tolist() == world.moments.items[low:high].tolist()
        assert torch.isfinite(batch.ages).all()


def test_events_of_one_sid_and_time_are_told_apart_in_turn(tmp_path):
    users, times = np.zeros(8, int), START + np.array([0, 0, 1, 2, 3, 4, 5, 6]) * DAY
    items = np.array([3, 3, 7, 8, 9, 3, 1, 2])
    data = make_data(tmp_path, users, items, times, np.array([0, 1] * 4))
    data = replace(
        data,
        items=np.array([3, 5, 7, 8, 9, 3, 1, 2]),
        sids=np.where(np.arange(40) == 5, data.sids[3], data.sids),
    )
    world, n_unnamed = _read(data, [Regime()], make())
    assert n_unnamed == 0
    assert sorted(world.moments.items[:2].tolist()) == [3, 5]


def test_another_codebooks_sids_are_refused(walk):
    other = replace(walk, sids=walk.sids[::-1].copy())
    with pytest.raises(
        TableError, match=r"sequences: at least 90% of the events must be in events"
    ):
        run_experiment(other, [Regime()], make())


def test_users_without_history_are_refused(tmp_path):
    n = 40
    times = START + np.arange(n) * DAY
    data = make_data(tmp_path, np.arange(n), np.arange(n), times)
    with pytest.raises(InputError, match="users must have events before their examples, got none"):
        run_experiment(data, [Regime()], make())


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 400))
def test_batches_cut_moments_at_any_size(size):
    rng = np.random.default_rng(size)
    sizes = rng.integers(1, 6, 50)
    from semantic_ids.experiment.batches import _bounds

    bounds = list(_bounds(sizes, size))
    assert bounds[0][0] == 0
    assert bounds[-1][1] == 50
    assert all(one[1] == other[0] for one, other in pairwise(bounds))

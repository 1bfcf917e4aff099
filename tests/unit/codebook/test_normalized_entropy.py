"""Normalized entropy by hand and against scikit-learn, and what it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from semantic_ids.codebook import base_entropy, bootstrap_gains, log_losses, normalized_entropy
from semantic_ids.errors import InputError, ShapeError


def test_ne_of_four_examples_by_hand():
    labels, p = [1, 0, 0, 0], [0.5, 0.5, 0.25, 0.25]
    loss = (2 * math.log(2) + 2 * math.log(4 / 3)) / 4  # 0.4904146
    entropy = math.log(4) / 4 + 3 / 4 * math.log(4 / 3)  # 0.5623351
    assert base_entropy(labels) == pytest.approx(entropy)
    assert normalized_entropy(labels, p) == pytest.approx(loss / entropy)
    assert normalized_entropy(labels, p) == pytest.approx(0.872104, abs=1e-6)


def test_the_base_rate_alone_has_an_ne_of_one():
    assert normalized_entropy([1, 0, 0, 0, 0], [0.2] * 5) == pytest.approx(1.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 0.999)), min_size=2, max_size=30))
def test_log_losses_are_those_of_scikit_learn(rows):
    labels, p = zip(*rows, strict=True)
    ours = log_losses(np.array(labels, int), p).mean()
    assert ours == pytest.approx(log_loss(labels, p, labels=[False, True]))


def test_certainty_that_is_wrong_costs_much_and_not_infinity():
    (loss,) = log_losses([1], [0.0])
    assert loss == pytest.approx(12 * math.log(10))


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_labels_of_one_class_have_no_ne(labels):
    with pytest.raises(InputError, match="labels must be of both classes"):
        base_entropy(labels)


def test_a_label_of_another_value_is_named():
    with pytest.raises(InputError, match="labels must be 0 or 1, got 2, one of 1"):
        normalized_entropy([0, 1, 2], [0.5] * 3)


@pytest.mark.parametrize("p", [[0.5, 1.5], [0.5, math.nan]])
def test_probabilities_lie_between_0_and_1(p):
    with pytest.raises(InputError, match=r"probabilities must be in \[0, 1\]"):
        log_losses([0, 1], p)


def test_lengths_must_agree():
    with pytest.raises(ShapeError, match=r"got \(2,\) and \(3,\)"):
        log_losses([0, 1], [0.5] * 3)


def test_draws_lie_about_the_gain_and_spread_as_users_do():
    rng = np.random.default_rng(0)
    baseline = rng.uniform(5, 15, 400)
    gains = rng.normal(0.1, 0.2, 400)
    draws = bootstrap_gains(baseline, np.column_stack([baseline, baseline * (1 - gains)]), seed=1)
    assert draws.shape == (1000, 2)
    assert not draws[:, 0].any()
    expected = (gains @ baseline) / baseline.sum()
    assert draws[:, 1].mean() == pytest.approx(expected, abs=0.002)
    assert draws[:, 1].std() == pytest.approx(0.2 / math.sqrt(400), rel=0.2)


def test_the_same_seed_gives_the_same_draws():
    sums = np.arange(1.0, 9.0)
    first, second = (bootstrap_gains(sums, sums[:, None] / 2, draws=70, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, 0.5)

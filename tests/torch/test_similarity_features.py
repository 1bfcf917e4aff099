"""Pooled similarities against a history at a time in plain Python."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_ids.errors import InputError, ShapeError
from semantic_ids.trainers import SimilarityFeatures

pytestmark = pytest.mark.torch

FEATURES = SimilarityFeatures()
HISTORIES = st.lists(st.lists(st.floats(-1.5, 1.5, width=32), max_size=9), max_size=5)


def by_hand(history: list[float], features: SimilarityFeatures) -> list[float]:
    if not history:
        return [0.0] * features.out_features
    n = len(history)
    highest = sorted(history, reverse=True)[: features.top_k]
    newest = history[::-1]

    def mean(weights: list[float]) -> float:
        weighted = sum(w * s for w, s in zip(weights, history, strict=True))
        return weighted / sum(weights)

    found = [highest[0], sum(highest) / len(highest), sum(history) / n]
    for temperature in features.temperatures:
        found.append(mean([math.exp((s - highest[0]) / temperature) for s in history]))
    found += [sum(s > t for s in history) / n for t in features.thresholds]
    for scale in features.recency_scales:
        found.append(mean([math.exp(-(n - 1 - i) / scale) for i in range(n)]))
    found += (newest + [0.0] * features.n_newest)[: features.n_newest]
    low, high = features.bounds
    inside = np.clip(history, low, np.nextafter(high, low))
    counts, _ = np.histogram(inside, bins=features.n_bins, range=features.bounds)
    return found + [math.log1p(count) for count in counts]


def jagged(histories: list[list[float]]) -> tuple[torch.Tensor, torch.Tensor]:
    offsets = torch.tensor(np.cumsum([0, *map(len, histories)]))
    return torch.tensor([s for history in histories for s in history]).float(), offsets


def off_edges(histories: list[list[float]]) -> list[list[float]]:
    """Move similarities from the histogram's edges, where the last digit decides on the bin."""
    places = np.arange(-12, 13) / 6
    return [[s if np.abs(s - places).min() > 1e-4 else s + 0.01 for s in h] for h in histories]


@settings(max_examples=100, deadline=None)
@given(histories=HISTORIES)
def test_features_of_jagged_histories_are_those_by_hand(histories):
    histories = off_edges(histories)
    scores, offsets = jagged(histories)
    found = FEATURES(scores, offsets=offsets)
    assert found.shape == (len(histories), FEATURES.out_features)
    for row, history in zip(found, histories, strict=True):
        exact = [float(np.float32(s)) for s in history]
        np.testing.assert_allclose(row, by_hand(exact, FEATURES), rtol=1e-4, atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(histories=HISTORIES, seed=st.integers(0, 2**31))
def test_padding_may_stand_anywhere_and_hold_anything(histories, seed):
    scores, offsets = jagged(histories)
    generator = np.random.default_rng(seed)
    n = max(map(len, histories), default=0) + 3
    padded = generator.choice([math.nan, math.inf, -math.inf, 7.0], (len(histories), n))
    mask = np.zeros(padded.shape, bool)
    for i, history in enumerate(histories):
        places = np.sort(generator.permutation(n)[: len(history)])
        padded[i, places], mask[i, places] = history, True
    found = FEATURES(torch.from_numpy(padded).float(), torch.from_numpy(mask))
    torch.testing.assert_close(found, FEATURES(scores, offsets=offsets), rtol=1e-5, atol=1e-6)


def test_names_are_as_many_as_features_and_differ():
    assert FEATURES.out_features == len(set(FEATURES.names)) == 26
    assert FEATURES.names[:4] == ["max", "top_5_mean", "mean", "softmax_0.05"]
    assert FEATURES.names[-13:-11] == ["newest_3", "histogram_0"]
    assert not list(FEATURES.parameters())


def test_other_settings_give_other_features():
    features = SimilarityFeatures(
        top_k=2,
        temperatures=[1.0],
        thresholds=[],
        recency_scales=[0.001],
        n_newest=1,
        n_bins=2,
        bounds=(0.0, 10.0),
    )
    history = [3.0, 8.0, 5.5, -1.0]
    found = features(torch.tensor([history]))
    np.testing.assert_allclose(found[0], by_hand(history, features), rtol=1e-5)
    assert found[0, 4] == -1


def test_histories_without_events_give_zeros():
    for shape in [(3, 0), (3, 4), (0, 4)]:
        mask = torch.zeros(shape, dtype=torch.bool)
        found = FEATURES(torch.full(shape, math.nan), mask)
        assert torch.equal(found, torch.zeros(shape[0], FEATURES.out_features))
    nothing = FEATURES(torch.zeros(0), offsets=torch.zeros(3, dtype=torch.int64))
    assert torch.equal(nothing, torch.zeros(2, FEATURES.out_features))


def test_gradients_are_finite_where_a_history_is_empty():
    scores = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = torch.tensor([[True] * 6, [False] * 6, [True] + [False] * 5])
    FEATURES(scores, mask).sum().backward()
    assert scores.grad.isfinite().all()
    assert scores.grad[0].any()
    assert not scores.grad[~mask].any()


def test_several_candidates_have_the_features_of_each_alone():
    scores = torch.rand(2, 5, generator=torch.Generator().manual_seed(0))
    offsets = torch.tensor([0, 2, 2, 5])
    found = FEATURES(scores, offsets=offsets)
    assert found.shape == (3, 2, FEATURES.out_features)
    for i in range(2):
        assert torch.equal(found[:, i], FEATURES(scores[i], offsets=offsets))
    dense = torch.rand(4, 2, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(4, 1, 6, generator=torch.Generator().manual_seed(1)) > 0.5
    for i in range(2):
        assert torch.equal(FEATURES(dense, mask)[:, i], FEATURES(dense[:, i], mask[:, 0]))


def test_half_precision_is_counted_in_full():
    scores = torch.full((1, 3000), 0.5, dtype=torch.bfloat16)
    found = FEATURES(scores)
    assert found.dtype == torch.float32
    assert found[0, -12:].max().item() == pytest.approx(math.log1p(3000))


def test_a_model_that_diverged_shows_and_does_not_break_off():
    assert FEATURES(torch.tensor([[math.nan, 0.1]]))[0, 0].isnan()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_bins": 0}, "n_bins must be a whole number, 1 or more, got 0"),
        ({"top_k": 2.5}, "top_k must be a whole number, 1 or more, got 2.5"),
        ({"n_newest": -1}, "n_newest must be a whole number, 1 or more, got -1"),
        ({"temperatures": [0.1, 0]}, "temperatures must be numbers that are positive .* got 0"),
        ({"recency_scales": [-5.0]}, "recency_scales must be numbers that are positive .* got -5"),
        ({"thresholds": 0.5}, "thresholds must be a sequence of numbers, got 0.5"),
        ({"thresholds": [math.nan]}, "thresholds must be numbers that are finite, got nan"),
        ({"bounds": (1.0, -1.0)}, "bounds must be a lower and a higher number, got"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        SimilarityFeatures(**settings)


def test_scores_that_do_not_fit_are_refused():
    scores, offsets = torch.rand(2, 5), torch.tensor([0, 2, 5])
    with pytest.raises(ShapeError, match=r"scores must be floats of shape .* got torch.int64"):
        FEATURES(torch.tensor([[1, 2]]))
    with pytest.raises(ShapeError, match=r"mask must be bool of shape \(2, 5\), .* \(2, 4\)"):
        FEATURES(scores, torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"mask must be bool .* got torch.float32"):
        FEATURES(scores, torch.ones(2, 5))
    with pytest.raises(ShapeError, match=r"offsets must rise from 0 to 4"):
        FEATURES(scores[0, :4], offsets=offsets)
    with pytest.raises(ShapeError, match=r"scores must be of shape \(total,\) or \(C, total\)"):
        FEATURES(scores, torch.ones(2, 5, dtype=torch.bool), offsets=offsets)

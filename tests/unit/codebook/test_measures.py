"""Errors of stored SIDs, neighbours, purity and drift: by hand, brute force and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import homogeneity_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.metrics.pairwise import cosine_similarity

from semantic_ids.codebook import (
    CodebookSpec,
    decode,
    encode,
    error_curve,
    fit,
    measure_errors,
    neighbour_recall,
    prefix_ids,
    prefix_purity,
    symbol_drift,
    tenths,
)
from semantic_ids.codebook.neighbours import wilson
from semantic_ids.errors import InputError, ShapeError


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    centres = 3 * rng.standard_normal((12, 6))
    return (centres[rng.integers(0, 12, 600)] + rng.standard_normal((600, 6))).astype(np.float32)


@pytest.fixture(scope="module")
def codebook(rows):
    return fit(rows, CodebookSpec([{"centroids": 16}, {"ternary": 8}], rounds=2))


def test_errors_of_own_sids_are_the_error_curve(rows, codebook):
    errors = measure_errors(rows, encode(rows, codebook), codebook)
    assert errors.relative == pytest.approx(error_curve(rows, codebook))


def test_errors_are_those_of_the_sids_given_not_of_new_ones(rows, codebook):
    sids = np.roll(encode(rows, codebook), 1)
    errors = measure_errors(rows, sids, codebook)
    lost = np.square(rows - decode(sids, codebook).astype(np.float64)).sum(axis=1)
    spread = np.square(rows - rows.mean(axis=0, dtype=np.float64)).sum(axis=1)
    assert errors.relative[-1] == pytest.approx(lost.sum() / spread.sum(), rel=1e-5)
    assert errors.mean_square == pytest.approx(lost.mean(), rel=1e-5)
    expected = lost.std(ddof=1) / np.sqrt(len(rows))
    assert errors.mean_square_standard_error == pytest.approx(expected, rel=1e-5)
    cosines = np.diag(cosine_similarity(rows, decode(sids, codebook)))
    assert errors.cosine == pytest.approx(cosines.mean(), rel=1e-5)


def test_the_standard_error_is_the_spread_of_samples(rows, codebook):
    rng = np.random.default_rng(0)
    sids = encode(rows, codebook)
    drawn = [rng.integers(0, len(rows), 300) for _ in range(200)]
    found = [measure_errors(rows[draw], sids[draw], codebook) for draw in drawn]
    spread = np.std([errors.relative[-1] for errors in found])
    assert np.mean([e.standard_errors[-1] for e in found]) == pytest.approx(spread, rel=0.2)


def test_identical_vectors_have_no_relative_error(codebook):
    vectors = np.ones((3, 6), np.float32)
    errors = measure_errors(vectors, encode(vectors, codebook), codebook)
    assert (errors.relative, errors.standard_errors) == (None, None)
    assert errors.mean_square_standard_error == 0
    assert errors.mean_square > 0


def test_one_item_has_errors(codebook, rows):
    errors = measure_errors(rows[:1], encode(rows[:1], codebook), codebook)
    assert (errors.n_items, errors.relative, errors.mean_square_standard_error) == (1, None, 0)


def test_zero_vectors_have_no_cosine(codebook):
    vectors = np.zeros((2, 6), np.float32)
    assert measure_errors(vectors, encode(vectors, codebook), codebook).cosine is None


def test_errors_refuse_other_numbers_of_sids(rows, codebook):
    with pytest.raises(ShapeError, match="sids must be one of each of n >= 1 vectors, got 1 and 2"):
        measure_errors(rows[:2], [0], codebook)
    with pytest.raises(ShapeError, match="n >= 1 vectors"):
        measure_errors(rows[:0], np.zeros(0, np.int64), codebook)
    with pytest.raises(InputError, match="finite"):
        measure_errors(np.full((1, 6), np.nan), [0], codebook)


def brute_recall(x, y, k, n_queries):
    """Order others by distance; deal out the places that tie, each order as likely."""
    recalls = []
    for query in range(n_queries):
        others = [i for i in range(len(x)) if i != query]
        raw = {i: np.square(x[i] - x[query]).sum() for i in others}
        coded = {i: np.square(y[i] - y[query]).sum() for i in others}
        farthest = sorted(raw.values())[k - 1]
        last = sorted(coded.values())[k - 1]
        nearer = [i for i in others if coded[i] < last]
        tied = [i for i in others if coded[i] == last]
        chance = (k - len(nearer)) / len(tied)
        hits = sum(raw[i] <= farthest for i in nearer)
        hits += chance * sum(raw[i] <= farthest for i in tied)
        recalls.append(hits / k)
    return recalls


WHOLE = st.integers(-2, 2)


@given(
    points=st.lists(st.tuples(WHOLE, WHOLE, WHOLE, WHOLE), min_size=4, max_size=15),
    k=st.integers(1, 3),
)
def test_recall_equals_brute_force_with_ties(points, k):
    rows = np.array(points, np.float64)
    x, y = rows[:, :2] * 2, rows[:, 2:] * 2
    found = neighbour_recall(x, y, k=k, n_queries=len(x))
    expected = brute_recall(x, y, k, len(x))
    assert found.mean == pytest.approx(np.mean(expected))
    assert 0 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= 1


def test_recall_of_the_same_vectors_is_one_and_of_others_is_chance(rows):
    same = neighbour_recall(rows, rows, n_queries=50)
    assert (same.mean, same.n_queries, same.n_items) == (1, 50, 600)
    assert same.high == pytest.approx(1)
    assert 0.9 < same.low < 1
    shuffled = np.random.default_rng(0).permutation(rows)
    other = neighbour_recall(rows, shuffled)
    assert other.low < other.by_chance == 10 / 599 < other.high


def test_identical_vectors_all_tie(rows):
    found = neighbour_recall(np.ones((30, 4)), np.ones((30, 4)))
    assert found.mean == 1
    one_sid = neighbour_recall(rows, np.ones_like(rows))
    assert one_sid.mean == pytest.approx(one_sid.by_chance)


def test_few_items_have_few_neighbours(rows):
    assert neighbour_recall(rows[:1], rows[:1]) is None
    two = neighbour_recall(rows[:2], rows[:2])
    assert (two.k, two.mean, two.by_chance) == (1, 1, 1)


def test_recall_is_of_neighbours_alone_whatever_the_dimensions(rows):
    padded = np.hstack([rows, np.zeros((600, 3), np.float32)])
    assert neighbour_recall(rows, padded).mean == 1


def test_recall_in_blocks_is_the_same(rows, monkeypatch):
    decoded = np.round(rows)
    whole = neighbour_recall(rows, decoded)
    monkeypatch.setattr("semantic_ids.codebook.neighbours._BLOCK_BYTES", 8 * 600 * 7)
    assert neighbour_recall(rows, decoded) == whole


def test_recall_refuses_other_shapes_and_numbers(rows):
    with pytest.raises(ShapeError, match="decoded must have 600 rows as vectors, got 5"):
        neighbour_recall(rows, rows[:5])
    with pytest.raises(InputError, match="k and n_queries must be at least 1, got 0 and 1000"):
        neighbour_recall(rows, rows, k=0)
    with pytest.raises(InputError, match="finite"):
        neighbour_recall([[np.nan], [1.0]], [[0.0], [1.0]])


def test_the_interval_holds_the_mean_in_95_of_100_draws():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(1000):
        low, high = wilson(rng.binomial(10, rng.beta(2, 6, 100)) / 10)
        held.append(low <= 0.25 <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


def test_wilson_by_hand():
    low, high = wilson(np.ones(10))
    assert (low, high) == (pytest.approx(10 / (10 + 1.959964**2)), pytest.approx(1))


def test_purity_by_hand():
    sids = [0x0100, 0x0101, 0x0200, 0x0200]
    first, second = prefix_purity(sids, ["a", "a", "b", "a"], 2)
    assert (first.n_prefixes, first.purity) == (2, 0.75)
    assert (second.n_prefixes, second.purity) == (3, 0.75)
    assert 0.75 <= first.by_chance <= second.by_chance <= 1


def test_purity_and_homogeneity_equal_scikit_learns():
    rng = np.random.default_rng(0)
    sids = rng.integers(0, 4, 400) * 256 + rng.integers(0, 5, 400)
    categories = (sids // 256 + rng.integers(0, 2, 400)) % 3
    for found in prefix_purity(sids, categories, 2):
        prefixes = prefix_ids(sids, 2)[:, found.n_bytes - 1]
        table = contingency_matrix(categories, prefixes)
        assert found.purity == pytest.approx(table.max(axis=0).sum() / 400)
        assert found.homogeneity == pytest.approx(homogeneity_score(categories, prefixes))
        assert found.adjusted == (found.purity - found.by_chance) / (1 - found.by_chance)


def test_shuffled_categories_are_as_pure_as_chance():
    rng = np.random.default_rng(1)
    sids = rng.integers(0, 2**16, 5_000)
    (first, second) = prefix_purity(sids, rng.integers(0, 4, 5_000), 2)
    assert first.adjusted == pytest.approx(0, abs=0.02)
    assert second.purity > 0.9
    assert second.adjusted == pytest.approx(0, abs=0.1)


def test_one_category_is_pure_and_tells_nothing():
    (found,) = prefix_purity([1, 2, 3], ["a"] * 3, 1)
    assert (found.purity, found.by_chance, found.homogeneity, found.adjusted) == (1, 1, 1, None)


def test_no_items_have_no_purity():
    assert prefix_purity(np.zeros(0, np.int64), np.zeros(0, np.int64), 3) == []


def test_purity_refuses_other_numbers_of_categories():
    with pytest.raises(ShapeError, match=r"categories must have shape \(2,\), got \(1,\)"):
        prefix_purity([1, 2], ["a"], 1)


def test_tenths_hold_about_as_many_each_and_equal_numbers_together():
    assert np.bincount(tenths(np.random.default_rng(0).permutation(1000))).tolist() == [100] * 10
    values = np.array([1.0] * 50 + [2.0] * 50)
    assert len(set(zip(values.tolist(), tenths(values).tolist(), strict=True))) == 2


def test_divergence_by_hand():
    (same, none) = symbol_drift([[5, 5], [4, 0]], [[1, 1], [0, 4]])
    assert same.bits == pytest.approx(0, abs=1e-12)
    assert none.bits == pytest.approx(1)


def test_divergence_equals_scipys():
    rng = np.random.default_rng(0)
    now, then = rng.integers(0, 50, (2, 3, 256))
    expected = [jensenshannon(p, q, base=2) ** 2 for p, q in zip(now, then, strict=True)]
    assert [found.bits for found in symbol_drift(now, then)] == pytest.approx(expected)


def test_draws_of_one_catalogue_do_not_drift_beyond_chance():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(256))
    now, then = rng.multinomial(2_000, shares), rng.multinomial(300, shares)
    (found,) = symbol_drift([now], [then])
    assert found.bits > 0.1
    assert found.excess_bits < 0.02


def test_no_items_do_not_drift():
    (found,) = symbol_drift([[0, 0]], [[3, 4]])
    assert (found.bits, found.bits_by_chance) == (0, 0)


def test_drift_refuses_other_shapes():
    with pytest.raises(ShapeError, match=r"fitted must have shape \(1, 2\), got \(1, 3\)"):
        symbol_drift([[1, 2]], [[1, 2, 3]])

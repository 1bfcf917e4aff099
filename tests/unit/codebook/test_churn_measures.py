"""Churn by hand: distances in radii, their quantiles, and groups by how much they moved."""

import numpy as np
import pytest
from scipy.stats import binomtest

from semantic_ids.codebook import churn_by_group, moved_distances, summarise_moves
from semantic_ids.codebook.churn import BLOCK_ROWS
from semantic_ids.errors import InputError, ShapeError

SQUARE = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], np.float32)  # its radius is sqrt(2)


def test_distances_are_in_radii_of_the_cloud_before():
    after = SQUARE + np.array([[0, 0], [0, 2], [3, 4], [0, 0]], np.float32)
    expected = [0, 2 / 2**0.5, 5 / 2**0.5, 0]
    assert moved_distances(SQUARE, after) == pytest.approx(expected)


def test_distances_do_not_depend_on_place_or_scale():
    after = SQUARE[::-1]
    near = moved_distances(SQUARE, after)
    assert moved_distances(100 + 7 * SQUARE, 100 + 7 * after) == pytest.approx(near)


def test_the_mean_square_of_two_items_at_random_is_two():
    rows = np.random.default_rng(0).normal(size=(400, 3))
    pairs = [moved_distances(rows, np.roll(rows, turn, axis=0)) for turn in range(400)]
    assert np.mean(np.square(pairs)) == pytest.approx(2)


def test_distances_in_blocks_are_those_of_one_block():
    n = BLOCK_ROWS + 5
    rows = np.random.default_rng(1).normal(size=(n, 2)).astype(np.float32)
    after = rows[::-1].copy()
    radius = np.sqrt(np.square(rows - rows.mean(axis=0)).sum(axis=1).mean())
    expected = np.linalg.norm(after - rows, axis=1) / radius
    assert moved_distances(rows, after) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("rows", [np.full((7, 3), 0.1, np.float32), np.zeros((0, 3)), [[4.0, 2]]])
def test_items_in_one_place_have_no_radius(rows):
    assert moved_distances(rows, np.asarray(rows) + 1) is None


def test_distances_of_other_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"after must have shape \(4, 2\), got \(3, 2\)"):
        moved_distances(SQUARE, SQUARE[:3])
    with pytest.raises(InputError, match="finite"):
        moved_distances(SQUARE, SQUARE * np.inf)


def test_moves_are_summed_up_by_mean_and_quantiles():
    moves = summarise_moves(np.arange(101) / 100)
    assert (moves.n_items, moves.mean) == (101, pytest.approx(0.5))
    assert moves.quantiles[-1] == (1, 1)
    assert (0.5, 0.5) in moves.quantiles
    assert [value for _, value in moves.quantiles] == pytest.approx([s for s, _ in moves.quantiles])
    assert summarise_moves([]) is None
    assert {value for _, value in summarise_moves([3.0]).quantiles} == {3}


def test_groups_come_in_the_order_of_what_moved():
    groups = np.array([5, 5, 5, 5, 2, 2, 2, 2, 9, 9, 9, 9, 1])
    moved = np.array([1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1], bool)
    distances = np.array([2.0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 4, 9])
    found = churn_by_group(groups, moved=moved, distances=distances, least=2)
    assert [each.group for each in found] == [2, 9, 5]
    assert [(each.n_items, each.moved) for each in found] == [(4, 0.75), (4, 0.25), (4, 0.25)]
    assert [each.mean_distance for each in found] == [0.75, 1.0, 0.5]


def test_the_interval_of_a_group_is_wilsons():
    (group,) = churn_by_group(np.zeros(20, int), moved=np.arange(20) < 5)
    oracle = binomtest(5, 20).proportion_ci(method="wilson")
    assert (group.low, group.high) == pytest.approx((oracle.low, oracle.high), abs=1e-6)
    assert group.mean_distance is None


@pytest.mark.parametrize("n_items", [11, 69, 138, 471])
def test_the_interval_of_a_group_ends_at_none_and_at_all(n_items):
    (none,) = churn_by_group(np.zeros(n_items, int), moved=np.zeros(n_items, bool))
    (all_,) = churn_by_group(np.zeros(n_items, int), moved=np.ones(n_items, bool))
    assert (none.low, all_.high) == (0, 1)
    assert none.high == pytest.approx(1 - all_.low)


def test_groups_whose_sids_do_not_compare_are_ordered_by_distance():
    groups = np.repeat([0, 1], 10)
    found = churn_by_group(groups, distances=groups.astype(float))
    assert [(each.group, each.moved, each.low) for each in found] == [
        (1, None, None),
        (0, None, None),
    ]


def test_small_groups_are_left_out_and_what_does_not_fit_is_refused():
    assert churn_by_group(np.zeros(9, int), moved=np.ones(9, bool)) == []
    assert churn_by_group(np.zeros(0, int), moved=np.ones(0, bool)) == []
    with pytest.raises(ShapeError, match=r"moved must have shape \(3,\), got \(2,\)"):
        churn_by_group([1, 1, 2], moved=np.ones(2, bool))
    with pytest.raises(InputError, match="moved or distances must be given, got neither"):
        churn_by_group([1])

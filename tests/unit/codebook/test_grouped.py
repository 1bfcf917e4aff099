import numpy as np
import pytest
from scipy import stats

from semantic_ids.codebook import ratio_half_width
from semantic_ids.codebook.grouped import student_95
from semantic_ids.errors import InputError, ShapeError


def test_half_width_of_a_ratio_by_hand():
    """2 bytes an event, off by +1 -1 +1 -1 0 bytes: s^2 = 5/4 * 4 / 50^2, and t(4) = 2.776."""
    half = ratio_half_width([21, 19, 21, 19, 20], [10] * 5, sampled=1e-9)
    assert half == pytest.approx(2.776 * np.sqrt(5 / 4 * 4) / 50, rel=0.01)


def test_there_is_no_error_of_the_whole_and_less_of_most_of_it():
    totals, units = [21, 19, 21, 19, 20], [10] * 5
    assert ratio_half_width(totals, units, sampled=1.0) == 0
    few, most = (ratio_half_width(totals, units, sampled=share) for share in (0.01, 0.96))
    assert most == pytest.approx(few * np.sqrt(0.04 / 0.99))


def test_a_constant_ratio_has_no_error_whatever_the_sizes_of_groups():
    assert ratio_half_width([2, 4, 6, 20, 2], [1, 2, 3, 10, 1], sampled=0.1) == pytest.approx(0)


def test_of_few_groups_nothing_is_told():
    assert ratio_half_width([1, 2, 3, 4], [1, 1, 1, 1], sampled=0.5) is None


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(2_000):
        units = rng.integers(50, 150, 20)
        totals = 2.5 * units + rng.normal(0, 10, 20)
        half = ratio_half_width(totals, units, sampled=1e-9)
        held += abs(totals.sum() / units.sum() - 2.5) <= half
    assert 0.93 < held / 2_000 < 0.97


@pytest.mark.parametrize("degrees", [4, 9, 19, 100])
def test_quantiles_are_those_of_students_t(degrees):
    assert student_95(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), abs=0.02)


def test_wrong_shapes_and_shares_are_refused():
    with pytest.raises(ShapeError, match="one shape"):
        ratio_half_width([1, 2], [1], sampled=0.5)
    with pytest.raises(InputError, match=r"sampled must be in \(0, 1\], got 0"):
        ratio_half_width([1] * 5, [1] * 5, sampled=0)

import numpy as np
import pytest
from scipy import stats

from semantic_ids.codebook import jackknife_half_width
from semantic_ids.codebook.jackknife import student_95
from semantic_ids.errors import InputError, ShapeError


def test_half_width_by_hand():
    """(4 / 5) (1 + 1 + 1 + 1 + 0) = 3.2, and t(4) is 2.776."""
    half = jackknife_half_width([11, 9, 11, 9, 10], sampled=1e-9)
    assert half == pytest.approx(2.776 * np.sqrt(3.2), rel=0.005)


def test_of_a_mean_it_is_the_textbooks_interval():
    x = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0])
    half = jackknife_half_width((x.sum() - x) / 6, sampled=1e-12)
    assert half == pytest.approx(stats.t.ppf(0.975, 6) * stats.sem(x), rel=0.005)


def test_there_is_no_error_of_the_whole_and_less_of_most_of_it():
    replicates = [11, 9, 11, 9, 10]
    assert jackknife_half_width(replicates, sampled=1.0) == 0
    few, most = (jackknife_half_width(replicates, sampled=share) for share in (0.01, 0.96))
    assert most == pytest.approx(few * np.sqrt(0.04 / 0.99))


def test_of_few_groups_nothing_is_told():
    assert jackknife_half_width([1, 2, 3, 4], sampled=0.5) is None


@pytest.mark.parametrize("degrees", [4, 9, 19, 100])
def test_quantiles_are_those_of_students_t(degrees):
    assert student_95(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), abs=0.02)


def test_wrong_shapes_and_shares_are_refused():
    with pytest.raises(ShapeError, match=r"replicates must have shape \(k,\), got \(1, 2\)"):
        jackknife_half_width([[1, 2]], sampled=0.5)
    with pytest.raises(InputError, match=r"sampled must be in \(0, 1\], got 0"):
        jackknife_half_width([1] * 5, sampled=0)

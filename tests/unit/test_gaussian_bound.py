"""The Gaussian bound that benchmarks state, against values worked out by hand and water poured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def bounds(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "benchmarks")
        from _quantizers import bounds

        return bounds


def poured(variances, bits):
    """Find the water level by bisection and return the error below it."""
    v = np.asarray(variances, np.float64)
    low, high = 0.0, v.max()
    for _ in range(200):
        level = (low + high) / 2
        used = np.log2(np.maximum(v, level) / level).sum() / 2
        low, high = (level, high) if used > bits else (low, level)
    return np.minimum(v, high).sum() / v.sum()


@pytest.mark.parametrize("bits", [0, 1, 4, 12])
def test_a_white_spectrum_halves_its_deviation_with_each_bit_a_component(bounds, bits):
    assert bounds.gaussian_bound(np.full(4, 3.0), bits) == pytest.approx(2 ** (-2 * bits / 4))


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (1, (4 + 1) / 17),  # one bit takes the first from 16 to 4, still above the second
        (2, (1 + 1) / 17),  # two bits bring it level with the second
        (4, (0.25 + 0.25) / 17),  # and then each bit more halves the error of both
    ],
)
def test_water_fills_two_components(bounds, bits, expected):
    assert bounds.gaussian_bound([1.0, 16.0], bits) == pytest.approx(expected)


def test_rows_without_variance_have_no_error(bounds):
    assert bounds.gaussian_bound([0.0, 0.0], 8) == 0


def test_components_without_variance_change_nothing(bounds):
    assert bounds.gaussian_bound([2.0, 0.0, 1.0], 3) == bounds.gaussian_bound([2.0, 1.0], 3)


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12),
    st.floats(0, 40),
)
def test_the_bound_is_that_of_water_poured(bounds, variances, bits):
    assert bounds.gaussian_bound(variances, bits) == pytest.approx(
        poured(variances, bits), rel=1e-6
    )


def test_variances_are_those_of_the_covariance(bounds):
    rows = np.array([[1, 0], [-1, 0], [0, 2], [0, -2]], np.float32)
    np.testing.assert_allclose(bounds.variances_of(rows), [2 / 3, 8 / 3])

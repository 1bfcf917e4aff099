import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from semantic_ids.codebook import from_int8, to_int8
from semantic_ids.errors import InputError


def test_the_largest_value_of_a_vector_becomes_127_and_the_rest_is_in_proportion():
    rounded = to_int8([[127.0, -63.4, 0.4], [-2.54, 1.26, 0.039]])
    assert rounded.codes.tolist() == [[127, -63, 0], [-127, 63, 2]]
    assert rounded.scales == pytest.approx([1.0, 0.02])
    assert rounded.codes.dtype == np.int8
    assert rounded.scales.dtype == np.float32


def test_a_zero_vector_comes_back_as_zeros():
    rounded = to_int8(np.zeros((2, 3), np.float32))
    assert rounded.scales.tolist() == [0, 0]
    assert from_int8(rounded).tolist() == [[0, 0, 0]] * 2


def test_no_vectors_give_none():
    assert from_int8(to_int8(np.zeros((0, 3)))).shape == (0, 3)


@given(nps.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_each_value_comes_back_within_half_a_step(x):
    rounded = to_int8(x)
    steps = np.abs(x).max(axis=1).astype(np.float64) / 127
    error = np.abs(from_int8(rounded).astype(np.float64) - x)
    denormal = 127 * 2.0**-149  # what 127 steps of a scale that is rounded to a denormal may lose
    assert (error <= steps[:, None] * 0.5001 + denormal).all()


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="vectors must be finite"):
        to_int8([[1.0, np.nan]])

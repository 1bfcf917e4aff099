import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semantic_ids.codebook import (
    bytes_to_sids,
    digits_of,
    null_sid,
    pack_digits,
    sids_to_bytes,
    unpack_digits,
)
from semantic_ids.errors import InputError, ShapeError, SpecError


def digit_rows(n_digits):
    return hnp.arrays(np.int8, st.tuples(st.integers(0, 20), n_digits), elements=st.integers(-1, 1))


@given(digits=digit_rows(st.integers(1, 39)))
def test_digits_survive_packing(digits):
    sids = pack_digits(digits)
    assert sids.dtype == np.int64
    assert np.array_equal(unpack_digits(sids, digits.shape[1]), digits)


@given(st.data(), st.integers(1, 8))
def test_sids_survive_their_bytes(data, width):
    largest = 256**width - 1 if width < 8 else 2**63 - 1
    sids = np.array(data.draw(st.lists(st.integers(0, largest))), np.int64)
    symbols = sids_to_bytes(sids, width)
    assert symbols.shape == (len(sids), width)
    assert np.array_equal(bytes_to_sids(symbols, width), sids)
    assert np.array_equal(bytes_to_sids(symbols.tobytes(), width), sids)


@pytest.mark.parametrize("width", range(1, 9))
def test_bytes_are_read_from_any_memory_into_any_place(width):
    symbols = np.random.default_rng(0).integers(0, 256, (50, 2 * width), np.uint8)
    expected = [int.from_bytes(row.tobytes(), "big", signed=width == 8) for row in symbols[:, 1::2]]
    place = np.zeros(60, np.int64)
    returned = bytes_to_sids(symbols[:, 1::2], width, out=place[5:55])
    assert place.tolist() == [0] * 5 + expected + [0] * 5
    assert returned.base is place
    assert bytes_to_sids(b"", width).shape == (0,)


@given(st.data(), st.integers(1, 8))
def test_bytes_survive_as_sids(data, width):
    rows = hnp.arrays(np.uint8, st.tuples(st.integers(0, 20), st.just(width)))
    symbols = data.draw(rows)
    if width == 8:
        symbols[:, 0] &= 0x7F  # SIDs of 8 bytes are never negative
    assert np.array_equal(sids_to_bytes(bytes_to_sids(symbols, width), width), symbols)


def test_byte_zero_is_the_highest():
    assert sids_to_bytes([0x0102_03], 3).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("width", range(1, 9))
def test_the_null_sid_is_all_ones(width):
    assert sids_to_bytes([null_sid(width)], width).tolist() == [[255] * width]
    assert bytes_to_sids(b"\xff" * width, width).tolist() == [null_sid(width)]


def test_the_null_sid_has_zero_digits(codebook):
    assert not digits_of([null_sid(codebook.width)], codebook).any()
    assert not unpack_digits([null_sid(5)], 25).any()


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match=r"sids must be in \[0, 256 \*\* 2\), got 65536"):
        sids_to_bytes([1, 65536], 2)
    with pytest.raises(InputError, match="got -1"):
        sids_to_bytes([-1], 7)
    with pytest.raises(InputError, match=r"sids must be in \[0, 2 \*\* 63\), or -1, got -5"):
        sids_to_bytes([-1, -5], 8)
    for width in (1, 8):
        with pytest.raises(InputError, match=rf"sids must be in \[0, 2 \*\* 63\), got {2**64 - 5}"):
            sids_to_bytes(np.array([1, 2**64 - 5], np.uint64), width)
    with pytest.raises(SpecError, match="width must be from 1 to 8, got 9"):
        sids_to_bytes([1], 9)
    with pytest.raises(SpecError, match="width must be from 1 to 8, got '2'"):
        sids_to_bytes([1], "2")
    with pytest.raises(ShapeError, match=r"integers of shape \(n,\), got float64"):
        sids_to_bytes([1.5], 2)
    with pytest.raises(ShapeError, match="divisible by 3, got 7"):
        bytes_to_sids(b"1234567", 3)
    with pytest.raises(ShapeError, match=r"uint8 of shape \(n, 2\)"):
        bytes_to_sids(np.zeros((1, 2), np.int64), 2)
    with pytest.raises(InputError, match=r"ternary digits must be in \(-1, 0, 1\), got 2"):
        pack_digits([[2, 0]])
    with pytest.raises(ShapeError, match="digits must have shape"):
        pack_digits([1, 0])
    with pytest.raises(InputError, match="byte 1 of a SID must be below 243, got 250"):
        unpack_digits([0x01FA], 10)

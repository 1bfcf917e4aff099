import numpy as np
import pytest

from semantic_ids.codebook import (
    SIDIndex,
    decode,
    decode_tables,
    distances,
    encode,
    nearest,
    null_sid,
    sids_to_bytes,
    squared_norms,
)
from semantic_ids.errors import InputError, ShapeError


def test_distances_are_those_to_the_decoded_vectors(codebook, vectors):
    sids = encode(vectors, codebook)
    for query in vectors[:5]:
        expected = ((decode(sids, codebook).astype(float) - query) ** 2).sum(axis=1)
        np.testing.assert_allclose(distances(query, sids, codebook), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("k", [1, 10, 700])
def test_nearest_are_the_first_of_all_sorted(codebook, vectors, k):
    index = SIDIndex(encode(vectors, codebook), codebook)
    every = index.distances(vectors[3])
    order = np.argsort(every, kind="stable")[:k]
    found, positions = index.nearest(vectors[3], k)
    assert np.array_equal(positions, order)
    assert np.array_equal(found, every[order])


def test_fewer_sids_than_asked_for_come_back_all(codebook, vectors):
    sids = encode(vectors[:3], codebook)
    assert sorted(nearest(vectors[0], sids, codebook, 9)[1].tolist()) == [0, 1, 2]
    assert nearest(vectors[0], [], codebook, 9)[1].shape == (0,)


def test_the_null_sid_is_infinitely_far(codebook, vectors):
    null = null_sid(codebook.width)
    sids = [null, *encode(vectors[:2], codebook)]
    assert distances(vectors[0], sids, codebook)[0] == np.inf
    assert nearest(vectors[0], sids, codebook, 3)[1][-1] == 0


def test_wrong_queries_are_refused(codebook, vectors):
    sids = encode(vectors, codebook)
    with pytest.raises(ShapeError, match=r"query must have shape \(24,\), got \(1, 24\)"):
        distances(vectors[:1], sids, codebook)
    with pytest.raises(InputError, match="finite"):
        distances(np.full(24, np.nan), sids, codebook)
    for wrong in (0, 1.5):
        with pytest.raises(InputError, match=f"k must be a whole number .* got {wrong}"):
            nearest(vectors[0], sids, codebook, wrong)


def test_squared_norms_are_those_of_decoded_vectors_without_error(codebook, vectors):
    sids = encode(vectors, codebook)
    steps = np.ldexp(decode_tables(codebook).astype(np.float64), -codebook.basis_exponent)
    symbols = sids_to_bytes(sids, codebook.width)
    sums = sum(steps[j, symbols[:, j]] for j in range(codebook.width))
    wanted = np.square(sums).sum(axis=1)
    assert np.array_equal(
        np.ldexp(squared_norms(sids, codebook), -2 * codebook.basis_exponent), wanted
    )


def test_squared_norms_of_none_and_of_the_null_sid(codebook):
    assert squared_norms([], codebook).shape == (0,)
    assert squared_norms([null_sid(codebook.width)], codebook).tolist() == [0]

import numpy as np
import pytest

from semantic_ids.codebook import decode, distances, encode, null_sid, sids_to_bytes, to_faiss
from semantic_ids.errors import InputError

faiss = pytest.importorskip("faiss", reason="faiss-cpu is an optional package")


def test_faiss_holds_the_bytes_and_decodes_them_as_we_do(codebook, vectors):
    sids = encode(vectors, codebook)
    index = to_faiss(codebook, sids)
    codes = faiss.vector_to_array(index.codes).reshape(len(sids), -1)
    assert np.array_equal(codes, sids_to_bytes(sids, codebook.width))
    np.testing.assert_allclose(index.reconstruct_n(0, 50), decode(sids[:50], codebook), atol=1e-5)


def test_faiss_finds_our_distances(codebook, vectors):
    sids = encode(vectors, codebook)
    found, positions = to_faiss(codebook, sids).search(vectors[:4], 20)
    for query, row, at in zip(vectors, found, positions, strict=False):
        ours = distances(query, sids, codebook)
        np.testing.assert_allclose(row, np.sort(ours)[:20], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(row, ours[at], rtol=1e-4, atol=1e-4)


def test_faiss_takes_no_null_sid(codebook):
    with pytest.raises(InputError, match="must not be null, got 1"):
        to_faiss(codebook, [null_sid(codebook.width)])

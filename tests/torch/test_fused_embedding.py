import numpy as np
import pytest
import torch
from fusion_rows import SPEC, rows

from semantic_ids.codebook import decode, digits_of, encode, null_sid
from semantic_ids.errors import InputError
from semantic_ids.fusion import train
from semantic_ids.trainers import SIDEmbedding

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def codebook():
    return train(rows(), SPEC)


@pytest.mark.parametrize("collection", ["text", "image"])
def test_sids_of_a_fused_codebook_become_vectors_of_a_collection(codebook, collection):
    sids = np.append(encode(rows().vectors, codebook), null_sid(codebook.width))
    embedding = SIDEmbedding(codebook, collection=collection)
    assert embedding.codebook_id == codebook.codebook_id
    found = embedding(torch.from_numpy(sids)).numpy()
    assert np.array_equal(found, decode(sids, codebook, collection=collection))


def test_digits_need_no_collection_and_vectors_do(codebook):
    sids = encode(rows().vectors, codebook)
    found = SIDEmbedding(codebook, "digits")(torch.from_numpy(sids)).numpy()
    assert np.array_equal(found, digits_of(sids, codebook))
    with pytest.raises(InputError, match="collection must be one of the codebook's, got none"):
        SIDEmbedding(codebook)
    with pytest.raises(InputError, match="got 'txt': did you mean 'text'"):
        SIDEmbedding(codebook, collection="txt")

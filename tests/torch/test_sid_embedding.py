"""SIDs to vectors in torch: the same as in numpy, for every kind of byte."""

import io

import numpy as np
import pytest
import torch
from codebooks import MIXTURES, random_codebook, random_symbols

from semantic_ids.codebook import (
    Codebook,
    CodebookSpec,
    bytes_to_sids,
    decode,
    digits_of,
    encode,
    fit,
    null_sid,
    sids_to_bytes,
)
from semantic_ids.errors import ArtefactError, InputError, ShapeError
from semantic_ids.trainers import SIDEmbedding

pytestmark = pytest.mark.torch


DIM = 12
STAGES = {f"ternary in {width} bytes": [{"ternary": 5 * width}] for width in range(1, 8)} | {
    "ternary in 8 bytes": [{"ternary": 39}],
    "a last byte of one digit": [{"ternary": 6}],
}


def vectors(n: int = 600, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, DIM)) * np.arange(1, DIM + 1) + 3).astype(np.float32)


@pytest.fixture(scope="module", params=STAGES.values(), ids=STAGES.keys())
def codebook(request) -> Codebook:
    return fit(vectors(), CodebookSpec(request.param, rounds=0), seed=0)


@pytest.fixture(params=MIXTURES, ids=str)
def mixed(request) -> Codebook:
    """A codebook of several kinds of bytes: some of them use symbol 255."""
    return random_codebook(request.param, collections={"embedding": DIM})


@pytest.fixture(scope="module")
def small() -> Codebook:
    return fit(vectors(), CodebookSpec([{"ternary": 10}], rounds=0), seed=0)


def sids_of(codebook: Codebook) -> np.ndarray:
    sids = encode(vectors(200, seed=1), codebook)
    sids[7] = null_sid(codebook.width)
    return sids


def test_decoded_vectors_have_the_bits_of_numpy_decode(codebook):
    sids = sids_of(codebook)
    decoded = SIDEmbedding(codebook)(torch.from_numpy(sids))
    assert decoded.dtype == torch.float32
    np.testing.assert_array_equal(decoded.numpy(), decode(sids, codebook))


def test_digits_are_those_of_the_codebook(codebook):
    sids = sids_of(codebook)
    digits = SIDEmbedding(codebook, output="digits")(torch.from_numpy(sids))
    np.testing.assert_array_equal(digits.numpy(), digits_of(sids, codebook))


def test_every_kind_of_byte_gives_what_numpy_gives(mixed):
    rng = np.random.default_rng(1)
    n_values = [byte.n_values for byte in mixed.layout]
    symbols = rng.integers(0, n_values, (500, mixed.width)).astype(np.uint8)
    symbols[1:50, 1:] = np.array(n_values[1:]) - 1
    symbols[50] = 255
    sids = bytes_to_sids(symbols, mixed.width)
    decoded = SIDEmbedding(mixed)(torch.from_numpy(sids)).numpy()
    np.testing.assert_array_equal(decoded, decode(sids, mixed))
    np.testing.assert_array_equal(decoded[50], mixed.mean)
    if mixed.n_digits == 0:
        with pytest.raises(InputError, match="'decoded' for a codebook without digits"):
            SIDEmbedding(mixed, "digits")
        return
    digits = SIDEmbedding(mixed, "digits")(torch.from_numpy(symbols)).numpy()
    np.testing.assert_array_equal(digits, digits_of(sids, mixed))


def test_a_vector_is_the_mean_and_a_table_row_per_byte_by_hand():
    codebook = Codebook(
        spec=CodebookSpec([{"ternary": 2}, {"ternary": 1}]),
        collections={"embedding": 2},
        mean=np.array([10, 20], np.float32),
        basis=np.array([[1, 0], [0, 2], [4, 4]], np.int16),
        x_exponent=0,
        basis_exponent=0,
    )
    symbols = torch.tensor([[2 + 3 * 0, 1], [1 + 3 * 2, 0]], dtype=torch.uint8)
    assert SIDEmbedding(codebook)(symbols).tolist() == [[11, 18], [6, 18]]
    assert SIDEmbedding(codebook, "digits")(symbols).tolist() == [[1, -1, 0], [0, 1, -1]]


@pytest.mark.parametrize("output", ["decoded", "digits"])
def test_bytes_give_what_integers_give(codebook, output):
    sids = sids_of(codebook)
    embedding = SIDEmbedding(codebook, output=output)
    symbols = torch.from_numpy(sids_to_bytes(sids, codebook.width))
    assert torch.equal(embedding(symbols), embedding(torch.from_numpy(sids)))


def test_the_null_sid_gives_the_mean_and_zero_digits(codebook):
    null = torch.tensor(null_sid(codebook.width))
    np.testing.assert_array_equal(SIDEmbedding(codebook)(null).numpy(), codebook.mean)
    assert not SIDEmbedding(codebook, "digits")(null).any()


@pytest.mark.parametrize("shape", [(), (0,), (6,), (2, 3), (1, 2, 3), (2, 0)])
def test_sids_may_have_any_shape(small, shape):
    sids = torch.from_numpy(sids_of(small))[: int(np.prod(shape))].reshape(shape)
    embedding = SIDEmbedding(small)
    expected = decode(sids.numpy().ravel(), small).reshape(*shape, DIM)
    np.testing.assert_array_equal(embedding(sids).numpy(), expected)
    symbols = torch.from_numpy(sids_to_bytes(sids.numpy().ravel(), 2)).reshape(*shape, 2)
    np.testing.assert_array_equal(embedding(symbols).numpy(), expected)


def test_sids_need_not_be_contiguous(small):
    sids = torch.from_numpy(sids_of(small)).reshape(20, 10)
    embedding = SIDEmbedding(small)
    assert torch.equal(embedding(sids.T), embedding(sids.T.contiguous()))


def test_it_has_no_parameters_and_passes_no_gradient(small):
    embedding = SIDEmbedding(small)
    assert not list(embedding.parameters())
    assert not embedding(torch.tensor([0])).requires_grad


def test_it_leaves_its_input_unchanged(small):
    sids = torch.from_numpy(sids_of(small))
    before = sids.clone()
    SIDEmbedding(small)(sids)
    assert torch.equal(sids, before)


def test_a_collection_gives_its_columns_alone():
    collections = {"text": 3, "image": 5, "sound": 4}
    codebook = random_codebook([{"centroids": 256}, {"ternary": 5}], collections=collections)
    sids = random_symbols(codebook, 100)
    whole = SIDEmbedding(codebook)(sids)
    start = 0
    for name, dim in collections.items():
        embedding = SIDEmbedding(codebook, collection=name, norms=True)
        part = embedding(sids)
        assert embedding.embedding_dim == dim
        assert torch.equal(part, whole[:, start : start + dim])
        torch.testing.assert_close(embedding.norms(sids), part.norm(dim=-1))
        start += dim


def test_a_collection_that_has_no_vectors_is_refused(small):
    with pytest.raises(InputError, match=r"collection must be one of .* got 'embeding': did you"):
        SIDEmbedding(small, collection="embeding")
    with pytest.raises(InputError, match="collection must be None for digits"):
        SIDEmbedding(small, "digits", collection="embedding")


def test_embedding_dim_is_that_of_the_output(small):
    assert SIDEmbedding(small).embedding_dim == DIM
    assert SIDEmbedding(small, "digits").embedding_dim == 10


@pytest.mark.parametrize(
    "sids",
    [torch.zeros(3), torch.zeros(3, dtype=torch.int32), torch.zeros(2, 3, dtype=torch.uint8)],
)
def test_sids_of_another_type_or_width_are_refused(small, sids):
    with pytest.raises(ShapeError, match=r"must be int64, or uint8 of shape \(..., 2\), got torch"):
        SIDEmbedding(small)(sids)


def test_an_unknown_output_is_refused(small):
    with pytest.raises(InputError, match="output must be 'decoded' or 'digits', got 'vectors'"):
        SIDEmbedding(small, output="vectors")


def test_a_state_dict_holds_the_codebook_id_and_loads_into_the_same_codebook(small):
    model = torch.nn.Sequential(SIDEmbedding(small), torch.nn.Linear(DIM, 2))
    state = model.state_dict()
    assert set(state) == {"0.codebook_id_bytes", "1.weight", "1.bias"}
    assert bytes(state["0.codebook_id_bytes"].tolist()).hex() == small.codebook_id
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    other = torch.nn.Sequential(SIDEmbedding(small), torch.nn.Linear(DIM, 2))
    other.load_state_dict(torch.load(file))
    sids = torch.from_numpy(sids_of(small))
    assert torch.equal(other(sids), model(sids))


@pytest.mark.parametrize("strict", [True, False])
def test_the_state_dict_of_another_codebook_is_refused(small, strict):
    other = fit(vectors(seed=5), CodebookSpec([{"ternary": 10}], rounds=0), seed=0)
    state = torch.nn.Sequential(SIDEmbedding(other)).state_dict()
    model = torch.nn.Sequential(SIDEmbedding(small))
    said = f"must be of codebook {small.codebook_id}, got {other.codebook_id}"
    with pytest.raises(ArtefactError, match=said):
        model.load_state_dict(state, strict=strict)


def test_a_state_dict_without_a_codebook_is_refused(small):
    with pytest.raises(RuntimeError, match="codebook_id_bytes"):
        SIDEmbedding(small).load_state_dict({})


def test_a_cast_module_gives_rounded_vectors_and_keeps_its_codebook(small):
    sids = torch.from_numpy(sids_of(small))
    exact = SIDEmbedding(small)(sids)
    cast = SIDEmbedding(small).to(torch.bfloat16)
    assert cast(sids).dtype == torch.bfloat16
    torch.testing.assert_close(cast(sids).float(), exact, rtol=0.02, atol=0.2)
    SIDEmbedding(small).load_state_dict(cast.state_dict())

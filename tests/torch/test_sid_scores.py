"""Similarities by look-ups against the same computed from decoded vectors in float64."""

import numpy as np
import pytest
import torch
from codebooks import MIXTURES, as_sids, random_codebook, random_symbols
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_ids.codebook import decode
from semantic_ids.errors import InputError, ShapeError
from semantic_ids.trainers import SIDEmbedding, sid_scores

pytestmark = pytest.mark.torch

DIM = 24
METRICS = ["dot", "cosine", "negative_squared_distance"]
CODEBOOKS = [random_codebook(stages, collections={"text": DIM}) for stages in MIXTURES]
EMBEDDINGS = [SIDEmbedding(codebook, norms=True) for codebook in CODEBOOKS]


def expected(metric: str, query: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Compute a metric of pairs of vectors in the last axis, in float64."""
    query, vectors = np.broadcast_arrays(query.astype(np.float64), vectors.astype(np.float64))
    if metric == "negative_squared_distance":
        return -((query - vectors) ** 2).sum(axis=-1)
    dots = (query * vectors).sum(axis=-1)
    if metric == "dot":
        return dots
    norms = np.linalg.norm(query, axis=-1) * np.linalg.norm(vectors, axis=-1)
    return np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)


def assert_scores(found: torch.Tensor, metric: str, query: np.ndarray, vectors: np.ndarray) -> None:
    assert found.dtype == torch.float32
    lengths = np.linalg.norm(query, axis=-1).max(initial=0), np.linalg.norm(vectors, axis=-1)
    size = 1 if metric == "cosine" else (lengths[0] + lengths[1].max(initial=0)) ** 2
    wanted = expected(metric, query, vectors)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=4e-6 * size)


@pytest.fixture(params=range(len(MIXTURES)), ids=[str(stages) for stages in MIXTURES])
def number(request) -> int:
    return request.param


@pytest.fixture(params=METRICS)
def metric(request) -> str:
    return request.param


def queries(*shape: int, seed: int = 3) -> torch.Tensor:
    return 5 * torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed))


def test_scores_by_hand():
    codebook = random_codebook([{"ternary": 2}, {"ternary": 1}], collections={"text": 2})
    codebook = type(codebook)(
        spec=codebook.spec,
        collections={"text": 2},
        mean=np.array([1, 0], np.float32),
        basis=np.array([[1, 0], [0, 2], [4, 4]], np.int16),
        x_exponent=0,
        basis_exponent=0,
    )
    embedding = SIDEmbedding(codebook, norms=True)
    # Digits (1, -1, 0) and (0, 1, -1): vectors (1, 0) + (1, -2) and (1, 0) + (-4, -2).
    sids = torch.tensor([[[2, 1], [1 + 3 * 2, 0]]], dtype=torch.uint8)
    query = torch.tensor([[3.0, 4.0]])
    assert sid_scores(embedding, query, sids).tolist() == [[-2, -17]]
    cosines = sid_scores(embedding, query, sids, metric="cosine")
    np.testing.assert_allclose(cosines, [[-2 / 5 / 8**0.5, -17 / 5 / 13**0.5]], rtol=1e-6)
    distances = sid_scores(embedding, query, sids, metric="negative_squared_distance")
    assert distances.tolist() == [[-37, -72]]


@settings(max_examples=60, deadline=None)
@given(
    number=st.sampled_from(range(len(MIXTURES))),
    metric=st.sampled_from(METRICS),
    lengths=st.lists(st.integers(0, 9), max_size=6),
    as_bytes=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_jagged_scores_are_those_of_decoded_vectors(number, metric, lengths, as_bytes, seed):
    codebook, embedding = CODEBOOKS[number], EMBEDDINGS[number]
    symbols = random_symbols(codebook, sum(lengths), seed=seed)
    offsets = torch.tensor(np.cumsum([0, *lengths]))
    query = queries(len(lengths), seed=seed)
    sids = symbols if as_bytes else as_sids(symbols)
    found = sid_scores(embedding, query, sids, offsets=offsets, metric=metric)
    of_events = query.numpy()[np.repeat(np.arange(len(lengths)), lengths)]
    assert_scores(found, metric, of_events, decode(as_sids(symbols).numpy(), codebook))


@settings(max_examples=60, deadline=None)
@given(
    number=st.sampled_from(range(len(MIXTURES))),
    metric=st.sampled_from(METRICS),
    shape=st.tuples(st.integers(0, 4), st.integers(0, 9)),
    as_bytes=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_dense_scores_are_those_of_decoded_vectors(number, metric, shape, as_bytes, seed):
    codebook, embedding = CODEBOOKS[number], EMBEDDINGS[number]
    symbols = random_symbols(codebook, *shape, seed=seed)
    query = queries(shape[0], seed=seed)
    sids = symbols if as_bytes else as_sids(symbols)
    found = sid_scores(embedding, query, sids, metric=metric)
    vectors = decode(as_sids(symbols).numpy().ravel(), codebook).reshape(*shape, DIM)
    assert_scores(found, metric, query.numpy()[:, None], vectors)


def test_several_candidates_score_as_each_alone(number, metric):
    embedding = EMBEDDINGS[number]
    symbols = random_symbols(CODEBOOKS[number], 3, 7)
    query = queries(3, 4)
    found = sid_scores(embedding, query, symbols, metric=metric)
    assert found.shape == (3, 4, 7)
    offsets = torch.tensor([0, 7, 14, 21])
    jagged = sid_scores(embedding, query, symbols.flatten(0, 1), offsets=offsets, metric=metric)
    assert jagged.shape == (4, 21)
    for i in range(4):
        alone = sid_scores(embedding, query[:, i], symbols, metric=metric)
        torch.testing.assert_close(found[:, i], alone, rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(jagged[i], alone.flatten(), rtol=1e-5, atol=1e-4)


def test_a_candidate_may_be_a_sid(number, metric):
    embedding = EMBEDDINGS[number]
    candidates = random_symbols(CODEBOOKS[number], 3, 4, seed=1)
    histories = random_symbols(CODEBOOKS[number], 3, 7)
    found = sid_scores(embedding, candidates, histories, metric=metric)
    wanted = sid_scores(embedding, embedding(candidates), histories, metric=metric)
    assert torch.equal(found, wanted)
    one = sid_scores(embedding, as_sids(candidates[:, 0]), as_sids(histories), metric=metric)
    torch.testing.assert_close(one, wanted[:, 0], rtol=1e-5, atol=1e-4)


def test_a_candidate_is_at_distance_zero_from_itself_however_far_the_mean():
    codebook = random_codebook([{"ternary": 25}], collections={"text": DIM}, mean=1000)
    symbols = random_symbols(codebook, 5, 1)
    embedding = SIDEmbedding(codebook, norms=True)
    found = sid_scores(embedding, symbols[:, 0], symbols, metric="negative_squared_distance")
    spread = (embedding(symbols) - embedding.bias).square().sum(-1).max()
    assert found.abs().max() < 1e-6 * spread


def test_norms_are_those_of_decoded_vectors(number):
    symbols = random_symbols(CODEBOOKS[number], 50)
    vectors = decode(as_sids(symbols).numpy(), CODEBOOKS[number]).astype(np.float64)
    found = EMBEDDINGS[number].norms(symbols)
    np.testing.assert_allclose(found, np.linalg.norm(vectors, axis=-1), rtol=1e-5)


def test_norms_at_hand_give_the_same_cosines(number):
    embedding = EMBEDDINGS[number]
    symbols, query = random_symbols(CODEBOOKS[number], 3, 7), queries(3)
    wanted = sid_scores(embedding, query, symbols, metric="cosine")
    plain = SIDEmbedding(CODEBOOKS[number])
    norms = embedding.norms(symbols)
    assert torch.equal(sid_scores(plain, query, symbols, metric="cosine", norms=norms), wanted)


def test_a_vector_of_zeros_has_a_cosine_of_zero_and_finite_gradients():
    codebook = random_codebook([{"ternary": 10}], collections={"text": DIM}, mean=0)
    embedding = SIDEmbedding(codebook, norms=True)
    null = torch.full((2, 1, 2), 255, dtype=torch.uint8)
    query = torch.stack([torch.zeros(DIM), torch.ones(DIM)]).requires_grad_()
    found = sid_scores(embedding, query, null, metric="cosine")
    assert found.tolist() == [[0], [0]]
    found.sum().backward()
    assert not query.grad.isnan().any()


def test_gradients_reach_the_query_as_through_decoded_vectors(number, metric):
    embedding = EMBEDDINGS[number]
    symbols = random_symbols(CODEBOOKS[number], 3, 7)
    by_lookups, by_decoding = queries(3).requires_grad_(), queries(3).requires_grad_()
    weights = torch.arange(21.0).view(3, 7)
    (sid_scores(embedding, by_lookups, symbols, metric=metric) * weights).sum().backward()
    vectors, query = embedding(symbols), by_decoding.unsqueeze(1)
    scores = {
        "dot": lambda: (vectors * query).sum(-1),
        "cosine": lambda: torch.cosine_similarity(vectors, query, dim=-1),
        "negative_squared_distance": lambda: -(vectors - query).square().sum(-1),
    }[metric]()
    (scores * weights).sum().backward()
    torch.testing.assert_close(by_lookups.grad, by_decoding.grad, rtol=1e-4, atol=1e-2)


def test_digits_are_scored_too():
    codebook = CODEBOOKS[0]
    embedding = SIDEmbedding(codebook, "digits", norms=True)
    symbols = random_symbols(codebook, 2, 7)
    query = torch.randn(2, codebook.n_digits, generator=torch.Generator().manual_seed(0))
    found = sid_scores(embedding, query, symbols, metric="cosine")
    assert_scores(found, "cosine", query.numpy()[:, None], embedding(symbols).numpy())


def test_a_folded_layer_is_scored_too():
    embedding = EMBEDDINGS[0]
    linear = torch.nn.Linear(DIM, 6)
    symbols = random_symbols(CODEBOOKS[0], 2, 7)
    query = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    found = sid_scores(embedding.fold(linear), query, symbols)
    wanted = (linear(embedding(symbols)) * query.unsqueeze(1)).sum(-1)
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (torch.zeros(2, 23), r"query must be SIDs, or torch.float32 of shape \(B, 24\) or"),
        (torch.zeros(24), r"got torch.float32 of shape \(24,\)"),
        (torch.zeros(2, 24, dtype=torch.float64), "got torch.float64 of shape"),
        (torch.zeros(2, 5, dtype=torch.uint8), r"sids must be int64, or uint8 of shape \(..., 3\)"),
        (torch.zeros(3, 24), "sids must be of 3 histories of n SIDs, as query is, got shape"),
    ],
)
def test_a_query_that_does_not_fit_is_refused(query, said):
    with pytest.raises(ShapeError, match=said):
        sid_scores(EMBEDDINGS[0], query, random_symbols(CODEBOOKS[0], 2, 7))


@pytest.mark.parametrize(
    ("offsets", "said"),
    [
        (torch.tensor([0, 7]), r"int64 of shape \(2 \+ 1,\), got torch.int64 of shape \(2,\)"),
        (torch.tensor([0, 7, 14], dtype=torch.int32), "got torch.int32"),
        (torch.tensor([0, 7, 13]), r"must rise from 0 to 14, the number of values, got \[0, 7, 13"),
        (torch.tensor([1, 7, 14]), r"must rise from 0 to 14, the number of values, got \[1"),
        (torch.tensor([0, 15, 14]), "must rise from 0 to 14"),
    ],
)
def test_offsets_that_do_not_fit_are_refused(offsets, said):
    symbols = random_symbols(CODEBOOKS[0], 14)
    with pytest.raises(ShapeError, match=f"offsets .*{said}"):
        sid_scores(EMBEDDINGS[0], queries(2), symbols, offsets=offsets)


def test_dense_histories_with_offsets_are_refused():
    offsets = torch.tensor([0, 7, 14])
    with pytest.raises(ShapeError, match=r"sids must be of shape \(total,\) where offsets are"):
        sid_scores(EMBEDDINGS[0], queries(2), random_symbols(CODEBOOKS[0], 2, 7), offsets=offsets)


def test_what_a_metric_needs_is_named():
    symbols = random_symbols(CODEBOOKS[0], 2, 7)
    plain = SIDEmbedding(CODEBOOKS[0])
    for metric in METRICS[1:]:
        with pytest.raises(InputError, match="need a SIDEmbedding made with norms=True, got"):
            sid_scores(plain, queries(2), symbols, metric=metric)
    with pytest.raises(InputError, match=r"metric must be one of dot, .* got 'l2'"):
        sid_scores(plain, queries(2), symbols, metric="l2")
    with pytest.raises(ShapeError, match=r"norms must be for cosines and of shape \(2, 7\)"):
        sid_scores(plain, queries(2), symbols, metric="cosine", norms=torch.ones(2, 6))
    with pytest.raises(ShapeError, match="norms must be for cosines"):
        sid_scores(plain, queries(2), symbols, norms=torch.ones(2, 7))

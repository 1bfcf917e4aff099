"""A folded linear layer against the layer behind decoded vectors or digits, in float64."""

import io

import numpy as np
import pytest
import torch
from codebooks import MIXTURES, as_sids, random_codebook, random_symbols
from torch import nn

from semantic_ids.errors import ArtefactError, InputError, ShapeError
from semantic_ids.trainers import FoldedEmbedding, SIDEmbedding, SIDHead

pytestmark = pytest.mark.torch

DIM = 24
CODEBOOK = random_codebook(MIXTURES[3], collections={"text": DIM})


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("output", ["decoded", "digits"])
@pytest.mark.parametrize("stages", MIXTURES, ids=str)
def test_a_folded_layer_is_the_layer_behind_the_embedding(stages, output, bias):
    codebook = random_codebook(stages, collections={"text": DIM})
    if output == "digits" and codebook.n_digits == 0:
        return
    embedding = SIDEmbedding(codebook, output)
    linear = nn.Linear(embedding.embedding_dim, 7, bias=bias)
    symbols = random_symbols(codebook, 4, 50)
    folded = embedding.fold(linear)
    found = folded(symbols)
    assert found.dtype == torch.float32
    assert folded.embedding_dim == 7
    with torch.no_grad():
        wanted = linear.double()(embedding(symbols).double())
    # One rounding of each of at most 8 rows and the bias, and one for each addition.
    size = wanted.abs().max().item() + folded.table.abs().max().item()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2 * 8 * 2**-24 * size)
    assert torch.equal(folded(as_sids(symbols)), found)


def test_a_folded_layer_has_no_parameters_and_does_not_follow_the_layer():
    linear = nn.Linear(DIM, 3)
    folded = SIDEmbedding(CODEBOOK).fold(linear)
    symbols = random_symbols(CODEBOOK, 10)
    before = folded(symbols)
    with torch.no_grad():
        linear.weight.zero_()
    assert not list(folded.parameters())
    assert not before.requires_grad
    assert torch.equal(folded(symbols), before)


def test_a_cast_layer_gives_its_dtype():
    folded = SIDEmbedding(CODEBOOK).fold(nn.Linear(DIM, 3).to(torch.bfloat16))
    assert folded(random_symbols(CODEBOOK, 2)).dtype == torch.bfloat16


def test_the_state_of_a_folded_layer_holds_its_tables_and_codebook():
    first, second = (SIDEmbedding(CODEBOOK).fold(nn.Linear(DIM, 3)) for _ in range(2))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file))
    symbols = random_symbols(CODEBOOK, 10)
    assert torch.equal(second(symbols), first(symbols))
    other = random_codebook(MIXTURES[3], collections={"text": DIM}, seed=1)
    folded = SIDEmbedding(other).fold(nn.Linear(DIM, 3))
    said = f"state_dict must be of codebook {other.codebook_id}, got {CODEBOOK.codebook_id}"
    with pytest.raises(ArtefactError, match=said):
        folded.load_state_dict(first.state_dict())


def test_what_cannot_be_folded_is_refused():
    embedding = SIDEmbedding(CODEBOOK)
    with pytest.raises(InputError, match=r"linear must be an nn.Linear, got ReLU"):
        embedding.fold(nn.ReLU())
    with pytest.raises(ShapeError, match="linear must take 24 floats, got 23"):
        embedding.fold(nn.Linear(23, 3))
    with pytest.raises(ShapeError, match="sids must be int64, or uint8"):
        embedding.fold(nn.Linear(DIM, 3))(torch.zeros(3))


@pytest.mark.parametrize("hidden", [(), (16,), (16, 8)])
def test_a_head_learns_and_folds_for_serving(hidden):
    torch.manual_seed(0)
    embedding = SIDEmbedding(CODEBOOK)
    head = SIDHead(DIM, 3, hidden=hidden)
    symbols = random_symbols(CODEBOOK, 200)
    wanted = torch.randn(200, 3)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = (head(embedding(symbols)) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    folded = head.folded(embedding)
    assert isinstance(folded[0], FoldedEmbedding)
    torch.testing.assert_close(folded(symbols), head(embedding(symbols)), rtol=1e-4, atol=1e-4)
    assert sum(isinstance(layer, nn.Linear) for layer in head) == len(hidden) + 1


def test_a_head_without_a_size_is_refused():
    with pytest.raises(InputError, match="out_features must be a whole number, 1 or more, got 0"):
        SIDHead(DIM, 0)
    with pytest.raises(InputError, match=r"hidden must be a whole number, 1 or more, got 1.5"):
        SIDHead(DIM, 3, hidden=[1.5])

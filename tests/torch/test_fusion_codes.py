"""The codebook's numpy encoder against the torch model that it was exported from."""

import dataclasses

import numpy as np
import pytest
import torch
from fusion_rows import SPEC, real, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_ids.codebook import digits_of, encode, latents_of
from semantic_ids.fusion.batches import Loader
from semantic_ids.fusion.export import export
from semantic_ids.fusion.model import FusionModel
from semantic_ids.fusion.start import start

pytestmark = pytest.mark.torch


def trained(given_rows, spec, *, shaken=0.0):
    """Give a model at its start, with its weights moved at random, and its codebook."""
    loader = Loader(given_rows, spec, torch.device("cpu"))
    dims = {name: x.shape[1] for name, x in given_rows.vectors.items()}
    model = FusionModel(spec, dims, {name: len(c) for name, c in given_rows.classes.items()})
    n = len(given_rows)
    training, held_out = np.arange(n // 5, n), np.arange(n // 5)
    start(model, loader, training, held_out)
    generator = torch.Generator().manual_seed(spec.seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                noise = torch.randn(weight.shape, generator=generator)
                weight.add_(noise, alpha=shaken * float(weight.std()))
    codebook = export(model, loader, training, held_out, history=[])
    return model, loader, codebook


def margins(latents, codebook):
    """Return how far each latent is from a decision of the search that would go another way.

    By the text of docs/sid_format.md, in float64 on the integers that the search sees; in units of
    the grid.
    """
    x = np.rint((latents - codebook.mean).astype(np.float64) * 2.0**-codebook.x_exponent)
    V = codebook.basis.astype(np.float64) * 2.0 ** (codebook.basis_exponent - codebook.x_exponent)
    G, P = V @ V.T, x @ V.T
    b, least = np.zeros_like(P), np.full(len(x), np.inf)
    for _ in range(1 + codebook.spec.sweeps):
        for k in range(len(V)):
            p = P[:, k] - b @ G[:, k] + b[:, k] * G[k, k]
            if G[k, k] > 0:
                gap = np.abs(2 * np.abs(p) - G[k, k]) / (2 * np.sqrt(G[k, k]))
                least = np.minimum(least, gap)
            b[:, k] = (2 * p > G[k, k]).astype(float) - (2 * p < -G[k, k])
    return x, b, least


def compare(model, loader, codebook):
    """Assert that codes agree but where a decision was nearer than the latents differ."""
    everything = np.arange(len(loader.rows))
    ours = latents_of(loader.rows.vectors, codebook)
    theirs = loader.latents(model, everything).numpy()
    size = np.linalg.norm(ours, axis=1).mean() + 1
    assert np.abs(ours - theirs).max() < 2e-5 * size  # float32 rounding over some hundred products
    quantiser = dataclasses.replace(codebook, fusion=None, collections={"latent": codebook.dim})
    sids, torch_sids = encode(loader.rows.vectors, codebook), encode(theirs, quantiser)
    x, digits, least = margins(ours, codebook)
    assert np.array_equal(digits, digits_of(sids, codebook))
    torch_x, torch_digits, _ = margins(theirs, codebook)
    assert np.array_equal(torch_digits, digits_of(torch_sids, codebook))
    differ = sids != torch_sids
    moved = np.linalg.norm(x - torch_x, axis=1)
    assert (moved[differ] > 0).all()
    assert (least[differ] <= moved[differ] * (1 + 1e-9)).all()
    return differ


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from([(), (8,), (8, 5)]),
    st.sampled_from(["dpca", "random"]),
    st.floats(0, 1),
)
def test_codes_are_those_of_torch_but_for_provable_ties(seed, hidden, initial, shaken):
    spec = dataclasses.replace(SPEC, seed=seed, hidden=hidden, initial=initial)
    differ = compare(*trained(rows(200, seed, spec), spec, shaken=shaken))
    assert differ.mean() < 0.02


@pytest.mark.parametrize("name", ["x_wines", "online_retail"])
def test_codes_of_real_items_are_those_of_torch_but_for_provable_ties(name, data):
    given_rows, spec = real(data, name)
    differ = compare(*trained(given_rows, spec, shaken=0.05))
    assert differ.mean() < 0.002


def test_a_deeper_decoder_still_gives_linear_tables():
    spec = dataclasses.replace(SPEC, decoder_hidden=16)
    _, _, codebook = trained(rows(spec=spec), spec)
    _, _, linear = trained(rows(), SPEC)
    assert codebook.of("text").basis.tolist() == linear.of("text").basis.tolist()
    assert set(codebook.collections) == {"text", "image"}

"""Fused codebooks without training: small whole numbers drawn by a seed."""

import itertools

import numpy as np

from semantic_ids.codebook import Affine, Branch, Codebook, CodebookSpec, Fusion, Head

DIMS = {"image": 5, "text": 7}


def fused_codebook(*, n_digits=7, latent=6, hidden=(4,), seed=0, zero_is_missing=("image",)):
    rng = np.random.default_rng(seed)
    spec = CodebookSpec([{"ternary": n_digits}])
    n_out = latent + (hidden[0] if hidden else 0)

    def layer(n, m):
        return Affine(rng.integers(-900, 900, (n, m)), -11, rng.integers(-(2**18), 2**18, n))

    branches = {
        name: Branch(
            mean=rng.integers(-8, 8, dim) / 8,
            scale=[0.75],
            layer=layer(n_out, dim),
            placeholder=rng.integers(-(2**19), 2**19, n_out),
            zero_is_missing=name in zero_is_missing,
        )
        for name, dim in DIMS.items()
    }
    decoders = {
        name: Codebook(
            spec,
            {name: dim},
            rng.integers(-8, 8, dim) / 8,
            rng.integers(-900, 900, (n_digits, dim)),
            -9,
            -10,
        )
        for name, dim in DIMS.items()
    }
    heads = {
        "colour": Head(
            ("blue", "green", "red"), rng.integers(-9, 9, (n_digits, 3)) / 8, [0.5, 0, -0.5]
        ),
        "shelf": Head((3, 8), rng.integers(-9, 9, (n_digits, 2)) / 8, [0, 0]),
    }
    widths = [*hidden, latent]
    trunk = tuple(layer(n, m) for m, n in itertools.pairwise(widths))
    basis = rng.integers(-900, 900, (n_digits, latent))
    fusion = Fusion(branches, trunk, decoders, heads)
    mean = rng.integers(-8, 8, latent) / 8
    return Codebook(spec, DIMS, mean, basis, -9, -10, {"seen": 3}, fusion)


def rows(n, seed=1):
    """Rows in eighths, of which some lack a collection, though none both."""
    rng = np.random.default_rng(seed)
    columns = {
        name: (rng.integers(-24, 24, (n, dim)) / 8).astype(np.float32) for name, dim in DIMS.items()
    }
    columns["image"][1::5] = np.nan
    columns["image"][3::7] = 0
    columns["text"][2::5] = np.nan
    columns["text"][3::7] = 0.125
    columns["image"][2::5] = 0.25
    return columns

"""Codebooks of any stages without a fit, and SIDs that use every symbol of them."""

import numpy as np
import torch
from torch import Tensor

from semantic_ids.codebook import Codebook, CodebookSpec
from semantic_ids.codebook.layout import lay_out

MIXTURES = [
    [{"binary": 8}, {"binary": 8}, {"ternary": 3}],
    [{"centroids": 256}, {"centroids": 256}],
    [{"centroids": 256}, {"ternary": 35}],
    [{"ternary": 5}, {"centroids": [16, 16]}, {"binary": 4}],
    [{"ternary": 3}],
]


def random_codebook(
    stages: list[dict], *, collections: dict[str, int], seed: int = 0, mean: float = 1
) -> Codebook:
    """Make a codebook; `mean` is the spread of its mean, the rows of its tables have 4 or so."""
    rng = np.random.default_rng(seed)
    spec = CodebookSpec(stages)
    n_rows = sum(byte.n_rows for byte in lay_out(spec.stages))
    dim = sum(collections.values())
    return Codebook(
        spec=spec,
        collections=collections,
        mean=mean * rng.standard_normal(dim).astype(np.float32),
        basis=rng.integers(-500, 500, (n_rows, dim)).astype(np.int16),
        x_exponent=-5,
        basis_exponent=-7,
    )


def random_symbols(codebook: Codebook, *shape: int, seed: int = 0) -> Tensor:
    """Draw SIDs as bytes, uint8 of shape (*shape, width), about one in ten of them null."""
    rng = np.random.default_rng(seed)
    n_values = [byte.n_values for byte in codebook.layout]
    symbols = rng.integers(0, n_values, (*shape, codebook.width)).astype(np.uint8)
    symbols[rng.random(shape) < 0.1] = 255
    return torch.from_numpy(symbols)


def as_sids(symbols: Tensor) -> Tensor:
    """Read bytes as big-endian integers; the null SID of 8 bytes is -1."""
    sids = torch.zeros(symbols.shape[:-1], dtype=torch.int64)
    for j in range(symbols.shape[-1]):
        sids = (sids << 8) | symbols[..., j].to(torch.int64)
    return sids

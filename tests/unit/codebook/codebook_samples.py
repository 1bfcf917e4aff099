"""Rows and stages that the tests of the codebook share."""

import numpy as np

STAGES = {
    "ternary": [{"ternary": 12}],
    "ternary and binary": [{"ternary": 7}, {"binary": 9}],
    "centroids": [{"centroids": 32}, {"centroids": 256}],
    "mixed": [{"centroids": 16}, {"ternary": 7}, {"centroids": [4, 3, 2]}, {"binary": 3}],
}


def clustered(n, dim, seed=0):
    """Rows around 20 centres with a decaying spectrum."""
    rng = np.random.default_rng(seed)
    scales = 1 / np.sqrt(1 + np.arange(dim))
    centres = rng.standard_normal((20, dim))
    rows = centres[rng.integers(0, 20, n)] + 0.5 * rng.standard_normal((n, dim))
    return (rows * scales + 0.1).astype(np.float32)

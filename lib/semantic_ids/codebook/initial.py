"""The byte-by-byte fit: each byte on the residual that the earlier ones leave."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray, FloatArray64
from semantic_ids.codebook.encoder import BLOCK_ROWS
from semantic_ids.codebook.layout import Layout, stage_rows
from semantic_ids.codebook.sample import some_rows
from semantic_ids.codebook.stage import DIGIT_KINDS

Quantise: TypeAlias = Callable[[FloatArray64], FloatArray64]

_MAX_UPDATES = 50
_LLOYD_UPDATES = 10
_SEED_ROWS_PER_CENTROID = 16


def fit_bytes(R: FloatArray, layout: Layout, rng: np.random.Generator) -> FloatArray64:
    """Fit the basis of all bytes to centred rows.

    Parameters
    ----------
    R : ndarray of shape (n, dim), float32
        Overwritten with the residual.

    Returns
    -------
    ndarray of shape (n_rows, dim), float64
        V, byte after byte.
    """
    blocks = []
    for stage, (kind, rows) in enumerate(stage_rows(layout)):
        if kind in DIGIT_KINDS:
            quantise = ternary if kind == "ternary" else sign
            blocks.append(fit_directions(R, rows.stop - rows.start, quantise=quantise))
        else:
            radices = next(byte.radices for byte in layout if byte.stage == stage)
            blocks.extend(fit_centroids(R, K, rng) for K in radices)
    return np.concatenate(blocks)


def fit_directions(R: FloatArray, count: int, *, quantise: Quantise) -> FloatArray64:
    """Fit directions greedily by alternating updates, sorted by the energy that they take off.

    Each starts on the residual's top principal direction and repeats until c is stable:
    ``c = quantise(R v / |v|^2)``, ``v = R^T c / (c^T c)``. Each step lowers ``|R - c v^T|^2``.
    With real coefficients this is PCA.

    Parameters
    ----------
    R : ndarray of shape (n, dim), float32
        Overwritten with the residual.
    quantise : callable
        Rounds real coefficients to allowed ones.
    """
    C = R.T.astype(np.float64) @ R
    V = np.zeros((count, R.shape[1]))
    energies = np.zeros(count)
    for k in range(count):
        c, v = _alternate(R, _top_direction(C, len(R)), quantise)
        R -= np.outer(c, v).astype(np.float32)
        energy = float(c @ c)
        C -= energy * np.outer(v, v)  # since R^T c = (c^T c) v
        V[k], energies[k] = v, energy * float(v @ v)
    return V[np.argsort(-energies, kind="stable")]


def _alternate(
    R: FloatArray, v: FloatArray64, quantise: Quantise
) -> tuple[FloatArray64, FloatArray64]:
    c = np.zeros(len(R))
    for _ in range(_MAX_UPDATES):
        squared = float(v @ v)
        if squared == 0:
            break
        chosen = quantise((R @ v.astype(np.float32)).astype(np.float64) / squared)
        if np.array_equal(chosen, c):
            break
        c = chosen
        v = (c.astype(np.float32) @ R).astype(np.float64) / max(float(c @ c), 1)
    return c, v


def _top_direction(C: FloatArray64, n: int) -> FloatArray64:
    """Return the top eigenvector of ``C = R^T R``, of the length of its deviation over n rows."""
    values, vectors = np.linalg.eigh(C)
    v = vectors[:, -1] * np.sqrt(max(values[-1], 0) / n)
    return np.asarray(v if v[np.abs(v).argmax()] >= 0 else -v)


def ternary(coefficients: FloatArray64) -> FloatArray64:
    """Round to -1, 0 or 1; a tie goes to zero."""
    return np.clip(np.rint(coefficients), -1, 1)


def sign(coefficients: FloatArray64) -> FloatArray64:
    """Round to -1 or 1; a tie goes to -1."""
    return np.where(coefficients > 0, 1.0, -1.0)


def fit_centroids(R: FloatArray, K: int, rng: np.random.Generator) -> FloatArray64:
    """Fit K centroids by Lloyd's updates from k-means++ seeds.

    Parameters
    ----------
    R : ndarray of shape (n, dim), float32
        Overwritten with the residual.
    """
    V = _seed_centroids(R[some_rows(len(R), _SEED_ROWS_PER_CENTROID * K, rng)], K, rng)
    for _ in range(_LLOYD_UPDATES):
        nearest = _nearest(R, V)
        order = np.argsort(nearest, kind="stable")
        present, firsts = np.unique(nearest[order], return_index=True)
        counts = np.diff([*firsts, len(R)])
        V[present] = np.add.reduceat(R[order], firsts, dtype=np.float64) / counts[:, None]
    R -= V.astype(np.float32)[_nearest(R, V)]
    return V


def _seed_centroids(R: FloatArray, K: int, rng: np.random.Generator) -> FloatArray64:
    """Choose K rows, each with probability in proportion to its squared distance from them."""
    squared = (R.astype(np.float64) ** 2).sum(axis=1)
    distances = np.full(len(R), np.inf)
    weights = np.ones(len(R))
    chosen = np.zeros(K, np.int64)
    for k in range(K):
        total = weights.sum()
        chosen[k] = rng.choice(len(R), p=weights / total if total > 0 else None)
        row = R[chosen[k]]
        distances = np.minimum(distances, squared + squared[chosen[k]] - 2.0 * (R @ row))
        weights = np.maximum(distances, 0)
    return R[chosen].astype(np.float64)


def _nearest(R: FloatArray, V: FloatArray64) -> npt.NDArray[np.int64]:
    half_norms = (0.5 * (V**2).sum(axis=1)).astype(np.float32)
    products = (
        R[b : b + BLOCK_ROWS] @ V.T.astype(np.float32) for b in range(0, len(R), BLOCK_ROWS)
    )
    return np.concatenate([(P - half_norms).argmax(axis=1) for P in products])

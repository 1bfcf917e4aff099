"""The stage-by-stage fit: each stage on the residual that the earlier ones leave."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray
from semantic_ids.codebook.spec import Stage

FloatArray64 = npt.NDArray[np.float64]
Quantise = Callable[[FloatArray64], FloatArray64]

_MAX_UPDATES = 50


def fit_stages(R: FloatArray, stages: tuple[Stage, ...]) -> FloatArray64:
    """Fit the basis of all stages to centred rows.

    Parameters
    ----------
    R : ndarray of shape (n, dim), float32
        Overwritten with the residual.

    Returns
    -------
    ndarray of shape (n_rows, dim), float64
        V, stage after stage.
    """
    return np.concatenate([_FIT[stage.kind](R, stage.counts[0]) for stage in stages])


def fit_directions(R: FloatArray, count: int, *, quantise: Quantise) -> FloatArray64:
    """Fit directions greedily by alternating updates, sorted by the energy that they take off.

    Each starts on the residual's top principal direction and repeats ``c = quantise(R v / |v|^2)``,
    ``v = R^T c / (c^T c)`` until c is stable: each step lowers ``|R - c v^T|^2``. With real coefficients
    this is PCA.

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
        chosen = quantise((R @ v.astype(np.float32)) / squared)
        if np.array_equal(chosen, c):
            break
        c = chosen
        v = (c.astype(np.float32) @ R).astype(np.float64) / max(float(c @ c), 1)
    return c, v


def _top_direction(C: FloatArray64, n: int) -> FloatArray64:
    """Return the top eigenvector of ``C = R^T R``, as long as its standard deviation over n rows."""
    values, vectors = np.linalg.eigh(C)
    v = vectors[:, -1] * np.sqrt(max(values[-1], 0) / n)
    return v if v[np.abs(v).argmax()] >= 0 else -v


def ternary(coefficients: FloatArray64) -> FloatArray64:
    """Round to -1, 0 or 1; a tie goes to zero."""
    return np.clip(np.rint(coefficients), -1, 1)


def sign(coefficients: FloatArray64) -> FloatArray64:
    """Round to -1 or 1; a tie goes to -1."""
    return np.where(coefficients > 0, 1.0, -1.0)


def _fit_ternary(R: FloatArray, count: int) -> FloatArray64:
    return fit_directions(R, count, quantise=ternary)


_FIT = {"ternary": _fit_ternary}

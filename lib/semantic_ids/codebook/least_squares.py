"""Joint least squares for all tables at fixed symbols, from sums that are additive over rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray, FloatArray64
from semantic_ids.codebook.layout import ByteLayout, Layout, stage_rows, symbol_starts
from semantic_ids.codebook.stage import DIGIT_KINDS
from semantic_ids.codebook.wire import ByteArray

_RIDGE = 0.5  # of empirical Bayes's, since averaged equations hold several draws of the noise
_SWEEPS = 2
_TINY = 1e-30


@dataclass(frozen=True)
class Equations:
    """Normal equations of the basis, ``H V = S``.

    With B the (n, n_symbols) one-hot matrix of symbols and X the centred rows: ``H = D^T B^T B D``
    of shape (n_rows, n_rows), and ``S = D^T B^T X`` of shape (n_rows, dim).
    """

    H: FloatArray64
    S: FloatArray64

    def averaged(self, earlier: "Equations", share: float) -> "Equations":
        """Return the average of these equations and earlier ones, which have `share` in it."""
        H = (1 - share) * self.H + share * earlier.H
        return Equations(H, (1 - share) * self.S + share * earlier.S)

    def permuted(self, order: npt.NDArray[np.int64]) -> "Equations":
        """Return the equations of the basis's rows in another order."""
        return Equations(self.H[np.ix_(order, order)], self.S[order])


class Sums:
    """``B^T B`` and ``B^T X``, additive over chunks of rows."""

    def __init__(self, layout: Layout, dim: int) -> None:
        self._layout = layout
        self._starts = symbol_starts(layout)
        n_symbols = int(self._starts[-1])
        self._counts = np.zeros((n_symbols, n_symbols))
        self._sums = np.zeros((n_symbols, dim))

    def add(self, X: FloatArray, symbols: ByteArray) -> None:
        """Add centred rows with their symbols."""
        from semantic_ids.codebook import sums  # numba: slow to import, not needed to encode

        sums.add_rows(X, symbols, self._starts, self._counts, self._sums)

    def equations(self) -> Equations:
        """Return the normal equations of the basis."""
        n_rows = self._layout[-1].rows.stop
        half = np.empty((n_rows, len(self._counts)))
        H, S = np.empty((n_rows, n_rows)), np.empty((n_rows, self._sums.shape[1]))
        own = [slice(*ends) for ends in zip(self._starts, self._starts[1:], strict=False)]
        for byte, symbols in zip(self._layout, own, strict=True):
            half[byte.rows] = _project(byte, self._counts[symbols])
            S[byte.rows] = _project(byte, self._sums[symbols])
        for byte, symbols in zip(self._layout, own, strict=True):
            H[byte.rows] = _project(byte, half[:, symbols].T)
        return Equations(H, S)


def _project(byte: ByteLayout, values: FloatArray64) -> FloatArray64:
    """Return D^T values."""
    if byte.kind == "centroids" and len(byte.radices) == 1:  # D is the identity
        return values
    return byte.design.T.astype(np.float64) @ values


def solve(
    V: FloatArray64,
    equations: Equations,
    layout: Layout,
    *,
    sigma2: FloatArray64,
    rng: np.random.Generator,
) -> FloatArray64:
    """Lower the squared error of all rows over the tables of all bytes together.

    Block Gauss-Seidel on ``(H + lambda) V = S``, a factor at a time: within a factor H is diagonal.
    The ridge is empirical Bayes, per byte and column: ``lambda = 0.5 sigma^2 / tau``, with tau the
    expected square of the byte's entries, from one step of expectation maximisation:
    ``tau = mean(v^2 + sigma^2 / (h + lambda'))``, lambda' from ``v^2``.
    Centroids with less than one row are drawn anew beside the busiest ones.

    Parameters
    ----------
    V : ndarray of shape (n_rows, dim), float64
        Where to start.
    sigma2 : ndarray of shape (dim,), float64
        Variance of the residual in each column, of rows that were not fitted.
    """
    H, S = equations.H, equations.S
    h = H.diagonal()[:, None]
    ridges = [_ridge(V[byte.rows], h[byte.rows], sigma2) for byte in layout]
    V = V.copy()
    for _ in range(_SWEEPS):
        for byte, ridge in zip(layout, ridges, strict=True):
            for rows in byte.factors:
                rest = S[rows] - H[rows] @ V + h[rows] * V[rows]
                V[rows] = rest / (h[rows] + ridge)
    _reseed(V, h[:, 0], np.sqrt(sigma2), layout, rng)
    return V


def _ridge(V: FloatArray64, h: FloatArray64, sigma2: FloatArray64) -> FloatArray64:
    prior = sigma2 / np.maximum((V**2).mean(axis=0), _TINY)
    tau = (V**2 + sigma2 / np.maximum(h + prior, _TINY)).mean(axis=0)
    return np.asarray(np.maximum(_RIDGE * sigma2 / np.maximum(tau, _TINY), _TINY))


def _reseed(
    V: FloatArray64,
    h: FloatArray64,
    sigma: FloatArray64,
    layout: Layout,
    rng: np.random.Generator,
) -> None:
    """Put each centroid that has hardly any rows next to one that has many."""
    for byte in layout:
        for rows in byte.factors:
            dead = rows.start + np.flatnonzero(h[rows] < 1)
            if byte.kind == "centroids" and len(dead):
                busiest = rows.start + np.argsort(-h[rows], kind="stable")[: len(dead)]
                V[dead] = V[busiest] + sigma * rng.standard_normal((len(dead), V.shape[1]))


def by_energy(V: FloatArray64, weights: FloatArray64, layout: Layout) -> npt.NDArray[np.int64]:
    """Return the order of rows in which each stage's digits fall in energy ``weight |v|^2``."""
    energies = weights * (V**2).sum(axis=1)
    order = np.arange(len(V))
    for kind, rows in stage_rows(layout):
        if kind in DIGIT_KINDS:
            order[rows] = rows.start + np.argsort(-energies[rows], kind="stable")
    return order

"""Joint least squares for all tables at fixed symbols, from sums that are additive over rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray, FloatArray64
from semantic_ids.codebook.layout import ByteLayout, Layout, stage_rows, symbol_starts
from semantic_ids.codebook.stage import DIGIT_KINDS
from semantic_ids.codebook.wire import ByteArray

MEMORY = 0.7  # share that earlier rounds have in the sums of a round
_RIDGE = 0.5  # of what empirical Bayes gives for the symbols of disturbed rows
_SWEEPS = 2
_TINY = 1e-30


@dataclass(frozen=True)
class Equations:
    """Normal equations of the basis, and what the variance of the residual needs besides.

    With B the (n, n_symbols) one-hot matrix of symbols and X the centred rows: ``H = D^T B^T B D``
    of shape (n_rows, n_rows), ``S = D^T B^T X`` of shape (n_rows, dim), and ``squares`` the column
    sums of X^2.
    """

    H: FloatArray64
    S: FloatArray64
    squares: FloatArray64
    n: float

    def after(self, earlier: "Equations") -> "Equations":
        """Return the moving average of these equations and those of earlier rounds."""
        pairs = zip(vars(self).values(), vars(earlier).values(), strict=True)
        return Equations(*((1 - MEMORY) * new + MEMORY * old for new, old in pairs))

    def permuted(self, order: npt.NDArray[np.int64]) -> "Equations":
        """Return the equations of the basis's rows in another order."""
        return Equations(self.H[np.ix_(order, order)], self.S[order], self.squares, self.n)

    def residual_variance(self, V: FloatArray64) -> FloatArray64:
        """Return the variance of ``X - B D V`` in each column, shape (dim,)."""
        squares = self.squares + ((self.H @ V - 2 * self.S) * V).sum(axis=0)
        return np.asarray(np.maximum(squares, 0) / self.n)


class Sums:
    """``B^T B``, ``B^T X`` and the column sums of X^2, additive over chunks of rows."""

    def __init__(self, layout: Layout, dim: int) -> None:
        self._layout = layout
        self._starts = symbol_starts(layout)
        n_symbols = int(self._starts[-1])
        self._counts = np.zeros((n_symbols, n_symbols))
        self._sums = np.zeros((n_symbols, dim))
        self._squares = np.zeros(dim)
        self._n = 0

    def add(self, X: FloatArray, symbols: ByteArray) -> None:
        """Add centred rows with their symbols."""
        from semantic_ids.codebook import sums  # numba: slow to import, not needed to encode

        self._n += len(X)
        self._squares += (X.astype(np.float64) ** 2).sum(axis=0)
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
        return Equations(H, S, self._squares, self._n)


def _project(byte: ByteLayout, values: FloatArray64) -> FloatArray64:
    """Return D^T values."""
    if byte.kind == "centroids" and len(byte.radices) == 1:  # D is the identity
        return values
    return byte.design.T.astype(np.float64) @ values


def solve(
    V: FloatArray64, equations: Equations, layout: Layout, rng: np.random.Generator
) -> FloatArray64:
    """Lower the squared error of all rows over the tables of all bytes together.

    Block Gauss-Seidel on ``(H + lambda) V = S``, a factor at a time: within a factor H is diagonal.
    The ridge is empirical Bayes, per byte and column: ``lambda = 0.5 sigma^2 / tau``, with sigma^2
    the variance of the residual and tau the expected square of the byte's entries, from one step of
    expectation maximisation: ``tau = mean(v^2 + sigma^2 / (h + lambda'))``, lambda' from ``v^2``.
    Centroids with less than one row are drawn anew beside the busiest ones.

    Parameters
    ----------
    V : ndarray of shape (n_rows, dim), float64
        Where to start.
    """
    H, S = equations.H, equations.S
    h = H.diagonal()[:, None]
    sigma2 = equations.residual_variance(V)
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

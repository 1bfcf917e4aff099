"""Joint least squares for all tables at fixed symbols, from sums that are additive over rows."""

from dataclasses import dataclass

import numpy as np

from semantic_ids.codebook.codebook import FloatArray, FloatArray64
from semantic_ids.codebook.layout import ByteLayout, Layout, stage_rows, symbol_starts
from semantic_ids.codebook.stage import DIGIT_KINDS
from semantic_ids.codebook.wire import ByteArray

_SWEEPS = 2
_TINY = 1e-30


@dataclass
class Statistics:
    """Sums over rows that the least squares needs, additive over chunks.

    With B the (n, n_symbols) one-hot matrix of symbols and X the centred rows: ``counts`` is B^T B,
    ``sums`` is B^T X and ``squares`` the column sums of X^2.
    """

    layout: Layout
    counts: FloatArray64
    sums: FloatArray64
    squares: FloatArray64
    n_rows: int = 0

    @classmethod
    def zero(cls, layout: Layout, dim: int) -> "Statistics":
        """Return the statistics of no rows."""
        n_symbols = sum(byte.n_values for byte in layout)
        return cls(
            layout, np.zeros((n_symbols, n_symbols)), np.zeros((n_symbols, dim)), np.zeros(dim)
        )

    def add(self, X: FloatArray, symbols: ByteArray) -> None:
        """Add centred rows with their symbols."""
        self.n_rows += len(X)
        self.squares += (X.astype(np.float64) ** 2).sum(axis=0)
        starts = symbol_starts(self.layout)
        for i, byte in enumerate(self.layout):
            order = np.argsort(symbols[:, i], kind="stable")
            present, firsts = np.unique(symbols[order, i], return_index=True)
            self.sums[starts[i] + present] += np.add.reduceat(X[order], firsts, dtype=np.float64)
            for j, other in enumerate(self.layout[: i + 1]):
                pairs = symbols[:, i].astype(np.int64) * other.n_values + symbols[:, j]
                block = np.bincount(pairs, minlength=byte.n_values * other.n_values)
                block = block.reshape(byte.n_values, other.n_values)
                own = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
                self.counts[own] += block
                if i != j:
                    self.counts[own[::-1]] += block.T

    def normal_equations(self) -> tuple[FloatArray64, FloatArray64]:
        """Return H and S of the basis, shapes (n_rows, n_rows) and (n_rows, dim).

        ``H = D^T B^T B D`` and ``S = D^T B^T X``.
        """
        starts = symbol_starts(self.layout)
        n_rows = self.layout[-1].rows.stop
        half = np.empty((n_rows, len(self.counts)))
        H, S = np.empty((n_rows, n_rows)), np.empty((n_rows, self.sums.shape[1]))
        for j, byte in enumerate(self.layout):
            own = slice(starts[j], starts[j + 1])
            half[byte.rows] = _project(byte, self.counts[own])
            S[byte.rows] = _project(byte, self.sums[own])
        for j, byte in enumerate(self.layout):
            H[byte.rows] = _project(byte, half[:, starts[j] : starts[j + 1]].T)
        return H, S


def _project(byte: ByteLayout, values: FloatArray64) -> FloatArray64:
    """Return D^T values."""
    if byte.kind == "centroids" and len(byte.radices) == 1:  # D is the identity
        return values
    return byte.design.T.astype(np.float64) @ values


def solve(V: FloatArray64, statistics: Statistics, rng: np.random.Generator) -> FloatArray64:
    """Lower the squared error of all rows over the tables of all bytes together.

    Block Gauss-Seidel on ``(H + lambda) V = S``, a factor at a time: within a factor H is diagonal.
    The ridge is empirical Bayes, per byte and column: ``lambda = sigma^2 / tau``, with sigma^2 the
    variance of the residual and tau the expected square of the byte's entries, from one step of
    expectation maximisation: ``tau = mean(v^2 + sigma^2 / (h + lambda'))``, lambda' from ``v^2``.
    Centroids without rows are drawn anew beside the busiest ones.

    Returns
    -------
    ndarray of shape (n_rows, dim), float64
        The directions of each stage of digits are sorted by energy.
    """
    H, S = statistics.normal_equations()
    h = H.diagonal()[:, None]
    sigma2 = residual_variance(V, H, S, statistics)
    ridges = [_ridge(V[byte.rows], h[byte.rows], sigma2) for byte in statistics.layout]
    V = V.copy()
    for _ in range(_SWEEPS):
        for byte, ridge in zip(statistics.layout, ridges, strict=True):
            for rows in byte.factors:
                rest = S[rows] - H[rows] @ V + h[rows] * V[rows]
                V[rows] = rest / (h[rows] + ridge)
    _reseed(V, h[:, 0], np.sqrt(sigma2), statistics.layout, rng)
    return sorted_by_energy(V, h[:, 0], statistics.layout)


def _reseed(
    V: FloatArray64,
    h: FloatArray64,
    sigma: FloatArray64,
    layout: Layout,
    rng: np.random.Generator,
) -> None:
    """Put each centroid that has no rows next to one that has many."""
    for byte in layout:
        for rows in byte.factors:
            dead = rows.start + np.flatnonzero(h[rows] == 0)
            if byte.kind == "centroids" and len(dead):
                busiest = rows.start + np.argsort(-h[rows], kind="stable")[: len(dead)]
                V[dead] = V[busiest] + sigma * rng.standard_normal((len(dead), V.shape[1]))


def _ridge(V: FloatArray64, h: FloatArray64, sigma2: FloatArray64) -> FloatArray64:
    prior = sigma2 / np.maximum((V**2).mean(axis=0), _TINY)
    tau = (V**2 + sigma2 / np.maximum(h + prior, _TINY)).mean(axis=0)
    return np.asarray(np.maximum(sigma2 / np.maximum(tau, _TINY), _TINY))


def residual_variance(
    V: FloatArray64, H: FloatArray64, S: FloatArray64, statistics: Statistics
) -> FloatArray64:
    """Return the variance of ``X - B D V`` in each column, shape (dim,)."""
    squares = statistics.squares + ((H @ V - 2 * S) * V).sum(axis=0)
    return np.asarray(np.maximum(squares, 0) / statistics.n_rows)


def sorted_by_energy(V: FloatArray64, weights: FloatArray64, layout: Layout) -> FloatArray64:
    """Put the directions of each stage of digits in order of ``weight |v|^2``, largest first."""
    energies = weights * (V**2).sum(axis=1)
    order = np.arange(len(V))
    for kind, rows in stage_rows(layout):
        if kind in DIGIT_KINDS:
            order[rows] = rows.start + np.argsort(-energies[rows], kind="stable")
    return V[order]

"""Which neighbours items keep: exact search among raw and among decoded vectors."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray64
from semantic_ids.codebook.stage import is_integer
from semantic_ids.codebook.vectors import check_finite, check_vectors
from semantic_ids.errors import InputError, ShapeError

_BLOCK_BYTES = 32 * 2**20  # of one matrix of distances
Z_95 = 1.959964  # two-sided 95 % of a normal distribution


@dataclass(frozen=True)
class Recall:
    """Share of the nearest neighbours that decoded vectors keep.

    Parameters
    ----------
    k : int
        Neighbours asked for; fewer where there are fewer other items.
    n_items, n_queries : int
        Items searched, and those of them asked for their neighbours.
    mean, low, high : float
        Mean over queries, and its 95 % interval over the draw of the queries.
    by_chance : float
        What any k other items would give.
    """

    k: int
    n_items: int
    n_queries: int
    mean: float
    low: float
    high: float
    by_chance: float


def neighbour_recall(
    vectors: npt.ArrayLike, decoded: npt.ArrayLike, *, k: int = 10, n_queries: int = 1000
) -> Recall | None:
    """Measure recall@k: the k nearest by decoded vectors against the k nearest by raw ones.

    Both searches are brute force by Euclidean distance; the item itself is left out.

    Parameters
    ----------
    vectors, decoded : array_like of shapes (n, dim) and (n, any dim), real
    n_queries : int
        The first so many rows are asked for their neighbours.

    Returns
    -------
    Recall or None
        None where there are fewer than two items.

    Notes
    -----
    An item is a true neighbour if it is no farther than the k-th nearest, as in ann-benchmarks
    (Aumueller, Bernhardsson and Faithfull 2020). Of items that tie for the last places by decoded
    vectors, each has the same chance. Costs 4 * n_queries * n * dim operations.
    """
    x, x_hat = check_vectors(vectors), check_vectors(decoded)
    if len(x) != len(x_hat):
        raise ShapeError(f"decoded must have {len(x)} rows as vectors, got {len(x_hat)}")
    if not is_integer(k, least=1) or not is_integer(n_queries, least=1):
        raise InputError(f"k and n_queries must be at least 1, got {k!r} and {n_queries!r}")
    k, n_queries = min(k, len(x) - 1), min(n_queries, len(x))
    if k < 1:
        return None
    raw, coded = _Distances(x), _Distances(x_hat)
    block = max(1, _BLOCK_BYTES // (8 * len(x)))
    recalls = np.concatenate(
        [
            _kept(raw.of(start, stop), coded.of(start, stop), k)
            for start in range(0, n_queries, block)
            for stop in [min(start + block, n_queries)]
        ]
    )
    low, high = wilson(recalls)
    mean = float(recalls.mean())
    return Recall(k, len(x), n_queries, mean, low, high, by_chance=k / (len(x) - 1))


def wilson(shares: FloatArray64) -> tuple[float, float]:
    """Give the 95 % interval of the mean of shares, one of each query.

    Wilson's score interval (1927) of as many independent trials as give the standard error that the
    shares have (the effective sample size of Kish 1965): it stays in [0, 1], and has a width where
    all shares agree.
    """
    n, p = len(shares), float(shares.mean())
    variance = float(shares.var(ddof=1)) if n > 1 else 0.0
    trials = max(float(n), n * p * (1 - p) / variance) if variance > 0 else float(n)
    middle = (p + Z_95**2 / (2 * trials)) / (1 + Z_95**2 / trials)
    half = (
        Z_95 * math.sqrt(p * (1 - p) / trials + Z_95**2 / (4 * trials**2)) / (1 + Z_95**2 / trials)
    )
    # at 0 and 1 the ends meet only but for rounding
    return (max(0.0, middle - half) if p > 0 else 0.0), (min(1.0, middle + half) if p < 1 else 1.0)


class _Distances:
    """Squared distances of rows to all rows, the same for equal rows whatever the BLAS does."""

    def __init__(self, x: npt.NDArray[Any]) -> None:
        check_finite(x)
        rows = np.ascontiguousarray(x)
        as_bytes = rows.view([("row", f"V{rows.itemsize * rows.shape[1]}")])["row"].ravel()
        _, first, self._unique_of = np.unique(as_bytes, return_index=True, return_inverse=True)
        distinct = rows[first].astype(np.float64)
        # a whole shift keeps whole numbers whole, so that distances that tie do so in floats too
        self._rows = distinct - np.rint(distinct.mean(axis=0))
        self._norms = np.square(self._rows).sum(axis=1)

    def of(self, start: int, stop: int) -> FloatArray64:
        """Return shape (stop - start, n); an item is infinitely far from itself."""
        own = self._unique_of[start:stop]
        squares = self._norms[own, None] + self._norms - 2 * (self._rows[own] @ self._rows.T)
        distances: FloatArray64 = squares[:, self._unique_of]
        distances[np.arange(stop - start), np.arange(start, stop)] = np.inf
        return distances


def _kept(raw: FloatArray64, coded: FloatArray64, k: int) -> FloatArray64:
    """Return each query's recall, shape (n_queries,)."""
    is_true = raw <= np.partition(raw, k - 1, axis=1)[:, k - 1 : k]
    last = np.partition(coded, k - 1, axis=1)[:, k - 1 : k]
    nearer, at_last = coded < last, coded == last
    places_left = k - nearer.sum(axis=1)
    hits_at_last = (at_last & is_true).sum(axis=1) / at_last.sum(axis=1)
    hits = (nearer & is_true).sum(axis=1) + places_left * hits_at_last
    return np.asarray(hits / k, np.float64)

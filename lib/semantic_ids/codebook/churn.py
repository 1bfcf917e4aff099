"""What moved between two codebooks, or two versions of SIDs: how far, and in which groups."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray64
from semantic_ids.codebook.encoder import BLOCK_ROWS
from semantic_ids.codebook.neighbours import wilson
from semantic_ids.codebook.vectors import check_finite, check_vectors
from semantic_ids.errors import InputError, ShapeError

_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Moves:
    """How far some items moved, in radii of the cloud that they moved in.

    Parameters
    ----------
    n_items : int
    mean : float
    quantiles : tuple of (float, float)
        A share of the items, and the distance that they moved at most; the last share is 1.
    """

    n_items: int
    mean: float
    quantiles: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class GroupChurn:
    """What became of the items of one group.

    Parameters
    ----------
    group : int
    n_items : int
    moved : float or None
        Share of the items whose SID moved; None where SIDs do not compare.
    low, high : float or None
        Its 95 % interval, Wilson's.
    mean_distance : float or None
        In radii; None where distances are not told.
    """

    group: int
    n_items: int
    moved: float | None
    low: float | None
    high: float | None
    mean_distance: float | None


def moved_distances(before: npt.ArrayLike, after: npt.ArrayLike) -> FloatArray64 | None:
    """Measure how far each item moved, relative to the spread of all of them before.

    Parameters
    ----------
    before, after : array_like of shape (n, dim), real
        What the items' SIDs decode to.

    Returns
    -------
    ndarray of shape (n,), float64, or None
        ``|after_i - before_i| / sqrt(mean_j |before_j - mean(before)|^2)``; None where all items
        stood in one place, so that there is no radius.

    Notes
    -----
    Of two items drawn at random the mean squared distance is 2 in these units.
    """
    x, y = check_vectors(before), check_vectors(after)
    if x.shape != y.shape:
        raise ShapeError(f"after must have shape {x.shape}, got {y.shape}")
    if not len(x):
        return None
    middle = x.mean(axis=0, dtype=np.float64)
    distances, square = np.empty(len(x)), 0.0
    for start in range(0, len(x), BLOCK_ROWS):
        rows = x[start : start + BLOCK_ROWS].astype(np.float64)
        difference = y[start : start + BLOCK_ROWS] - rows
        check_finite(difference)
        distances[start : start + BLOCK_ROWS] = np.linalg.norm(difference, axis=1)
        square += float(np.square(rows - middle).sum())
    if not np.ptp(x, axis=0).any():  # rounding of the mean gives equal rows a tiny radius
        return None
    return np.asarray(distances / np.sqrt(square / len(x)))


def summarise_moves(distances: npt.ArrayLike) -> Moves | None:
    """Give mean and quantiles of distances, shape (n,); None where there is none."""
    values = np.asarray(distances, np.float64)
    if not values.size:
        return None
    quantiles = np.quantile(values, _SHARES).tolist()
    return Moves(len(values), float(values.mean()), tuple(zip(_SHARES, quantiles, strict=True)))


def churn_by_group(
    groups: npt.ArrayLike,
    *,
    moved: npt.NDArray[np.bool_] | None = None,
    distances: FloatArray64 | None = None,
    least: int = 10,
) -> list[GroupChurn]:
    """Say of each group of items how many moved and how far, those that moved most first.

    Parameters
    ----------
    groups : array_like of shape (n,), integers
    moved : ndarray of shape (n,), bool, optional
    distances : ndarray of shape (n,), float64, optional
    least : int
        Smaller groups are left out.

    Returns
    -------
    list of GroupChurn
        In falling order of the share moved, then of the mean distance; ties by group.
    """
    keys = np.asarray(groups)
    for name, values in (("moved", moved), ("distances", distances)):
        if values is not None and values.shape != keys.shape:
            raise ShapeError(f"{name} must have shape {keys.shape}, got {values.shape}")
    if moved is None and distances is None:
        raise InputError("moved or distances must be given, got neither")
    names, members, counts = np.unique(keys, return_inverse=True, return_counts=True)
    rows_of = np.split(np.argsort(members, kind="stable"), counts.cumsum()[:-1])
    found = [
        _group(int(name), rows, moved, distances)
        for name, rows in zip(names, rows_of, strict=False)
        if len(rows) >= least
    ]
    return sorted(found, key=lambda each: (-(each.moved or 0), -(each.mean_distance or 0)))


def _group(
    name: int,
    rows: npt.NDArray[np.intp],
    moved: npt.NDArray[np.bool_] | None,
    distances: FloatArray64 | None,
) -> GroupChurn:
    share = low = high = None
    if moved is not None:
        of_group = moved[rows].astype(np.float64)
        share, (low, high) = float(of_group.mean()), wilson(of_group)
    mean = None if distances is None else float(distances[rows].mean())
    return GroupChurn(name, len(rows), share, low, high, mean)

"""Whether SID prefixes gather items of one category."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.ids import prefix_ids
from semantic_ids.codebook.usage import entropy_bits
from semantic_ids.errors import ShapeError

_N_SHUFFLES = 5


@dataclass(frozen=True)
class Purity:
    """How pure the prefixes of so many bytes are.

    Parameters
    ----------
    n_bytes : int
    n_prefixes : int
        Distinct prefixes among the items.
    purity : float
        Share of the items that are of the commonest category of their prefix.
    by_chance : float
        The same where categories are dealt to the items at random.
    homogeneity : float
        Share of the categories' entropy that the prefix tells; 1 where there is none to tell.
    """

    n_bytes: int
    n_prefixes: int
    purity: float
    by_chance: float
    homogeneity: float

    @property
    def adjusted(self) -> float | None:
        """Purity above chance: 0 at chance, 1 where all are pure; None where chance is pure too."""
        if self.by_chance >= 1:
            return None
        return (self.purity - self.by_chance) / (1 - self.by_chance)


def prefix_purity(
    sids: npt.ArrayLike, categories: npt.ArrayLike, width: int, *, seed: int = 0
) -> list[Purity]:
    """Measure the purity of the prefixes of 1, 2, ..., width bytes.

    Parameters
    ----------
    sids : array_like of shape (n,), integers
    categories : array_like of shape (n,), integers or text
    seed : int
        Of the shuffles that say what chance gives.

    Returns
    -------
    list of Purity
        Empty where there is no item.

    Notes
    -----
    Purity as in Manning, Raghavan and Schuetze, Introduction to Information Retrieval, section
    16.3; a prefix of one item is pure, so only the shuffles say what is worth noting. Homogeneity
    ``1 - H(category | prefix) / H(category)`` as in Rosenberg and Hirschberg 2007.
    """
    _, labels = np.unique(np.asarray(categories), return_inverse=True)
    prefixes = prefix_ids(sids, width)
    if labels.shape != (len(prefixes),):
        raise ShapeError(f"categories must have shape ({len(prefixes)},), got {labels.shape}")
    if not len(labels):
        return []
    rng = np.random.default_rng(seed)
    shuffles = [rng.permutation(labels) for _ in range(_N_SHUFFLES)]
    return [
        _purity_of(n_bytes, prefixes[:, n_bytes - 1], labels, shuffles)
        for n_bytes in range(1, width + 1)
    ]


def _purity_of(
    n_bytes: int,
    prefixes: npt.NDArray[np.int64],
    labels: npt.NDArray[np.intp],
    shuffles: list[npt.NDArray[np.intp]],
) -> Purity:
    _, groups = np.unique(prefixes, return_inverse=True)
    n_prefixes = int(groups.max()) + 1
    cells, counts = _cells(groups, labels)
    of_labels = entropy_bits(np.bincount(labels))
    within = entropy_bits(counts) - entropy_bits(np.bincount(groups))
    chance = [_pure(*_cells(groups, shuffled), n_prefixes) for shuffled in shuffles]
    return Purity(
        n_bytes=n_bytes,
        n_prefixes=n_prefixes,
        purity=_pure(cells, counts, n_prefixes),
        by_chance=float(np.mean(chance)),
        homogeneity=float(np.clip(1 - within / of_labels, 0, 1)) if of_labels else 1.0,
    )


def _cells(
    groups: npt.NDArray[np.intp], labels: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Return the group of each (group, label) that occurs, and its count."""
    n_labels = int(labels.max()) + 1
    keys, counts = np.unique(groups * n_labels + labels, return_counts=True)
    return keys // n_labels, counts


def _pure(cells: npt.NDArray[np.intp], counts: npt.NDArray[np.int64], n_groups: int) -> float:
    largest = np.zeros(n_groups, np.int64)
    np.maximum.at(largest, cells, counts)
    return float(largest.sum() / counts.sum())


def tenths(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Put numbers in ten classes of about as many each, 0 to 9; equal numbers in one class."""
    edges = np.quantile(values, np.arange(1, 10) / 10)
    return np.searchsorted(edges, values, side="right")

"""How evenly items use the symbols of a byte, and the digits inside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.layout import ByteLayout
from semantic_ids.errors import ShapeError


@dataclass(frozen=True)
class Use:
    """How a factor of a SID, a byte or a digit, uses its values.

    Parameters
    ----------
    n_values : int
        Values that the codebook can assign.
    n_used : int
        Values that some item has.
    entropy_bits : float
        Effective bits: Shannon's entropy of the values over items, in [0, nominal_bits].
    gini : float
        Gini's coefficient of the items per value: 0 where all values have as many, 1 - 1/n_values
        where one has them all.
    """

    n_values: int
    n_used: int
    entropy_bits: float
    gini: float

    @property
    def nominal_bits(self) -> float:
        """Bits of the factor if all values were equally common."""
        return math.log2(self.n_values)

    @property
    def effective_share(self) -> float:
        """Effective bits by nominal ones, in [0, 1]."""
        return self.entropy_bits / self.nominal_bits if self.n_values > 1 else 1.0

    @property
    def utilisation(self) -> float:
        """Share of the values that some item has."""
        return self.n_used / self.n_values

    @property
    def n_dead(self) -> int:
        """Values that no item has."""
        return self.n_values - self.n_used

    @property
    def perplexity(self) -> float:
        """Number of equally common values that would have the same entropy."""
        return float(2.0**self.entropy_bits)


def use_of(counts: npt.ArrayLike) -> Use:
    """Measure how items use values.

    Parameters
    ----------
    counts : array_like of shape (n_values,), integers
        Items by value.

    Notes
    -----
    Entropy is ``-sum p log2 p`` (Shannon 1948, section 6), without a correction for small samples:
    all items are counted, none is drawn. Gini is ``sum (2 i - n - 1) c_i / (n sum c)`` over counts
    in rising order.
    """
    array = np.asarray(counts)
    if array.ndim != 1 or not array.size:
        raise ShapeError(f"counts must have shape (n_values,), got {array.shape}")
    n, total = array.size, int(array.sum())
    ranks = 2 * np.arange(1, n + 1) - n - 1
    return Use(
        n_values=n,
        n_used=int((array > 0).sum()),
        entropy_bits=entropy_bits(array),
        gini=float(ranks @ np.sort(array).astype(np.float64) / (n * total)) if total else 0.0,
    )


def entropy_bits(counts: npt.NDArray[np.int64]) -> float:
    """Return Shannon's entropy of counts, in bits; 0 where there are none."""
    positive = counts[counts > 0].astype(np.float64)
    if not positive.size:
        return 0.0
    shares = positive / positive.sum()
    return float(abs(shares @ np.log2(shares)))


def digit_counts(counts: npt.ArrayLike, byte: ByteLayout) -> Sequence[npt.NDArray[np.int64]]:
    """Count items by the value of each digit of a byte.

    Parameters
    ----------
    counts : array_like of shape (256,), integers
        Items by symbol.

    Returns
    -------
    list of ndarrays of shape (radix,), int64
        In the order of the digits' values, such as -1, 0, 1. Empty for a byte of centroids.
    """
    if not byte.n_digits:
        return []
    grid = np.asarray(counts)[: byte.n_values].reshape(byte.radices, order="F")
    axes = range(len(byte.radices))
    return [grid.sum(axis=tuple(axis for axis in axes if axis != own)) for own in axes]

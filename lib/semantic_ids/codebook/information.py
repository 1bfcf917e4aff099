"""What one byte of a SID tells of another."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.counts import byte_pairs
from semantic_ids.codebook.layout import VALUES
from semantic_ids.codebook.usage import entropy_bits
from semantic_ids.errors import ShapeError


@dataclass(frozen=True)
class PairInformation:
    """Mutual information of two bytes over items.

    Parameters
    ----------
    first, second : int
        The bytes, from 0.
    bits : float
        As the counts give it.
    bits_by_chance : float
        What as many items give where the bytes are independent and each symbol as common as here.
    """

    first: int
    second: int
    bits: float
    bits_by_chance: float

    @property
    def excess_bits(self) -> float:
        """What is left without chance, at least 0."""
        return max(0.0, self.bits - self.bits_by_chance)


def mutual_information(counts: npt.ArrayLike) -> float:
    """Return ``H(rows) + H(columns) - H(cells)`` in bits, at least 0.

    Parameters
    ----------
    counts : array_like of shape (n, m), integers

    Notes
    -----
    The plug-in estimate (Cover and Thomas, Elements of Information Theory, section 2.4).
    """
    table = np.asarray(counts)
    if table.ndim != 2:
        raise ShapeError(f"counts must have shape (n, m), got {table.shape}")
    return max(0.0, _bits_apart(table) - entropy_bits(table.ravel()))


def _bits_apart(table: npt.NDArray[np.int64]) -> float:
    return entropy_bits(table.sum(axis=0)) + entropy_bits(table.sum(axis=1))


def pair_information(pairs: npt.ArrayLike, width: int, *, seed: int = 0) -> list[PairInformation]:
    """Measure the mutual information of all pairs of bytes.

    Parameters
    ----------
    pairs : array_like of shape (width * (width - 1) / 2, 65536), integers
        As `SidCounts` has them.
    seed : int
        Of the independent tables.

    Notes
    -----
    Of few items in 65,536 cells the plug-in estimate is far too large, and the correction of Miller
    and Madow takes away too little of it: it is the first term of a series in cells by items. So
    one table of as many independent items is drawn and measured in the same way.
    """
    rng = np.random.default_rng(seed)
    return [
        PairInformation(i, j, mutual_information(table), _by_chance(table, rng))
        for (i, j), cells in zip(byte_pairs(width), np.asarray(pairs), strict=True)
        for table in [cells.reshape(VALUES, VALUES)]
    ]


def _by_chance(table: npt.NDArray[np.int64], rng: np.random.Generator) -> float:
    total = int(table.sum())
    if not total:
        return 0.0
    rows, columns = (table.sum(axis=axis).astype(np.float64) / total for axis in (1, 0))
    shares = np.outer(rows, columns)
    drawn = rng.multinomial(total, (shares / shares.sum()).ravel())
    return max(0.0, _bits_apart(table) - entropy_bits(drawn))

"""SIDs counted as they stream by: symbols, pairs of symbols, and items that share a SID."""

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.equal import count_equal
from semantic_ids.codebook.ids import split_mix
from semantic_ids.codebook.layout import MAX_WIDTH, VALUES, Layout
from semantic_ids.codebook.wire import bytes_of, sids_to_bytes
from semantic_ids.errors import ShapeError

CountArray = npt.NDArray[np.int64]

_CELLS = VALUES * VALUES
_N_LISTS = 4  # parts of few numbers, after the symbols and before the pairs


def count_symbols(sids: npt.ArrayLike, width: int) -> CountArray:
    """Count how often each byte of SIDs takes each symbol.

    Parameters
    ----------
    sids : array_like of shape (n,), integers

    Returns
    -------
    ndarray of shape (width, 256), int64
    """
    symbols = sids_to_bytes(sids, width)
    return np.stack([np.bincount(column, minlength=VALUES) for column in symbols.T])


class SidCounts:
    """Counts of items by their SIDs, in memory that does not grow with the items.

    Parameters
    ----------
    layout : Layout
        Of the codebook.
    n_largest : int
        How many of the SIDs that most items share are kept.
    n_drawn : int
        How many of the SIDs that items share are drawn, by hash.

    Attributes
    ----------
    symbols : ndarray of shape (width, 256), int64
        Items by byte and symbol.
    pairs : ndarray of shape (width * (width - 1) / 2, 65536), int64
        Items by ``256 * symbol + other symbol`` of two bytes, in the order of `byte_pairs`.
    group_sizes : Counter
        SIDs by the number of their items.
    largest : list of (int, int)
        SID and number of items; ties keep the lower SID.
    drawn : list of (int, int)
        SID and number of items of shared SIDs, each as likely as any other.
    unassigned : list of (int, int)
        Of up to one SID that the codebook never assigns: the SID, and the items of all such.

    Notes
    -----
    Takes up to 15 MB for the pairs of 8 bytes, and 34 bytes for each SID of a call.
    """

    def __init__(self, layout: Layout, *, n_largest: int = 10, n_drawn: int = 300) -> None:
        width = len(layout)
        self._n_values = np.array([byte.n_values for byte in layout])
        self._n_largest, self._n_drawn = n_largest, n_drawn
        self.symbols: CountArray = np.zeros((width, VALUES), np.int64)
        self.pairs: CountArray = np.zeros((len(byte_pairs(width)), _CELLS), np.int64)
        self.group_sizes: Counter[int] = Counter()
        self.largest: list[tuple[int, int]] = []
        self.drawn: list[tuple[int, int]] = []
        self.unassigned: list[tuple[int, int]] = []

    @property
    def n_items(self) -> int:
        """Items counted, those of unassigned SIDs left out."""
        return int(self.symbols[0].sum())

    def add(self, sids: npt.ArrayLike) -> None:
        """Count items by the symbols of their SIDs; best 100,000 or more at once.

        Parameters
        ----------
        sids : array_like of shape (n,), integers
            One for each item.
        """
        given, width = np.asarray(sids, np.int64), len(self._n_values)
        symbols = bytes_of(given)
        assigned = (symbols[:, MAX_WIDTH - width :] < self._n_values).all(axis=1)
        assigned &= ~symbols[:, : MAX_WIDTH - width].any(axis=1)
        if not assigned.all():
            self._keep_unassigned([(int(given[~assigned].min()), int((~assigned).sum()))])
            symbols = symbols[assigned]
        columns = symbols[:, MAX_WIDTH - width :].T.astype(np.uint16)
        for place, column in enumerate(columns):
            self.symbols[place] += np.bincount(column, minlength=VALUES)
        for place, (i, j) in enumerate(byte_pairs(width)):
            self.pairs[place] += np.bincount(VALUES * columns[i] + columns[j], minlength=_CELLS)

    def add_groups(self, sids: npt.ArrayLike, n_items: npt.ArrayLike) -> None:
        """Count SIDs, each of which comes once in all calls, by the items of each.

        Parameters
        ----------
        sids, n_items : array_like of shape (n,), integers
        """
        each, items = np.asarray(sids, np.int64), np.asarray(n_items, np.int64)
        if each.shape != items.shape:
            raise ShapeError(f"n_items must have shape {each.shape}, got {items.shape}")
        sizes, n_sids = count_equal(items)
        self.group_sizes.update(dict(zip(sizes.tolist(), n_sids.tolist(), strict=True)))
        shared = items > 1
        each, items = each[shared], items[shared]
        for keep, order in (
            (self._keep_largest, np.lexsort((each, -items))[: self._n_largest]),
            (self._keep_drawn, np.argsort(split_mix(each))[: self._n_drawn]),
        ):
            keep(list(zip(each[order].tolist(), items[order].tolist(), strict=True)))

    def _keep_largest(self, groups: list[tuple[int, int]]) -> None:
        every = sorted(self.largest + groups, key=lambda group: (-group[1], group[0]))
        self.largest = every[: self._n_largest]

    def _keep_drawn(self, groups: list[tuple[int, int]]) -> None:
        every = self.drawn + groups
        order = np.argsort(split_mix(np.array([sid for sid, _ in every], np.int64)))
        self.drawn = [every[place] for place in order[: self._n_drawn]]

    def _keep_unassigned(self, found: list[tuple[int, int]]) -> None:
        every = self.unassigned + found
        if every:
            self.unassigned = [(min(sid for sid, _ in every), sum(n for _, n in every))]

    def parts(self) -> Iterator[tuple[int, bytes]]:
        """Give the counts as numbered parts, which `add_part` of another object adds.

        Those without a count are left out.
        """
        lists = (self.group_sizes.items(), self.largest, self.drawn, self.unassigned)
        small = [np.array(list(numbers), "<i8") for numbers in lists]
        for number, counts in enumerate([self.symbols, *small, *self.pairs]):
            if counts.any():
                yield number, counts.astype("<i8", copy=False).tobytes()

    def add_part(self, number: int, part: bytes) -> None:
        """Add one part of the counts of other SIDs of the same codebook."""
        counts = np.frombuffer(part, "<i8")
        if number == 0:
            self.symbols += counts.reshape(self.symbols.shape)
        elif number > _N_LISTS:
            self.pairs[number - _N_LISTS - 1] += counts
        else:
            numbers = [(int(a), int(b)) for a, b in counts.reshape(-1, 2)]
            keepers = (self._add_sizes, self._keep_largest, self._keep_drawn, self._keep_unassigned)
            keepers[number - 1](numbers)

    def _add_sizes(self, sizes: list[tuple[int, int]]) -> None:
        self.group_sizes.update(dict(sizes))


def byte_pairs(width: int) -> list[tuple[int, int]]:
    """List the pairs of different bytes, the coarser first."""
    return list(itertools.combinations(range(width), 2))

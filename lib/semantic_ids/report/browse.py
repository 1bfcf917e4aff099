"""What the browse page shows: items with their SIDs and titles, and counts of all items."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook import Codebook
from semantic_ids.report.texts import clean, shorten

__all__ = ["TITLE_COLUMNS", "Catalogue", "PrefixCounts", "browse_headline"]

TITLE_COLUMNS = 120
"""Titles, item ids and categories are cut to this width."""


@dataclass(frozen=True)
class PrefixCounts:
    """How many of all items have each prefix of two bytes, or of the one byte there is.

    Parameters
    ----------
    prefixes : ndarray of shape (m,), int64
        Big-endian integers of the bytes, in rising order, each once.
    n_items : ndarray of shape (m,), int64
    """

    prefixes: npt.NDArray[np.int64]
    n_items: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Catalogue:
    """Items of one codebook in the order of their SIDs.

    Parameters
    ----------
    codebook : Codebook
    name : str
        What people call it.
    sids : ndarray of shape (n,), int64
        In rising order.
    item_ids : sequence of n str
    titles : sequence of n str or None
    category : str or None
        The name of the column of categories.
    categories : sequence of n str or None
        Empty where there is no such column.
    counts : PrefixCounts
        Of all items, of which the n may be a sample.
    facts : sequence of (str, str)
        What the page rests on.
    """

    codebook: Codebook
    name: str
    sids: npt.NDArray[np.int64]
    item_ids: Sequence[str]
    titles: Sequence[str | None]
    category: str | None
    categories: Sequence[str | None]
    counts: PrefixCounts
    facts: Sequence[tuple[str, str]]

    @cached_property
    def n_items(self) -> int:
        """All items of the codebook."""
        return int(self.counts.n_items.sum())

    @cached_property
    def n_sids(self) -> int:
        """Distinct SIDs of the items that are shown."""
        return len(np.unique(self.sids))

    @property
    def is_sample(self) -> bool:
        """Whether some items are only counted, not shown."""
        return len(self.sids) < self.n_items

    @cached_property
    def shown_ids(self) -> list[str]:
        """Item ids on one line, and cut."""
        return [_cut(item_id) for item_id in self.item_ids]

    @cached_property
    def shown_titles(self) -> list[str | None]:
        """Titles on one line, and cut; None where nothing would be seen."""
        return [_cut(title or "") or None for title in self.titles]

    @property
    def shown_category(self) -> str:
        """The name of the column of categories, on one line, and cut."""
        return _cut(self.category or "")

    @cached_property
    def shown_categories(self) -> list[str | None]:
        """Categories on one line, and cut; None where nothing would be seen."""
        return [_cut(category or "") or None for category in self.categories]


def browse_headline(catalogue: Catalogue) -> str:
    """Say in a sentence or two what can be walked."""
    n, width = len(catalogue.sids), catalogue.codebook.width
    whose = f"{n:,} of {catalogue.n_items:,} items" if catalogue.is_sample else _count(n, "item")
    have = "has" if n == 1 else "have"
    return f"{whose} {have} {_count(catalogue.n_sids, 'SID')} of {_count(width, 'byte')}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _cut(text: str) -> str:
    return shorten(clean(text).strip(), TITLE_COLUMNS)

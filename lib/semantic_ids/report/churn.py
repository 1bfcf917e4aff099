"""What audit_churn measured between two codebooks, or two versions of SIDs."""

from dataclasses import dataclass

from semantic_ids.codebook import GroupChurn, Moves, Recall

__all__ = ["CategoryChurn", "Churn", "Compared", "Counts", "MovedItem", "SideShown", "UserChurn"]


@dataclass(frozen=True)
class Counts:
    """What became of items, or of events.

    Parameters
    ----------
    n_before, n_after, n_both : int
        Those on each side, and on both.
    n_moved : int or None
        Of those on both sides, how many have another SID; None where SIDs do not compare.
    first_bytes : tuple of int
        Of those that moved, how many differ first in byte 0, 1, ...; their sum may be less, where
        it cannot be told which SID became which. Empty where SIDs do not compare.
    """

    n_before: int
    n_after: int
    n_both: int
    n_moved: int | None
    first_bytes: tuple[int, ...]

    @property
    def n_new(self) -> int:
        """Those after that were not there before."""
        return self.n_after - self.n_both

    @property
    def n_gone(self) -> int:
        """Those before that are there no more."""
        return self.n_before - self.n_both

    @property
    def moved_share(self) -> float | None:
        """Share of those on both sides that moved."""
        if self.n_moved is None or not self.n_both:
            return None
        return self.n_moved / self.n_both

    @property
    def gone_share(self) -> float | None:
        """Share of those before that are gone."""
        return self.n_gone / self.n_before if self.n_before else None


@dataclass(frozen=True)
class UserChurn:
    """Users by what became of their events.

    Parameters
    ----------
    n_before, n_after, n_both : int
        Users that have events on each side, and on both.
    n_touched : int
        Of those on both sides, users of whom any event moved, is new or is gone.
    """

    n_before: int
    n_after: int
    n_both: int
    n_touched: int


@dataclass(frozen=True)
class CategoryChurn:
    """A column of categories, and what became of the items of each value.

    Parameters
    ----------
    name : str
    n_items, n_values : int
        Items of the sample that have a value, and distinct values.
    in_tenths : bool
        Whether the column holds many numbers, put in ten classes of as many items.
    groups : tuple of (str, GroupChurn)
        A value, and its items; those that moved most first. Values of few items are left out.
    """

    name: str
    n_items: int
    n_values: int
    in_tenths: bool
    groups: tuple[tuple[str, GroupChurn], ...]


@dataclass(frozen=True)
class MovedItem:
    """An item that moved far.

    Parameters
    ----------
    item_id : str
    title : str or None
        What people call it.
    before, after : str
        The bytes of its SIDs in hexadecimal.
    distance : float
        In radii.
    """

    item_id: str
    title: str | None
    before: str
    after: str
    distance: float


@dataclass(frozen=True)
class SideShown:
    """One side: its codebook, and the version of item_sids if there is one."""

    codebook_id: str
    name: str
    stages: str
    version: str


@dataclass(frozen=True)
class Compared:
    """What the figures rest on.

    Parameters
    ----------
    before, after : SideShown
    tables : tuple of (str, str)
        The key of each table, and its place with its version.
    run_id, measured_at : str
        The time is UTC.
    n_sample : int
        Items that were drawn of those on both sides.
    """

    before: SideShown
    after: SideShown
    tables: tuple[tuple[str, str], ...]
    run_id: str
    measured_at: str
    n_sample: int

    @property
    def is_one_codebook(self) -> bool:
        """Whether the SIDs of both sides mean the same."""
        return self.before.codebook_id == self.after.codebook_id


@dataclass(frozen=True)
class Churn:
    """All that was measured.

    Parameters
    ----------
    compared : Compared
    items : Counts
    events : Counts or None
    users : UserChurn or None
    moves, moves_of_moved : Moves or None
        Of the sample, and of those of its items whose SID moved.
    recall : Recall or None
    categories : tuple of CategoryChurn
    farthest : tuple of MovedItem
        The farthest first.
    not_measured : tuple of str
    """

    compared: Compared
    items: Counts
    events: Counts | None
    users: UserChurn | None
    moves: Moves | None
    moves_of_moved: Moves | None
    recall: Recall | None
    categories: tuple[CategoryChurn, ...]
    farthest: tuple[MovedItem, ...]
    not_measured: tuple[str, ...]

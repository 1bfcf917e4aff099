"""How many items share a SID, and how many bits a SID is worth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class SizeClass(NamedTuple):
    """SIDs of `fewest` to `most` items each, and the items that have them."""

    fewest: int
    most: int
    n_sids: int
    n_items: int


@dataclass(frozen=True)
class Collisions:
    """Items by how many share their SID.

    Parameters
    ----------
    n_items, n_sids : int
        Items, and distinct SIDs among them.
    n_shared_sids : int
        SIDs of two items or more.
    n_sharing_items : int
        Items that have one of these.
    largest : int
        Items of the commonest SID.
    entropy_bits : float
        Effective bits of the whole SID over items, at most log2 of the items.
    sizes : tuple of SizeClass
        By the powers of two; those that are empty left out.
    """

    n_items: int
    n_sids: int
    n_shared_sids: int
    n_sharing_items: int
    largest: int
    entropy_bits: float
    sizes: tuple[SizeClass, ...]

    @property
    def sharing_share(self) -> float:
        """Share of the items that share their SID."""
        return self.n_sharing_items / self.n_items if self.n_items else 0.0


class SeenGroup(NamedTuple):
    """A SID that items share, and whether some of them have different vectors."""

    n_items: int
    differs: bool


def needless_share(
    largest: Sequence[SeenGroup], drawn: Sequence[SeenGroup], found: Collisions
) -> float:
    """Estimate the share of all items that share their SID with an item of another vector.

    The others that share do so because their vectors are identical: no codebook parts them.

    Parameters
    ----------
    largest : sequence of SeenGroup
        The SIDs that most items share, which are counted as they are.
    drawn : sequence of SeenGroup
        Of the other shared SIDs, some, each as likely as any other. They stand for the items that
        are left: a ratio estimate, exact where all are here. Where there is none, all that are left
        count as needless.
    """
    seen = sum(group.n_items for group in drawn)
    differing = sum(group.n_items for group in drawn if group.differs)
    left = found.n_sharing_items - sum(group.n_items for group in largest)
    of_largest = sum(group.n_items for group in largest if group.differs)
    needless = of_largest + left * (differing / seen if seen else 1)
    return needless / found.n_items if found.n_items else 0.0


def collisions(group_sizes: Mapping[int, int]) -> Collisions:
    """Measure collisions by item.

    Parameters
    ----------
    group_sizes : mapping of int to int
        SIDs by the number of their items.

    Examples
    --------
    >>> collisions({1: 2, 3: 1}).sharing_share
    0.6
    """
    n_items = sum(size * n for size, n in group_sizes.items())
    shared = {size: n for size, n in group_sizes.items() if size > 1}
    within = math.fsum(n * size * math.log2(size) for size, n in shared.items())
    return Collisions(
        n_items=n_items,
        n_sids=sum(group_sizes.values()),
        n_shared_sids=sum(shared.values()),
        n_sharing_items=sum(size * n for size, n in shared.items()),
        largest=max(group_sizes, default=0),
        entropy_bits=max(0.0, math.log2(n_items) - within / n_items) if n_items else 0.0,
        sizes=_size_classes(group_sizes),
    )


def _size_classes(group_sizes: Mapping[int, int]) -> tuple[SizeClass, ...]:
    """Put sizes in classes 1, 2, 3 to 4, 5 to 8, and so on."""
    classes: dict[int, SizeClass] = {}
    for size, n in group_sizes.items():
        place = (size - 1).bit_length()
        most = 2**place
        old = classes.get(place, SizeClass(most // 2 + 1 if place else 1, most, 0, 0))
        classes[place] = old._replace(n_sids=old.n_sids + n, n_items=old.n_items + size * n)
    return tuple(classes[place] for place in sorted(classes))

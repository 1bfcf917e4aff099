"""Equal integers counted where no memory holds them all: dealt to buckets, added up in each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.ids import split_mix
from semantic_ids.errors import ShapeError

Int64Array = npt.NDArray[np.int64]

N_BUCKETS = 256


class Counted(NamedTuple):
    """Distinct numbers and how often each came, both of shape (n,), int64."""

    numbers: Int64Array
    counts: Int64Array


def count_equal(numbers: npt.ArrayLike, counts: npt.ArrayLike | None = None) -> Counted:
    """Count each number once, in rising order.

    Parameters
    ----------
    numbers : array_like of shape (n,), int64
    counts : array_like of shape (n,), int64, optional
        How often each of them came; default: once.

    Raises
    ------
    ShapeError
        If there are not as many counts as numbers.

    Notes
    -----
    Sorts a copy: 16 bytes a number, 32 with counts.
    """
    given = np.asarray(numbers, np.int64)
    before: Int64Array | None = None
    if counts is None:
        ordered = np.sort(given)
    else:
        weights = np.asarray(counts, np.int64)
        if weights.shape != given.shape:
            raise ShapeError(f"counts must have shape {given.shape}, got {weights.shape}")
        order = np.argsort(given)
        ordered = given[order]
        before = np.append(0, weights[order].cumsum())
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    ends = np.append(starts, len(ordered))
    return Counted(ordered[starts], np.diff(ends if before is None else before[ends]))


def deal(counted: Counted) -> Iterator[tuple[int, Counted]]:
    """Cut distinct numbers into buckets by their hash: equal numbers of all calls meet in one.

    Yields
    ------
    int, Counted
        The bucket, from 0 to `N_BUCKETS` - 1, and what it gets; empty ones are left out.
    """
    buckets = (split_mix(counted.numbers) >> np.uint64(56)).astype(np.uint8)
    order = np.argsort(buckets, kind="stable")  # numpy sorts so few bits by radix
    numbers, counts = counted.numbers[order], counted.counts[order]
    ends = np.bincount(buckets, minlength=N_BUCKETS).cumsum().tolist()
    for bucket, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        if start < end:
            yield bucket, Counted(numbers[start:end], counts[start:end])

"""Events of users in the order of time, and the catalogue that they are about."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.errors import InputError

Int64Array: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stream:
    """Events in the order of time, with their users and items numbered.

    Parameters
    ----------
    users, items : ndarrays of shape (n,), int64
        Rows of `user_ids` and of `vectors`.
    times : ndarray of shape (n,), int64
        Microseconds since the epoch in UTC, never decreasing.
    labels : ndarray of shape (n,), int64, or None
        0 or 1 where events are examples themselves; None where each is a positive one.
    """

    users: Int64Array
    items: Int64Array
    times: Int64Array
    labels: Int64Array | None


@dataclass(frozen=True)
class Moments:
    """Users at the times of their examples, in the order of time, and what stood before each.

    Parameters
    ----------
    users, times : ndarrays of shape (m,), int64
    lows, highs : ndarrays of shape (m,), int64
        Moment i's history is ``items[lows[i]:highs[i]]``, its oldest event first.
    items, item_times : ndarrays of shape (e,), int64
        The events of all histories, held once.
    """

    users: Int64Array
    times: Int64Array
    lows: Int64Array
    highs: Int64Array
    items: Int64Array
    item_times: Int64Array


def in_time_order(
    users: Int64Array, items: Int64Array, times: Int64Array, labels: npt.NDArray[Any] | None
) -> Stream:
    """Sort events by time, user and item, so that nothing depends on the order of rows.

    Raises
    ------
    InputError
        If a label is neither 0 nor 1.
    """
    if labels is not None and not np.isin(labels, (0, 1)).all():
        wrong = labels[~np.isin(labels, (0, 1))]
        raise InputError(
            f"label: values must be 0 or 1, got {wrong[0]}, one of {len(wrong):,} that are neither"
        )
    keys = (items, users, times) if labels is None else (labels, items, users, times)
    order = np.lexsort(keys)
    kept = None if labels is None else labels[order].astype(np.int64)
    return Stream(users[order], items[order], times[order], kept)


def unique_moments(users: Int64Array, times: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Give each distinct (user, time) of events a number, in the order of time.

    Returns
    -------
    ndarray of shape (m,), int64
        The first event of each moment.
    ndarray of shape (n,), int64
        Each event's moment.
    """
    order = np.lexsort((users, times))
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (np.diff(users[order]) != 0) | (np.diff(times[order]) != 0)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(starts) - 1
    return order[starts], numbers

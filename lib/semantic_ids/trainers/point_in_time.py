"""Which events stand before a moment, and in which order: arrays in, arrays out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Packed = Mapping[str, npt.NDArray[Any]]

BY_SEGMENT = ("users", "ds", "first", "last", "stored", "lengths")


@dataclass(frozen=True)
class Demand:
    """What is asked of the histories of users who are numbered from 0.

    Parameters
    ----------
    users : ndarray of shape (n,), int64
        Each example's user.
    before : ndarray of shape (n,), int64, or None
        Each example's moment: only earlier events are wanted. None wants all events.
    newest : int or None
        How many events an example takes at most, the newest of them.
    n_users : int
    """

    users: Int64Array
    before: Int64Array | None
    newest: int | None
    n_users: int

    def ranges(
        self, times: Int64Array, starts: Int64Array, stops: Int64Array, *, examples: Any
    ) -> tuple[Int64Array, Int64Array]:
        """Cut the stretches [start, stop) of times in order down to what their examples want."""
        if self.before is None:
            ends = stops
        else:
            ends = first_not_before(self.before[examples], times, starts=starts, stops=stops)
        if self.newest is None:
            return starts, ends
        return np.maximum(starts, ends - self.newest), ends

    @cached_property
    def by_user(self) -> tuple[Int64Array, Int64Array]:
        """The examples in order of their users, and where those of each user begin and end."""
        order = np.argsort(self.users, kind="stable")
        return order, offsets_of(np.bincount(self.users, minlength=self.n_users))


@dataclass(frozen=True)
class Segments:
    """Segments of users, each with its events in time order.

    Parameters
    ----------
    users, ds, first, last, stored : ndarrays of shape (s,), int64
        User, day of the partition, time of the first and last event, and the rank of the segment's
        bytes among those that are equal in all else.
    lengths : ndarray of shape (s,), int64
    times : ndarray of shape (e,), int64
        Of the events of all segments, one segment after the other.
    packed : mapping of str to ndarray of shape (e, ...)
        What else is known of the events.
    """

    users: Int64Array
    ds: Int64Array
    first: Int64Array
    last: Int64Array
    stored: Int64Array
    lengths: Int64Array
    times: Int64Array
    packed: Packed

    def wanted(self, demand: Demand) -> Self:
        """Leave out the events that no example can want; segments stay, maybe without events."""
        examples, offsets = demand.by_user
        n_examples = offsets[self.users + 1] - offsets[self.users]
        of_pairs = np.repeat(np.arange(len(self.users)), n_examples)
        first_pairs = offsets[self.users]
        stops = self.lengths.cumsum()
        lows, highs = demand.ranges(
            self.times,
            (stops - self.lengths)[of_pairs],
            stops[of_pairs],
            examples=examples[spread(first_pairs, first_pairs + n_examples)],
        )
        n_times = len(self.times) + 1
        steps = np.bincount(lows, minlength=n_times) - np.bincount(highs, minlength=n_times)
        is_wanted = steps.cumsum()[:-1] > 0
        if is_wanted.all():
            return self
        segments = np.repeat(np.arange(len(self.users)), self.lengths)
        return replace(
            self,
            lengths=np.bincount(segments[is_wanted], minlength=len(self.users)),
            times=self.times[is_wanted],
            packed={name: values[is_wanted] for name, values in self.packed.items()},
        )

    def without(self, users: Int64Array) -> Self:
        """Leave out the segments of users."""
        kept = ~np.isin(self.users, users)
        stops = self.lengths.cumsum()
        events = spread((stops - self.lengths)[kept], stops[kept])
        by_segment = {name: getattr(self, name)[kept] for name in BY_SEGMENT}
        packed = {name: values[events] for name, values in self.packed.items()}
        return replace(self, **by_segment, times=self.times[events], packed=packed)

    def in_order_of_bytes(self) -> Self:
        """Rank segments by their stored bytes: the SIDs, then the times, then the other columns."""
        stops = self.lengths.cumsum()
        columns = [self.packed["sids"], self.times]
        columns += [column for name, column in self.packed.items() if name != "sids"]
        keys = [
            tuple(column[start:stop].tobytes() for column in columns)
            for start, stop in zip(stops - self.lengths, stops, strict=True)
        ]
        stored = np.empty(len(keys), np.int64)
        stored[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
        return replace(self, stored=stored)

    def tied(self) -> Int64Array:
        """Return the users with segments that only their bytes could put in order."""
        order = self._order()
        keys = np.stack([self.users, self.ds, self.first, self.last])[:, order]
        ties = (keys[:, 1:] == keys[:, :-1]).all(axis=0)
        return np.unique(keys[0, 1:][ties])

    def merged(self, n_users: int) -> "Events":
        """Merge each user's segments in time order.

        Events of equal time stay in the order of their segments: by ds, by the time of the first
        and of the last event, by their bytes.
        """
        order = self._order()
        lengths = self.lengths[order]
        stops = self.lengths.cumsum()[order]
        events = spread(stops - lengths, stops)
        users, times = np.repeat(self.users[order], lengths), self.times[events]
        is_late = np.zeros(n_users, np.bool_)
        is_late[users[1:][(times[1:] < times[:-1]) & (users[1:] == users[:-1])]] = True
        if is_late.any():
            places = np.flatnonzero(is_late[users])
            events[places] = events[places][np.lexsort((times[places], users[places]))]
        return Events(
            offsets_of(np.bincount(users, minlength=n_users)),
            self.times[events],
            {name: values[events] for name, values in self.packed.items()},
        )

    def _order(self) -> npt.NDArray[np.intp]:
        return np.lexsort((self.stored, self.last, self.first, self.ds, self.users))


@dataclass(frozen=True)
class Events:
    """Events of users in time order; those of user i stand from offsets[i] to offsets[i + 1]."""

    offsets: Int64Array
    times: Int64Array
    packed: Packed

    def ranges(self, demand: Demand) -> tuple[Int64Array, Int64Array]:
        """Return where each example's events begin and end."""
        return demand.ranges(
            self.times,
            self.offsets[demand.users],
            self.offsets[demand.users + 1],
            examples=slice(None),
        )


def joined(parts: Sequence[Segments], width: int, dtypes: Mapping[str, np.dtype[Any]]) -> Segments:
    """Return the segments of all parts, with SIDs of `width` bytes and columns of `dtypes`."""
    if len(parts) == 1:
        return parts[0]
    none = np.empty(0, np.int64)
    arrays = {
        name: np.concatenate([none, *(getattr(part, name) for part in parts)])
        for name in (*BY_SEGMENT, "times")
    }
    empty = {"sids": np.empty((0, width), np.uint8)}
    empty |= {name: np.empty(0, dtype) for name, dtype in dtypes.items()}
    packed = {
        name: np.concatenate([nothing, *(part.packed[name] for part in parts)])
        for name, nothing in empty.items()
    }
    return Segments(**arrays, packed=packed)


def first_not_before(
    moments: Int64Array, times: Int64Array, *, starts: Int64Array, stops: Int64Array
) -> Int64Array:
    """Find where each moment's stretch [start, stop) of `times` is no longer before it.

    A binary search in all stretches at once; the times of a stretch must not decrease.
    """
    lows, highs = starts.copy(), stops.copy()
    while (is_open := lows < highs).any():
        middles = (lows + highs) >> 1
        is_before = np.zeros(len(moments), np.bool_)
        is_before[is_open] = times[middles[is_open]] < moments[is_open]
        lows = np.where(is_before, middles + 1, lows)
        highs = np.where(is_open & ~is_before, middles, highs)
    return lows


def spread(starts: Int64Array, stops: Int64Array) -> Int64Array:
    """Return the numbers of all ranges [start, stop), one range after the other."""
    lengths = stops - starts
    ends = lengths.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total)


def offsets_of(lengths: npt.NDArray[Any]) -> Int64Array:
    """Return where stretches of these lengths begin and end, shape (n + 1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets

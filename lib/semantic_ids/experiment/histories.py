"""Histories as they stood before each example, by the point-in-time reader, with their items."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from semantic_ids.codebook import bytes_to_sids, null_sid
from semantic_ids.errors import InputError, TableError
from semantic_ids.experiment.stream import Int64Array, Mask, Moments, Stream
from semantic_ids.trainers import SequenceHistories

MAX_UNKNOWN = 0.1
"""Share of the events of histories that events may lack: what was deleted or has another SID."""


@dataclass(frozen=True)
class Known:
    """Which items the events of histories are of: places, and which events have one."""

    items: Int64Array
    is_known: Mask


def read_moments(
    source: SequenceHistories,
    stream: Stream,
    sids: Int64Array,
    *,
    user_ids: pa.Array,
    users: Int64Array,
    times: Int64Array,
    newest: int,
) -> tuple[Moments, int]:
    """Read what stood strictly before each moment, and name the item of each event.

    Parameters
    ----------
    source : SequenceHistories
        Of the codebook that gave `sids`.
    sids : ndarray of shape (n_items,), int64
        What item_sids says.
    user_ids : pyarrow Array
        The users in rising order; `users` of the stream and the moments are places in it.
    users, times : ndarrays of shape (m,), int64
        The moments.
    newest : int
        Events of a history at most.

    Returns
    -------
    Moments
        Without the events whose item is not known.
    int
        The number of these events.

    Raises
    ------
    TableError
        If more than a tenth of the events are not among the user's events with the item's SID.
    InputError
        If no moment has an event of a known item before it.
    """
    selection = source.select(user_ids.take(pa.array(users)), before=times, newest=newest)
    events = selection.events
    of_events = np.repeat(np.unique(users), np.diff(events.offsets))
    symbols = events.packed["sids"]
    stored = bytes_to_sids(symbols, symbols.shape[1])
    known = name_items(stream, sids, users=of_events, times=events.times, stored=stored)
    is_null = stored == null_sid(symbols.shape[1])
    _require_known(known, is_null, user_ids, of_events, events.times)
    if not known.is_known.any():
        raise InputError(
            f"sequences: users must have events before their examples, got none before any of "
            f"{len(users):,} examples"
        )
    places = np.concatenate([[0], np.cumsum(known.is_known)])
    kept = known.is_known
    moments = Moments(
        users,
        times,
        places[selection.lows],
        places[selection.highs],
        known.items[kept],
        events.times[kept],
    )
    return moments, int((~kept).sum())


def name_items(
    stream: Stream, sids: Int64Array, *, users: Int64Array, times: Int64Array, stored: Int64Array
) -> Known:
    """Find each event's item: that of the stream's event of the same user, time and SID.

    Where several items of a user and time have one SID, events take them in turn.
    """
    of_stream = sids[stream.items]
    clock = np.unique(np.concatenate([stream.times, times]))
    values = np.unique(np.concatenate([of_stream, stored]))

    def keys_of(users: Int64Array, times: Int64Array, sids: Int64Array) -> Int64Array:
        moments = users * len(clock) + np.searchsorted(clock, times)
        return moments * len(values) + np.searchsorted(values, sids)

    keys = keys_of(stream.users, stream.times, of_stream)
    order = np.lexsort((stream.items, keys))
    wanted = keys_of(users, times, stored)
    starts = np.searchsorted(keys[order], wanted)
    counts = np.searchsorted(keys[order], wanted, side="right") - starts
    turns = _turns(wanted)
    is_known = counts > 0
    places = np.where(is_known, starts + turns % np.maximum(counts, 1), 0)
    return Known(stream.items[order[places]], is_known)


def _turns(keys: Int64Array) -> Int64Array:
    """Count how many earlier entries have the same key, for each entry."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys.min(initial=0) - 1))
    sizes = np.diff(np.append(starts, len(keys)))
    turns = np.empty(len(keys), np.int64)
    turns[order] = np.arange(len(keys)) - np.repeat(starts, sizes)
    return turns


def _require_known(
    known: Known,
    is_null: Mask,
    user_ids: pa.Array,
    users: Int64Array,
    times: npt.NDArray[np.int64],
) -> None:
    is_unknown = ~known.is_known & ~is_null
    if is_unknown.sum() <= MAX_UNKNOWN * len(is_unknown):
        return
    first = int(is_unknown.argmax())
    raise TableError(
        f"sequences: at least {1 - MAX_UNKNOWN:.0%} of the events must be in events, with the SID "
        f"that item_sids gives their item, got {int(known.is_known.sum()):,} of "
        f"{len(is_unknown):,}; not, for one, the event of user {user_ids[users[first]].as_py()!r} "
        f"at {np.datetime64(int(times[first]), 'us')}"
    )

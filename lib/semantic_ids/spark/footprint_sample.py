"""The events that every alternative stores: arrays cut by user. No Spark here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from semantic_ids.codebook import sids_to_bytes
from semantic_ids.errors import TableError

__all__ = [
    "EventSample",
    "Items",
    "Segment",
    "Vectors",
    "from_events",
    "from_segments",
    "groups_of",
]

MAX_ROW_EVENTS = 65_536
"""A longer history becomes several rows, as in the sequences table."""

Int64Array = npt.NDArray[np.int64]
ByteArray = npt.NDArray[np.uint8]

Segment = tuple[int | str, int, bytes, bytes]
"""user_id, n_events, sids, timestamps"""


@dataclass(frozen=True)
class Vectors:
    """Embeddings of items: ids, an array of m, and vectors of shape (m, dim), float32."""

    ids: pa.Array
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Items:
    """The distinct items of the events, in the order of their ids.

    Parameters
    ----------
    ids : pyarrow.Array of m ids
    symbols : ndarray of shape (m, width), uint8
    vectors : ndarray of shape (m, dim), float32, optional
    """

    ids: pa.Array
    symbols: ByteArray
    vectors: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class EventSample:
    """Events of whole users, in the order of user, time and item.

    Parameters
    ----------
    n_users, n_left_out : int
        n_left_out counts events of these users whose items lack a SID or an embedding.
    bounds : ndarray of shape (n_rows + 1,), int64
        Where rows begin, and where the last one ends; a row is a user, or a piece of a long one.
    symbols : ndarray of shape (n, width), uint8
    timestamps : ndarray of shape (n,), int64
        Microseconds since the epoch.
    items : Items, optional
    places : ndarray of shape (n,), int64, optional
        Each event's row in items.
    """

    n_users: int
    n_left_out: int
    bounds: Int64Array
    symbols: ByteArray
    timestamps: Int64Array
    items: Items | None = None
    places: Int64Array | None = None

    def parts(self, n_parts: int) -> list[Int64Array]:
        """Cut the rows into parts of about as many; give their bounds.

        Users stand in the order of a hash, so the parts are random.
        """
        n_rows = len(self.bounds) - 1
        cuts = np.linspace(0, n_rows, min(n_parts, n_rows) + 1).astype(np.int64)
        return [self.bounds[a : b + 1] for a, b in pairwise(cuts)]


def groups_of(bounds: Int64Array, max_events: int) -> Iterator[Int64Array]:
    """Cut rows into runs of at most max_events events, or of one row; give their bounds."""
    first = 0
    while first < len(bounds) - 1:
        end = np.searchsorted(bounds, bounds[first] + max_events, side="right")
        last = max(first + 1, int(end) - 1)
        yield bounds[first : last + 1]
        first = last


def from_events(events: pa.Table, width: int, vectors: Vectors | None) -> EventSample:
    """Build the sample from sorted events.

    Parameters
    ----------
    events : Table
        user_id, item_id, timestamp (int64), sid (int64, null for none).
    width : int
        Bytes of a SID.
    vectors : Vectors, optional
        Where given, events of items without one are left out.

    Raises
    ------
    TableError
        If no event is left.
    """
    usable = pc.is_valid(events.column("sid"))
    if vectors is not None:
        usable = pc.and_(usable, pc.is_in(events.column("item_id"), value_set=vectors.ids))
    kept = events.filter(usable).combine_chunks()
    if not len(kept):
        lacking = "a SID" if vectors is None else "both a SID and an embedding"
        raise TableError(f"events: no item of the {len(events):,} events sampled has {lacking}")
    symbols = sids_to_bytes(kept.column("sid").to_numpy(), width)
    ids, first, places = _distinct(kept.column("item_id"))
    found = None
    if vectors is not None:
        rows = pc.index_in(ids, value_set=vectors.ids).to_numpy(zero_copy_only=False)
        found = vectors.vectors[rows]
    starts = _changes(kept.column("user_id"))
    return EventSample(
        n_users=len(starts),
        n_left_out=len(events) - len(kept),
        bounds=_bounds(starts, len(kept)),
        symbols=symbols,
        timestamps=kept.column("timestamp").to_numpy(),
        items=Items(ids, symbols[first], found),
        places=places,
    )


def from_segments(segments: Sequence[Segment]) -> EventSample:
    """Build the sample from stored segments, in the order of user and time.

    Raises
    ------
    TableError
        If a segment has no user, or not n_events SIDs of one width and as many timestamps.
    """
    width = len(segments[0][2]) // max(segments[0][1], 1)
    for user_id, n_events, sids, times in segments:
        if user_id is None:
            raise TableError(f"sequences: user_id must not be null, got {n_events} events without")
        if not 1 <= width <= 8 or len(sids) != width * n_events or len(times) != 8 * n_events:
            raise TableError(
                f"sequences: a segment of {n_events} events must hold {width} bytes of sids and "
                f"8 of timestamps for each, got {len(sids)} and {len(times)} bytes "
                f"for user {user_id!r}"
            )
    symbols = np.frombuffer(b"".join(s[2] for s in segments), np.uint8).reshape(-1, width)
    timestamps = np.frombuffer(b"".join(s[3] for s in segments), "<i8")
    begins = np.cumsum([0, *(segment[1] for segment in segments)])[:-1]
    starts = begins[_changes(pa.chunked_array([pa.array([s[0] for s in segments])]))]
    return EventSample(len(starts), 0, _bounds(starts, len(symbols)), symbols, timestamps)


def _distinct(ids: pa.ChunkedArray) -> tuple[pa.Array, Int64Array, Int64Array]:
    """Give distinct ids in order, the first event of each, and each event's place among them."""
    encoded = ids.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    places = rank[encoded.indices.to_numpy()]
    _, first = np.unique(places, return_index=True)
    return encoded.dictionary.take(pa.array(order)), first, places


def _changes(users: pa.ChunkedArray) -> Int64Array:
    """Find the rows where another user begins."""
    differs = pc.not_equal(users.slice(1), users.slice(0, len(users) - 1))
    return np.flatnonzero(np.append(True, differs.to_numpy()))


def _bounds(starts: Int64Array, n_events: int) -> Int64Array:
    stops = np.append(starts[1:], n_events)
    rows = [np.arange(a, b, MAX_ROW_EVENTS) for a, b in zip(starts, stops, strict=True)]
    return np.append(np.concatenate(rows), n_events).astype(np.int64)

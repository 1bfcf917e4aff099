"""Events in order in, segments out: packing without a loop over users. No Spark here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from semantic_ids.codebook import null_sid, sids_to_bytes

__all__ = ["SegmentLayout", "blobs_of", "cut_at", "pack_segments"]

_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class SegmentLayout:
    """How events are packed.

    Parameters
    ----------
    width : int
        Bytes of a SID.
    event_dtypes : mapping of str to str
        Little-endian numpy dtype of each further column, such as {"quantity": "<i4"}.
    max_events : int
        A longer history becomes several segments.
    by_day : bool
        Whether a segment ends with its UTC day.
    """

    width: int
    event_dtypes: Mapping[str, str]
    max_events: int
    by_day: bool = False


def pack_segments(
    batches: Iterator[pa.RecordBatch], layout: SegmentLayout
) -> Iterator[pa.RecordBatch]:
    """Turn events, in the order of a user's time and user after user, into segments.

    Parameters
    ----------
    batches : iterator of RecordBatch
        user_id, timestamp (int64 microseconds), sid (int64, null for none), and the event columns.
    layout : SegmentLayout

    Yields
    ------
    RecordBatch
        user_id, n_events, first_us, last_us, sids, timestamps, and the event columns as blobs.

    Notes
    -----
    Holds one batch and at most max_events events of the user whose rows go on.
    """
    carried: pa.Table | None = None
    for batch in batches:
        if not len(batch):
            continue
        events = pa.Table.from_batches([batch])
        if carried is not None:
            events = pa.concat_tables([carried, events])
        starts = _segment_starts(events, layout)
        closed = int(starts[-1])
        if closed:
            yield _pack(events.slice(0, closed), starts[:-1], layout)
        carried = events.slice(closed)
    if carried is not None:
        yield _pack(carried, np.zeros(1, np.int64), layout)


def _segment_starts(events: pa.Table, layout: SegmentLayout) -> npt.NDArray[np.int64]:
    """Find the rows where a segment begins: a new user, a new day, or max_events of one."""
    changes = np.zeros(len(events), bool)
    changes[0] = True
    users = events.column("user_id")
    changes[1:] = pc.not_equal(users.slice(1), users.slice(0, len(events) - 1)).to_numpy()
    if layout.by_day:
        days = events.column("timestamp").to_numpy() // _DAY_US
        changes[1:] |= days[1:] != days[:-1]
    return cut_at(np.flatnonzero(changes), len(events), max_events=layout.max_events)


def cut_at(starts: npt.NDArray[np.int64], n: int, *, max_events: int) -> npt.NDArray[np.int64]:
    """Cut runs of events into pieces of max_events, the last of a run maybe shorter.

    Parameters
    ----------
    starts : ndarray of shape (n_runs,), int64
        Where each run begins; the last one ends at n.

    Returns
    -------
    ndarray of shape (n_pieces,), int64
        Where each piece begins.
    """
    pieces = -(-np.diff(starts, append=n) // max_events)
    first_piece = np.cumsum(pieces) - pieces
    piece = np.arange(pieces.sum()) - np.repeat(first_piece, pieces)
    cuts: npt.NDArray[np.int64] = np.repeat(starts, pieces) + piece * max_events
    return cuts


def _pack(events: pa.Table, starts: npt.NDArray[np.int64], layout: SegmentLayout) -> pa.RecordBatch:
    bounds = np.append(starts, len(events))
    times = events.column("timestamp").to_numpy()
    sids = pc.fill_null(events.column("sid"), null_sid(layout.width)).to_numpy()
    columns: dict[str, pa.Array] = {
        "user_id": events.column("user_id").take(pa.array(starts)).combine_chunks()
    }
    columns["n_events"] = pa.array(np.diff(bounds).astype(np.int32))
    columns["first_us"] = pa.array(times[starts])
    columns["last_us"] = pa.array(times[bounds[1:] - 1])
    columns["sids"] = blobs_of(sids_to_bytes(sids, layout.width), bounds)
    columns["timestamps"] = blobs_of(times.astype("<i8", copy=False), bounds)
    for name, dtype in layout.event_dtypes.items():
        values = events.column(name).to_numpy().astype(dtype, copy=False)
        columns[name] = blobs_of(values, bounds)
    return pa.RecordBatch.from_pydict(columns)


def blobs_of(values: npt.NDArray[Any], bounds: npt.NDArray[np.int64]) -> pa.Array:
    """Cut an array of n rows into binaries at row bounds, without copying it."""
    row_bytes = values.nbytes // len(values)
    offsets = (bounds * row_bytes).astype(np.int32)
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(bounds) - 1, [None, pa.py_buffer(offsets), data]
    )

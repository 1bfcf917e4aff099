"""Segments in, fewer segments out: a user's events in one order, without a loop. No Spark here."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from semantic_ids.errors import InputError
from semantic_ids.spark.segments import blobs_of, cut_at

__all__ = ["MergeRules", "merge_segments", "unpack_segments"]

_KEYS = ("codebook_id", "user_id")
_BATCH_BYTES = 1 << 28  # of one blob column; a binary column of Arrow ends at 2 GiB


@dataclass(frozen=True)
class MergeRules:
    """What becomes of a user's segments.

    Parameters
    ----------
    event_dtypes : mapping of str to str
        Little-endian numpy dtype of each further column, such as {"quantity": "<i4"}.
    max_segment_events : int
        A longer history becomes several segments.
    max_events : int, optional
        Only so many of the newest events are kept.
    """

    event_dtypes: Mapping[str, str]
    max_segment_events: int
    max_events: int | None = None


def merge_segments(
    batches: Iterator[pa.RecordBatch], rules: MergeRules
) -> Iterator[pa.RecordBatch]:
    """Merge each user's segments in the order of time; equal times stay in the order given.

    Parameters
    ----------
    batches : iterator of RecordBatch
        codebook_id, user_id, n_events, sids, timestamps and the event columns; the segments of
        one codebook and user one after another, in the order that decides between equal times.
    rules : MergeRules

    Yields
    ------
    RecordBatch
        codebook_id, user_id, n_events, first_us, last_us, n_dropped (events of the user that are
        not kept, in the first of its segments), sids, timestamps, and the event columns as blobs.

    Raises
    ------
    InputError
        If a blob does not have the bytes of its events.

    Notes
    -----
    Holds one batch and the segments of the user whose rows go on.
    """
    carried: list[pa.RecordBatch] = []
    for part in (part for batch in batches for part in _by_codebook(batch)):
        if carried and not _same_user(carried[-1], part):
            yield from _merge(carried, rules)
            carried = []
        last = int(np.flatnonzero(_changes(part, _KEYS))[-1])
        if last:
            yield from _merge([*carried, part.slice(0, last)], rules)
            carried = []
        carried.append(part.slice(last))
    if carried:
        yield from _merge(carried, rules)


def _by_codebook(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch where the codebook changes, and with it the bytes of a SID."""
    starts = np.flatnonzero(_changes(batch, _KEYS[:1])).tolist()
    for start, end in itertools.pairwise([*starts, len(batch)]):
        yield batch.slice(start, end - start)


def _same_user(one: pa.RecordBatch, other: pa.RecordBatch) -> bool:
    return all(one.column(key)[-1].equals(other.column(key)[0]) for key in _KEYS)


def _changes(segments: pa.RecordBatch | pa.Table, keys: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Tell for each segment whether a key differs from the segment before."""
    starts = np.zeros(len(segments), bool)
    if not len(segments):
        return starts
    starts[0] = True
    for key in keys:
        column = segments.column(key)
        differs = pc.not_equal(column.slice(1), column.slice(0, len(segments) - 1))
        starts[1:] |= differs.to_numpy(zero_copy_only=False)
    return starts


def _merge(batches: Sequence[pa.RecordBatch], rules: MergeRules) -> Iterator[pa.RecordBatch]:
    segments = pa.Table.from_batches(batches)
    n_events = segments.column("n_events").to_numpy().astype(np.int64)
    columns = unpack_segments(segments, n_events, rules.event_dtypes)
    user_rows = np.flatnonzero(_changes(segments, _KEYS))
    before = np.append(0, n_events.cumsum())
    bounds = np.append(before[user_rows], before[-1])
    order = _time_order(columns["timestamps"], bounds)
    if order is not None:
        columns = {name: values[order] for name, values in columns.items()}
    lengths = np.diff(bounds)
    n_kept = np.minimum(lengths, rules.max_events or before[-1])
    if (n_kept < lengths).any():
        newest = np.repeat(bounds[1:] - n_kept, lengths) <= np.arange(before[-1])
        columns = {name: values[newest] for name, values in columns.items()}
    ends = n_kept.cumsum()
    starts = cut_at(ends - n_kept, int(ends[-1]), max_events=rules.max_segment_events)
    first_pieces = np.searchsorted(starts, ends - n_kept)
    n_dropped = np.zeros(len(starts), np.int64)
    n_dropped[first_pieces] = lengths - n_kept
    owners = user_rows[np.searchsorted(ends, starts, side="right")]
    keys = segments.select(_KEYS).take(pa.array(owners))
    yield from _pack(keys, np.append(starts, ends[-1]), n_dropped=n_dropped, columns=columns)


def unpack_segments(
    segments: pa.Table, n_events: npt.NDArray[np.int64], event_dtypes: Mapping[str, str]
) -> dict[str, npt.NDArray[Any]]:
    """View the blobs as one array a column, an event a row; the SIDs as raw bytes.

    Raises
    ------
    InputError
        If a blob does not have the bytes of its events.
    """
    width = _bytes_of(segments, "sids") // max(1, int(n_events.sum()))
    dtypes = {"sids": f"V{width}", "timestamps": "<i8", **event_dtypes}
    unpacked = {}
    for name, dtype in dtypes.items():
        size = np.dtype(dtype).itemsize
        lengths = pc.binary_length(segments.column(name)).to_numpy()
        wrong = lengths != n_events * size
        if not size or wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"{name}: a segment of {n_events[row]} events must hold {n_events[row] * size} "
                f"bytes, got {lengths[row]}"
            )
        chunks = [_bytes(chunk) for chunk in segments.column(name).chunks]
        unpacked[name] = (np.concatenate(chunks) if len(chunks) > 1 else chunks[0]).view(dtype)
    return unpacked


def _bytes_of(segments: pa.Table, name: str) -> int:
    return pc.sum(pc.cast(pc.binary_length(segments.column(name)), pa.int64())).as_py() or 0


def _bytes(blobs: pa.Array) -> npt.NDArray[np.uint8]:
    _, offsets, data = blobs.buffers()
    ends = np.frombuffer(offsets, np.int32)[blobs.offset : blobs.offset + len(blobs) + 1]
    return np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]


def _time_order(
    times: npt.NDArray[np.int64], bounds: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64] | None:
    """Give the order of time within each user, or None where the events stand so already."""
    falls = np.flatnonzero(times[1:] < times[:-1]) + 1
    users = np.searchsorted(bounds, falls, side="right") - 1
    users = np.unique(users[falls > bounds[users]])  # the first event of a user may be earlier
    if not len(users):
        return None
    order = np.arange(len(times))
    lengths = bounds[users + 1] - bounds[users]
    firsts = np.repeat(bounds[users] - (lengths.cumsum() - lengths), lengths)
    rows = np.arange(lengths.sum()) + firsts
    owners = np.repeat(np.arange(len(users)), lengths)
    order[rows] = rows[np.lexsort((times[rows], owners))]  # lexsort is stable
    return order


def _pack(
    keys: pa.Table,
    bounds: npt.NDArray[np.int64],
    *,
    n_dropped: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[Any]],
) -> Iterator[pa.RecordBatch]:
    times = columns["timestamps"]
    widest = max(values.dtype.itemsize for values in columns.values())
    batch_of = bounds[:-1] * widest // _BATCH_BYTES
    splits = np.flatnonzero(np.diff(batch_of)) + 1
    for rows in np.split(np.arange(len(bounds) - 1), splits):
        of = slice(int(rows[0]), int(rows[-1]) + 1)
        cut = bounds[of.start : of.stop + 1]
        part = {key: keys.column(key).slice(of.start, len(rows)).combine_chunks() for key in _KEYS}
        part["n_events"] = pa.array(np.diff(cut).astype(np.int32))
        part["first_us"] = pa.array(times[cut[:-1]])
        part["last_us"] = pa.array(times[cut[1:] - 1])
        part["n_dropped"] = pa.array(n_dropped[of])
        for name, values in columns.items():
            part[name] = blobs_of(values[cut[0] : cut[-1]], cut - cut[0])
        yield pa.RecordBatch.from_pydict(part)

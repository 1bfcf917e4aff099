"""Events in columnar chunks: dealt to tasks before a shuffle, put in order after it. No Spark here.

A shuffle moves a chunk as one value, which costs the events' bytes and nothing per event; and what
the JVM sorts row by row numpy sorts by one integer that holds user and time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TaskPlan", "deal_events", "order_events", "plan_tasks", "read_chunks"]

_ROWS_PER_DEAL = 1 << 19
_ROWS_PER_BATCH = 1 << 18


@dataclass(frozen=True)
class TaskPlan:
    """Which tasks pack which bucket.

    Parameters
    ----------
    first : ndarray of shape (buckets,), int32
        A bucket's first task; small buckets share one.
    n_tasks : ndarray of shape (buckets,), int32
        Over how many tasks its users are spread.
    """

    first: npt.NDArray[np.int32]
    n_tasks: npt.NDArray[np.int32]

    @property
    def total(self) -> int:
        """The number of tasks."""
        return int((self.first + self.n_tasks).max(initial=1))

    def task_of(self, hashes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Give the task of each user's events by xxhash64 of the user, whose modulus is the bucket.

        Parameters
        ----------
        hashes : ndarray of shape (n,), int64

        Returns
        -------
        ndarray of shape (n,), int64
        """
        rest, bucket = np.divmod(hashes, len(self.first))
        return (self.first[bucket] + rest % self.n_tasks[bucket]).astype(np.int64)


def plan_tasks(sizes: Mapping[int, int], buckets: int, *, target: int) -> TaskPlan:
    """Give large buckets several tasks and small ones a task together, in the order of buckets.

    Parameters
    ----------
    sizes : mapping of int to int
        What each bucket that has any holds, in the unit of `target`.
    buckets : int
        Number of buckets.
    target : int
        What a task should hold at most.

    Returns
    -------
    TaskPlan
        Depends on the sizes alone, so that the same events always give the same files.
    """
    first = np.zeros(buckets, np.int32)
    n_tasks = np.ones(buckets, np.int32)
    task, held = 0, 0
    for bucket, size in sorted(sizes.items()):
        if held and held + size > target:
            task, held = task + 1, 0
        first[bucket], n_tasks[bucket] = task, max(1, -(-size // target))
        if n_tasks[bucket] > 1:
            task, held = task + int(n_tasks[bucket]), 0
        else:
            held += size
    return TaskPlan(first, n_tasks)


def deal_events(
    batches: Iterator[pa.RecordBatch], plan: TaskPlan, schema: pa.Schema, *, keep_missing: bool
) -> Iterator[pa.RecordBatch]:
    """Cut events into one chunk for each task, many batches at a time.

    Parameters
    ----------
    batches : iterator of RecordBatch
        user_hash (int64), sid (int64, null for an item without one), and what else goes along.
    plan : TaskPlan
    schema : Schema
        Of what goes along, which may have come with wider integers.
    keep_missing : bool
        Whether events without a SID go along; they are counted in either case.

    Yields
    ------
    RecordBatch
        task (int32), chunk (binary: an Arrow record batch of `schema`, or null),
        n_missing (int64: events without a SID, in the last row).
    """
    held: list[pa.RecordBatch] = []
    n_held = n_missing = 0
    for batch in batches:
        sids = batch.column("sid")
        n_missing += sids.null_count
        kept = batch if keep_missing or not sids.null_count else batch.filter(sids.is_valid())
        held.append(kept)
        n_held += len(kept)
        if n_held >= _ROWS_PER_DEAL:
            yield _deal(held, plan, schema)
            held, n_held = [], 0
    if n_held:
        yield _deal(held, plan, schema)
    yield _rows([0], [None], n_missing)


def _deal(held: Sequence[pa.RecordBatch], plan: TaskPlan, schema: pa.Schema) -> pa.RecordBatch:
    events = pa.Table.from_batches(held).combine_chunks()
    tasks = plan.task_of(events.column("user_hash").to_numpy())
    small = tasks.astype(np.uint16) if plan.total <= 1 << 16 else tasks  # numpy: by radix
    kept = events.select(schema.names).cast(schema)
    dealt = kept.take(pa.array(np.argsort(small, kind="stable")))
    (batch,) = dealt.combine_chunks().to_batches()
    counts = np.bincount(tasks)
    found = np.flatnonzero(counts)
    ends = counts[found].cumsum()
    cuts = zip((ends - counts[found]).tolist(), counts[found].tolist(), strict=True)
    chunks = [batch.slice(start, n).serialize().to_pybytes() for start, n in cuts]
    return _rows(found.tolist(), chunks, 0)


def _rows(tasks: list[int], chunks: list[bytes | None], n_missing: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array(tasks, pa.int32()),
            pa.array(chunks, pa.binary()),
            pa.array([n_missing] * len(tasks), pa.int64()),
        ],
        ["task", "chunk", "n_missing"],
    )


def read_chunks(rows: Iterator[pa.RecordBatch], schema: pa.Schema) -> tuple[pa.Table, int]:
    """Join the chunks of a task; the inverse of `deal_events` for one task.

    Returns
    -------
    Table
        The events, in any order.
    int
        How many events without a SID were met.
    """
    chunks: list[pa.RecordBatch] = []
    n_missing = 0
    for batch in rows:
        n_missing += pc.sum(batch.column("n_missing"), min_count=0).as_py()
        chunks += [
            pa.ipc.read_record_batch(chunk.as_buffer(), schema)
            for chunk in batch.column("chunk")
            if chunk.is_valid
        ]
    return pa.Table.from_batches(chunks, schema), n_missing


def order_events(events: pa.Table, ties: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Put events in the order of user and time, then of the columns that break ties.

    Parameters
    ----------
    events : Table
        user_id, timestamp (int64), and the columns of `ties`.
    ties : sequence of str

    Yields
    ------
    RecordBatch
        All columns. Users come in the order of their first event in `events`; what ties is alike
        in every column of `ties`.

    Notes
    -----
    Sorts one integer per event: the user's number in the upper bits, as much of the time as fits
    below. Events that this does not tell apart, few or none, are sorted by all columns. Memory: 24
    bytes per event besides `events`.
    """
    if not len(events):
        return
    keys = _keys(events)
    order = np.argsort(keys)
    keys = keys[order]
    same = np.flatnonzero(keys[1:] == keys[:-1])
    if len(same):
        rows = np.union1d(same, same + 1)
        tied = events.take(pa.array(order[rows])).append_column("key", pa.array(keys[rows]))
        by = [(name, "ascending") for name in ("key", "timestamp", *ties)]
        within = pc.sort_indices(tied, sort_keys=by).to_numpy()
        order[rows] = order[rows][within]
    for start in range(0, len(order), _ROWS_PER_BATCH):
        part = events.take(pa.array(order[start : start + _ROWS_PER_BATCH]))
        yield from part.combine_chunks().to_batches()


def _keys(events: pa.Table) -> npt.NDArray[np.uint64]:
    users = events.column("user_id").combine_chunks().dictionary_encode()
    if isinstance(users, pa.ChunkedArray):
        (users,) = users.chunks
    numbers = users.indices.to_numpy().astype(np.uint64)
    times = events.column("timestamp").to_numpy()
    since_first = times.view(np.uint64) - np.uint64(int(times.min()) % 2**64)
    bits_of_time = 64 - max(1, (len(users.dictionary) - 1).bit_length())
    spare = max(0, int(since_first.max()).bit_length() - bits_of_time)
    keys: npt.NDArray[np.uint64] = numbers << np.uint64(bits_of_time)
    keys |= since_first >> np.uint64(spare)
    return keys

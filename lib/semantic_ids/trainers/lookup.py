"""Which files of a ``sequences`` table can hold a user: by bucket and by the log's statistics."""

import datetime
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from semantic_ids.trainers.snapshot import Snapshot

SPARK_SEED = 42
EPOCH = datetime.date(1970, 1, 1)


class StoredFile(NamedTuple):
    """A data file and what the log says of its rows; None where it says nothing.

    `bucket` and `ds` (days since the epoch) are those of its partition, `users` are its first and
    last, `first_us` is when its earliest event was, `codebook_id` is that of all its rows.
    """

    uri: str
    n_rows: int | None
    bucket: int
    ds: int
    users: tuple[Any, Any] | None
    first_us: int | None
    codebook_id: str | None


class Users(NamedTuple):
    """Sorted users, and the numbers that a reader gave them."""

    ids: pa.Array
    numbers: npt.NDArray[np.int64]

    def between(self, bounds: tuple[Any, Any] | None) -> "Users":
        """Return the users from a first to a last one."""
        if bounds is None:
            return self
        start = bisect_left(self.ids, bounds[0], key=_plain)
        stop = bisect_right(self.ids, bounds[1], lo=start, key=_plain)
        return Users(self.ids.slice(start, stop - start), self.numbers[start:stop])


def files_of(snapshot: Snapshot) -> list[StoredFile]:
    """List the files of a table as its log describes them."""
    log = snapshot.log

    def column(name: str) -> Sequence[Any]:
        return log.column(name).to_pylist() if name in log.column_names else [None] * len(log)

    bounds = {
        name: list(zip(column(f"min.{name}"), column(f"max.{name}"), strict=True))
        for name in ("user_id", "codebook_id")
    }
    return [
        StoredFile(
            uri,
            n_rows,
            bucket,
            (ds - EPOCH).days,
            None if None in users else users,
            first_us,
            codebooks[0] if codebooks[0] == codebooks[1] and n_nulls == 0 else None,
        )
        for (uri, n_rows), bucket, ds, users, first_us, codebooks, n_nulls in zip(
            snapshot.files.items(),
            column("partition.bucket"),
            column("partition.ds"),
            bounds["user_id"],
            _micros(log),
            bounds["codebook_id"],
            column("null_count.codebook_id"),
            strict=True,
        )
    ]


def files_by_bucket(files: Sequence[StoredFile]) -> Mapping[int, list[StoredFile]]:
    """Group files by bucket."""
    groups: dict[int, list[StoredFile]] = defaultdict(list)
    for file in files:
        groups[file.bucket].append(file)
    return groups


def users_by_bucket(users: Users, n_buckets: int) -> Iterator[tuple[int, Users]]:
    """Group sorted users by bucket."""
    buckets = buckets_of(users.ids, n_buckets)
    order = np.argsort(buckets, kind="stable")
    bounds = np.flatnonzero(np.diff(buckets[order], prepend=-1, append=-1))
    for start, stop in pairwise(bounds.tolist()):
        own = order[start:stop]
        yield int(buckets[own[0]]), Users(users.ids.take(pa.array(own)), users.numbers[own])


def buckets_of(user_ids: pa.Array, n_buckets: int) -> npt.NDArray[np.int64]:
    """Hash users to buckets as Spark's ``pmod(xxhash64(user_id), n_buckets)`` does.

    Parameters
    ----------
    user_ids : pyarrow Array of shape (n,), int64 or string
    n_buckets : int

    Returns
    -------
    ndarray of shape (n,), int64, in [0, n_buckets)
    """
    if pa.types.is_integer(user_ids.type):
        data = user_ids.to_numpy(zero_copy_only=False).astype("<i8").tobytes()
        stored = [data[i : i + 8] for i in range(0, len(data), 8)]
    else:
        stored = [user_id.encode() for user_id in user_ids.to_pylist()]
    hashes = np.array([xxhash.xxh64_intdigest(user, SPARK_SEED) for user in stored], np.uint64)
    return hashes.view(np.int64) % n_buckets


def _micros(log: pa.Table) -> list[int | None]:
    if "min.first_ts" not in log.column_names:
        return [None] * len(log)
    times = log.column("min.first_ts").cast(pa.timestamp("us", "UTC"))
    return times.cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]  # pyarrow is untyped


def _plain(scalar: Any) -> Any:
    return scalar.as_py()

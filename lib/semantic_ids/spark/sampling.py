"""A deterministic sample of an embeddings table: the same rows whatever the partitioning."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semantic_ids.errors import InputError, TableError
from semantic_ids.spark.sources import Source
from semantic_ids.spark.vectors import Chunk, chunks_by_length

__all__ = ["Sample", "draw_rows", "draw_sample", "n_held_out", "nameless_file"]

_ROWS_PER_PARTITION = 8192  # what the driver holds at a time
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_BUCKET_BITS = 48  # of a hash, below the 16 that are counted first


@dataclass(frozen=True)
class Sample:
    """Vectors drawn from a table, in an order of their own.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32
        On disk, in a file without a name: it is gone when the array is, or the process.
    rows_seen : int
        Rows of the table.
    rows_drawn : int
        Rows of the sample, n valid ones and the rest.
    """

    vectors: npt.NDArray[np.float32]
    rows_seen: int
    rows_drawn: int


@dataclass(frozen=True)
class _Cut:
    """The hash up to which rows are drawn; how many rows are below it, and how many at it."""

    rows_seen: int
    place: int
    n_below: int
    n_at: int


def draw_sample(
    source: Source,
    collection: str,
    *,
    size: int,
    seed: int,
    dim: int | None,
    binary_dtype: str,
) -> Sample:
    """Draw the `size` rows whose hash of (item_id, seed) is lowest, in the order of the hash.

    The hashes alone say where to cut; then only rows below the cut are moved, in many small
    partitions, one after another, to a file on the driver's disk. Memory does not grow with
    `size`. Rows that tie (one item_id twice) are ordered by the embedding.

    Parameters
    ----------
    dim : int, optional
        The length of a vector. Default: the commonest one in the sample.

    Raises
    ------
    TableError
        If the table is empty or no row of the sample is a vector.
    """
    ordered, rows_seen = draw_rows(source, [collection], size=size, seed=seed)

    def to_chunks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield chunks_by_length(batch.column(0), binary_dtype, dim=dim)

    chunks = ordered.mapInArrow(to_chunks, "length int, n int, vectors binary")
    found = (Chunk(row["length"], row["n"], row["vectors"]) for row in chunks.toLocalIterator())
    vectors, rows_drawn = store(found, dim)
    if vectors is None:
        raise TableError(f"{source.name}: no row of {collection!r} holds an embedding")
    return Sample(vectors, rows_seen, rows_drawn)


def draw_rows(
    source: Source, names: Sequence[str], *, size: int, seed: int
) -> tuple[DataFrame, int]:
    """Select columns of the sampled rows, in partitions and an order that are always the same.

    Returns
    -------
    rows : DataFrame
        Columns `c0`, `c1`, ...
    rows_seen : int
        Rows of the table.
    """
    place = F.xxhash64(F.col("item_id"), F.lit(seed)).alias("place")
    cut = _find_cut(source.rows.select(place), size)
    if not cut.rows_seen:
        raise TableError(f"{source.name}: {source.location} is empty")
    columns = [source.column(name) for name in names]
    ours = [column.alias(f"c{number}") for number, column in enumerate(columns)]
    tie = F.xxhash64(*columns).alias("tie")
    drawn = _below(source.rows.select(place, "item_id", tie, *ours), cut, size)
    n_partitions = -(-min(size, cut.rows_seen) // _ROWS_PER_PARTITION)
    ordered = drawn.repartitionById(
        n_partitions, _partition(F.col("place"), cut.place, n_partitions)
    ).sortWithinPartitions("place", "item_id", "tie")
    return ordered.drop("place", "item_id", "tie"), cut.rows_seen


def n_held_out(n_rows: int, holdout: float, purpose: str) -> int:
    """Say how many of a sample's rows are kept to measure on.

    Raises
    ------
    InputError
        If none would be kept, or none left for the purpose.
    """
    kept = round(n_rows * holdout)
    if not 0 < kept < n_rows:
        raise InputError(
            f"holdout: {holdout} of {n_rows} valid rows must leave rows to {purpose} and rows to "
            f"measure on, got {kept}"
        )
    return kept


def _find_cut(places: DataFrame, size: int) -> _Cut:
    """Find the `size`-th lowest hash: counts of 65,536 ranges first, then inside one of them."""
    high = F.shiftright("place", _BUCKET_BITS).alias("high")
    counts = sorted(places.groupBy(high).count().collect())
    rows_seen = sum(n for _, n in counts)
    if rows_seen <= size:
        return _Cut(rows_seen, _HIGHEST, rows_seen, 0)
    bucket, below = _reach(counts, size, 0)
    inside = places.where(high == bucket).groupBy("place").count().collect()
    place, below = _reach(sorted(inside), size, below)
    n_at = next(n for key, n in inside if key == place)
    return _Cut(rows_seen, place, below, n_at)


def _reach(counts: Iterable[tuple[int, int]], size: int, below: int) -> tuple[int, int]:
    """Give the first key at which `size` rows are reached, and the number of rows before it."""
    for key, n in counts:
        if below + n >= size:
            return key, below
        below += n
    raise ValueError(f"size must be at most the {below} rows counted, got {size}")


def _below(keyed: DataFrame, cut: _Cut, size: int) -> DataFrame:
    place = F.col("place")
    if cut.n_below + cut.n_at <= size:
        return keyed.where(place <= cut.place)
    some = keyed.where(place == cut.place).orderBy("item_id", "tie").limit(size - cut.n_below)
    return keyed.where(place < cut.place).unionByName(some)


def _partition(place: Column, cut: int, n_partitions: int) -> Column:
    """Give the partition of a hash: they are in its order and, as it is uniform, of one size."""
    share = (place.cast("double") - float(_LOWEST)) / (float(cut) - float(_LOWEST) + 1.0)
    return F.least(F.floor(share * n_partitions), F.lit(n_partitions - 1)).cast("int")


def store(chunks: Iterable[Chunk], dim: int | None) -> tuple[npt.NDArray[np.float32] | None, int]:
    """Write chunks to a file as they come, and map those of one length as one array.

    Returns
    -------
    vectors : ndarray of shape (n, dim), float32, or None
        None where no row has a length.
    rows : int
        Rows of all chunks, those that are no vectors included.
    """
    file = nameless_file()
    kept: list[tuple[int, int, int]] = []
    rows = 0
    by_length: dict[int, int] = {}
    for chunk in chunks:
        rows += chunk.n
        by_length[chunk.length] = by_length.get(chunk.length, 0) + chunk.n
        if len(chunk.vectors):
            kept.append((chunk.length, file.tell(), len(chunk.vectors)))
            file.write(chunk.vectors)
    by_length = {length: n for length, n in by_length.items() if length > 0}
    length = dim or max(by_length, key=lambda length: (by_length[length], -length), default=0)
    if not length:
        return None, rows
    if any(other != length for other, _, _ in kept):
        file = _only(file, [(start, n) for other, start, n in kept if other == length])
    n_vectors = file.tell() // (4 * length)
    if not n_vectors:
        return np.zeros((0, length), np.float32), rows
    file.flush()
    return np.memmap(file, "<f4", "r", shape=(n_vectors, length)), rows


def nameless_file() -> IO[bytes]:
    """Open a file on the driver's disk that is gone when nothing reads it any more."""
    return tempfile.TemporaryFile()  # it lives as long as the array on it


def _only(file: IO[bytes], pieces: Iterable[tuple[int, int]]) -> IO[bytes]:
    """Copy pieces of a file, (start, size) in bytes each, to another one."""
    copy = nameless_file()
    for start, size in pieces:
        file.seek(start)
        copy.write(file.read(size))
    return copy

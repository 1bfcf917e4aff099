"""A deterministic sample of several collections and categories, row by row side by side."""

import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DoubleType,
    FloatType,
    IntegralType,
    StringType,
)

from semantic_ids.codebook import present_rows
from semantic_ids.errors import ShapeError, TableError
from semantic_ids.spark.sampling import draw_rows, nameless_file
from semantic_ids.spark.sources import Source, quoted
from semantic_ids.spark.vectors import parse_vectors

__all__ = ["FusionSample", "draw_fusion_sample", "require_category"]

_PIECE_ROWS = 1024


@dataclass(frozen=True)
class FusionSample:
    """Items drawn from a table, in an order of their own.

    Parameters
    ----------
    vectors : mapping of str to ndarray of shape (n, dim), float32
        On disk, NaN where an item lacks the collection.
    categories : mapping of str to list of n labels, or ndarray of shape (n, n_classes)
    rows_seen : int
        Rows of the table.
    rows_drawn : int
        Rows of the sample, n valid ones and those that quantize_items would reject.
    """

    vectors: Mapping[str, npt.NDArray[np.float32]]
    categories: Mapping[str, Any]
    rows_seen: int
    rows_drawn: int


def require_category(source: Source, category: str) -> None:
    """Refuse a column that is neither labels nor probabilities."""
    found = source.type_of(category)
    if isinstance(found, StringType | IntegralType):
        return
    if isinstance(found, ArrayType) and isinstance(found.elementType, FloatType | DoubleType):
        return
    raise TableError(
        f"{source.name}: category {category!r} must be text, whole numbers or an array of "
        f"probabilities, got {found.simpleString()}"
    )


def draw_fusion_sample(
    source: Source,
    collections: Sequence[str],
    categories: Sequence[str],
    *,
    size: int,
    seed: int,
    zero_is_missing: Collection[str],
    binary_dtype: str,
) -> FusionSample:
    """Draw the `size` rows whose hash of (item_id, seed) is lowest, in the order of the hash.

    A collection's dimension is the commonest length in the sample. Vectors go from many small
    partitions, one after another, to files on the driver's disk.

    Raises
    ------
    TableError
        If the table is empty, or no row of the sample holds a collection.
    ShapeError
        If probabilities of one category have several lengths.
    """
    names = [*collections, *categories]
    rows, rows_seen = draw_rows(source, names, size=size, seed=seed)
    dims = _dims(rows, source, collections, binary_dtype)
    schema = "n int, kept int, vectors binary, labels binary"
    zeros = [name in zero_is_missing for name in collections]
    pieces = rows.mapInArrow(_packer(dims, zeros, binary_dtype), schema).toLocalIterator()
    n_drawn, n_kept, n_values = 0, 0, sum(dims)
    labels: list[pa.RecordBatch] = []
    with_all = nameless_file()
    for piece in pieces:
        n_drawn, n_kept = n_drawn + piece["n"], n_kept + piece["kept"]
        with_all.write(piece["vectors"])
        labels.extend(pa.ipc.open_stream(io.BytesIO(piece["labels"])))
    with_all.flush()
    if not n_kept:
        raise TableError(f"{source.name}: no row of the sample can be quantised")
    everything = np.memmap(with_all, "<f4", "r", shape=(n_kept, n_values))
    ends = np.cumsum(dims)
    parts = {
        name: everything[:, end - dim : end]
        for name, dim, end in zip(collections, dims, ends, strict=True)
    }
    table = pa.Table.from_batches(labels)
    found = {name: _category(name, table.column(number)) for number, name in enumerate(categories)}
    return FusionSample(parts, found, rows_seen, n_drawn)


def _dims(
    rows: DataFrame, source: Source, collections: Sequence[str], binary_dtype: str
) -> list[int]:
    """Find the commonest length of each collection; of two, the longer."""
    item_bytes = np.dtype(binary_dtype).itemsize
    dims = []
    for number, name in enumerate(collections):
        column = F.col(f"c{number}")
        is_binary = isinstance(rows.schema[number].dataType, BinaryType)
        length = (F.octet_length(column) / item_bytes).cast("int") if is_binary else F.size(column)
        counts = rows.where(column.isNotNull()).groupBy(length.alias("length")).count().collect()
        sized = [(row["count"], row["length"]) for row in counts if row["length"] > 0]
        if not sized:
            raise TableError(
                f"{source.name}: at least one row must hold {quoted(name)}, all of the sample "
                "lack it"
            )
        dims.append(max(sized)[1])
    return dims


def _packer(
    dims: Sequence[int], zeros: Sequence[bool], binary_dtype: str
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for start in range(0, len(batch), _PIECE_ROWS):
                yield _piece(batch.slice(start, _PIECE_ROWS), dims, zeros, binary_dtype)

    return pack


def _piece(
    batch: pa.RecordBatch, dims: Sequence[int], zeros: Sequence[bool], binary_dtype: str
) -> pa.RecordBatch:
    """Turn rows into one: how many there are and are kept, their vectors, their categories."""
    columns = []
    broken, present = np.zeros((2, len(batch)), np.bool_)
    for column, dim, zero in zip(batch.columns, dims, zeros, strict=False):
        found = parse_vectors(column, dim, binary_dtype=binary_dtype)
        rows = np.full((len(batch), dim), np.nan, np.float32)
        rows[found.valid] = found.vectors
        broken |= ~found.valid & ~column.is_null().to_numpy(zero_copy_only=False)
        present |= present_rows(rows, zero_is_missing=zero)
        columns.append(rows)
    vectors = np.concatenate(columns, axis=1)
    kept = present & ~broken
    labels = batch.select(list(range(len(dims), batch.num_columns))).filter(pa.array(kept))
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, labels.schema) as writer:
        writer.write_batch(labels)
    packed = (len(batch), int(kept.sum()), vectors[kept].astype("<f4").tobytes(), stream.getvalue())
    names = ("n", "kept", "vectors", "labels")
    types = (pa.int32(), pa.int32(), pa.binary(), pa.binary())
    arrays = [pa.array([value], kind) for value, kind in zip(packed, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names)


def _category(name: str, column: pa.ChunkedArray) -> Any:
    """Give labels as a list, probabilities as an array with NaN where they are missing."""
    values = column.to_pylist()
    if not pa.types.is_list(column.type):
        return values
    lengths = {len(value) for value in values if value is not None}
    if len(lengths) > 1:
        raise ShapeError(
            f"{name}: probabilities must have one length, got {sorted(lengths)} in the sample"
        )
    n_classes = lengths.pop() if lengths else 0
    return np.array([[np.nan] * n_classes if value is None else value for value in values], float)

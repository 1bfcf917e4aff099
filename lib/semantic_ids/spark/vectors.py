"""Embedding columns: Arrow in, float32 vectors out, and a reason for every row that is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DataType, DoubleType, FloatType

from semantic_ids.codebook import Codebook, present_rows
from semantic_ids.errors import TableError
from semantic_ids.spark.sources import Source

__all__ = [
    "Chunk",
    "ParsedItems",
    "ParsedVectors",
    "chunks_by_length",
    "embedding_in_words",
    "lengths_of",
    "parse_items",
    "parse_vectors",
    "require_embedding",
]

_ELEMENTS = (FloatType, DoubleType)
_CHUNK_BYTES = 8 * 2**20
NO_COLLECTION = "the item has none of {}"  # a reject's reason


@dataclass(frozen=True)
class ParsedVectors:
    """The valid vectors of a batch, and why the other rows are not.

    Parameters
    ----------
    vectors : ndarray of shape (n_valid, dim), float32
    valid : ndarray of shape (n,), bool
    reasons : list of n entries
        None where the row is valid.
    """

    vectors: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]
    reasons: list[str | None]


def require_embedding(source: Source, collection: str) -> DataType:
    """Give a collection's type: array<float>, array<double> or BINARY."""
    found = source.type_of(collection)
    if isinstance(found, BinaryType):
        return found
    if isinstance(found, ArrayType) and isinstance(found.elementType, _ELEMENTS):
        return found
    raise TableError(
        f"{source.name}: column {collection!r} must be array<float>, array<double> or binary, "
        f"got {found.simpleString()}"
    )


def embedding_in_words(source: Source, collection: str, binary_dtype: str) -> str:
    """Say what the first embedding looks like, such as "text, 384 values of float"."""
    kind = require_embedding(source, collection)
    if isinstance(kind, ArrayType):
        dtype, count = kind.elementType.simpleString(), F.size(source.column(collection))
    else:
        dtype = f"{binary_dtype} in BINARY (binary_dtype)"
        itemsize = np.dtype(binary_dtype).itemsize
        count = F.floor(F.octet_length(source.column(collection)) / itemsize)
    first = source.rows.where(source.column(collection).isNotNull()).select(count).first()
    return f"{collection}, {first[0]:,} values of {dtype}" if first else f"{collection}, all null"


def lengths_of(column: pa.Array, binary_dtype: str) -> npt.NDArray[np.int64]:
    """Count each row's floats, shape (n,); -1 where the row is null."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        lengths = pc.divide(pc.binary_length(column), np.dtype(binary_dtype).itemsize)
    else:
        lengths = pc.list_value_length(column)
    filled: npt.NDArray[np.int64] = pc.fill_null(lengths, -1).cast(pa.int64()).to_numpy()
    return filled


class Chunk(NamedTuple):
    """Vectors of one length in the order of their rows, float32, and the rows that had it."""

    length: int
    n: int
    vectors: bytes


def chunks_by_length(
    column: pa.Array, binary_dtype: str, *, dim: int | None = None
) -> pa.RecordBatch:
    """Turn a column of embeddings into chunks of at most 8 MiB, a row each: length, n, vectors.

    Parameters
    ----------
    column : pyarrow.Array
        As `parse_vectors` takes it.
    dim : int, optional
        The length to keep; rows of another one are counted only. Default: every length is kept.
    """
    lengths = lengths_of(column, binary_dtype)
    chunks: list[Chunk] = []
    for length in np.unique(lengths).tolist():
        places = np.flatnonzero(lengths == length)
        if length <= 0 or dim not in (None, length):
            chunks.append(Chunk(length, len(places), b""))
            continue
        step = max(1, _CHUNK_BYTES // (4 * length))
        for start in range(0, len(places), step):
            rows = column.take(pa.array(places[start : start + step]))
            parsed = parse_vectors(rows, length, binary_dtype=binary_dtype)
            chunks.append(Chunk(length, len(rows), parsed.vectors.astype("<f4").tobytes()))
    schema = pa.schema([("length", pa.int32()), ("n", pa.int32()), ("vectors", pa.binary())])
    return pa.RecordBatch.from_pylist([chunk._asdict() for chunk in chunks], schema)


def parse_vectors(column: pa.Array, dim: int, *, binary_dtype: str) -> ParsedVectors:
    """Turn a column of embeddings into vectors.

    Parameters
    ----------
    column : pyarrow.Array of n rows
        Lists of float or double, or binaries of little-endian `binary_dtype`.
    dim : int
        The length that a vector must have.
    binary_dtype : str
        float32 or float16; for binaries only.
    """
    is_binary = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
    item_bytes = np.dtype(binary_dtype).itemsize
    sizes = pc.binary_length(column) if is_binary else pc.list_value_length(column)
    size = pc.fill_null(sizes, -1).to_numpy(zero_copy_only=False)
    whole = size == dim * (item_bytes if is_binary else 1)
    kept = column.filter(pa.array(whole)) if not whole.all() else column
    rows = _from_binary(kept, dim, binary_dtype) if is_binary else _from_lists(kept, dim)
    finite = np.isfinite(rows).all(axis=1)
    valid = whole.copy()
    valid[whole] = finite
    vectors = rows if finite.all() else rows[finite]
    if valid.all():
        return ParsedVectors(vectors, valid, [None] * len(column))
    return ParsedVectors(vectors, valid, _reasons(size, whole, valid, dim, is_binary))


@dataclass(frozen=True)
class ParsedItems:
    """The items of a batch that a codebook can encode, and why the others are not among them.

    Parameters
    ----------
    vectors : ndarray of shape (n_valid, dim), or mapping of str to such an array
        As `encode` takes them: for a fused codebook by collection, NaN where an item lacks one.
    valid : ndarray of shape (n,), bool
    reasons : list of n entries
        None where the item is valid.
    """

    vectors: npt.NDArray[np.float32] | Mapping[str, npt.NDArray[np.float32]]
    valid: npt.NDArray[np.bool_]
    reasons: Sequence[str | None]


def parse_items(
    columns: Sequence[pa.Array], codebook: Codebook, *, binary_dtype: str
) -> ParsedItems:
    """Turn a codebook's collections, in its order, into what it encodes.

    For a fused codebook a null means that the item lacks the collection; an item that lacks all, or
    has one that is no vector, is not valid.
    """
    dims = codebook.collections
    parsed = [
        parse_vectors(column, dim, binary_dtype=binary_dtype)
        for column, dim in zip(columns, dims.values(), strict=True)
    ]
    if codebook.fusion is None:
        (only,) = parsed
        return ParsedItems(only.vectors, only.valid, only.reasons)
    vectors, reasons = {}, [NO_COLLECTION.format(", ".join(dims))] * len(columns[0])
    broken, present = np.zeros((2, len(reasons)), np.bool_)
    for (name, dim), column, found in zip(dims.items(), columns, parsed, strict=True):
        rows = np.full((len(column), dim), np.nan, np.float32)
        rows[found.valid] = found.vectors
        vectors[name] = rows
        zero = codebook.fusion.branches[name].zero_is_missing
        present |= present_rows(rows, zero_is_missing=zero)
        wrong = ~found.valid & ~column.is_null().to_numpy(zero_copy_only=False) & ~broken
        for row in np.flatnonzero(wrong):
            reasons[row] = f"{name}: {found.reasons[row]}"
        broken |= wrong
    valid = present & ~broken
    kept = vectors if valid.all() else {name: rows[valid] for name, rows in vectors.items()}
    said = [None if fine else reason for fine, reason in zip(valid, reasons, strict=True)]
    return ParsedItems(kept, valid, said)


def _from_binary(column: pa.Array, dim: int, binary_dtype: str) -> npt.NDArray[np.float32]:
    little = np.dtype(binary_dtype).newbyteorder("<")
    offset_type = np.int64 if pa.types.is_large_binary(column.type) else np.int32
    _, offsets_buffer, data = column.buffers()
    if data is None or not len(column):
        return np.zeros((0, dim), np.float32)
    offsets = np.frombuffer(offsets_buffer, offset_type)[column.offset :]
    start, stop = int(offsets[0]), int(offsets[len(column)])
    flat = np.frombuffer(memoryview(data)[start:stop], little)
    return flat.reshape(-1, dim).astype(np.float32)


def _from_lists(column: pa.Array, dim: int) -> npt.NDArray[np.float32]:
    flat = column.flatten()
    values = flat.to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):
        rows: npt.NDArray[np.float32] = values.astype(np.float32, copy=False).reshape(-1, dim)
    return rows


def _reasons(
    size: npt.NDArray[np.int64],
    whole: npt.NDArray[np.bool_],
    valid: npt.NDArray[np.bool_],
    dim: int,
    is_binary: bool,
) -> list[str | None]:
    unit = "bytes" if is_binary else "values"
    reasons: list[str | None] = [None] * len(size)
    for row in np.flatnonzero(~valid):
        if size[row] < 0:
            reasons[row] = "the embedding is null"
        elif not whole[row]:
            reasons[row] = f"the embedding must have {dim} values, got {size[row]} {unit}"
        else:
            reasons[row] = "the embedding holds a null, NaN, infinity or too large a value"
    return reasons

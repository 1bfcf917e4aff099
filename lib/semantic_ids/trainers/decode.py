"""Packed columns of record batches to tensors: whole buffers at a time, no row on its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from semantic_ids.codebook import bytes_to_sids
from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers.arguments import Values
from semantic_ids.trainers.batch import SequenceBatch

ByteBuffer = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]


class Piece(NamedTuple):
    """Consecutive rows of a file, which is named in messages."""

    rows: pa.RecordBatch
    file: str


def rebatch(pieces: Iterator[Piece], batch_size: int) -> Iterator[list[Piece]]:
    """Cut pieces, without copying, into batches of `batch_size` rows; the last may have fewer."""
    held: list[Piece] = []
    missing = batch_size
    for rows, file in pieces:
        start = 0
        while rows.num_rows - start >= missing:
            held.append(Piece(rows.slice(start, missing), file))
            yield held
            start += missing
            held, missing = [], batch_size
        if start < rows.num_rows:
            held.append(Piece(rows.slice(start), file))
            missing -= rows.num_rows - start
    if held:
        yield held


@dataclass(frozen=True)
class Decoder:
    """Turns rows of a ``sequences`` table into jagged tensors.

    Parameters
    ----------
    width : int
        Bytes of a SID.
    values : {"sids", "bytes"}
    columns : mapping of str to dtype
        Packed columns to decode besides the SIDs, with the type of their elements.
    """

    width: int
    values: Values
    columns: Mapping[str, np.dtype[Any]]

    def __call__(self, pieces: Sequence[Piece]) -> SequenceBatch:
        """Decode one batch; its rows have user_id, n_events, sids and the packed columns."""
        for piece in pieces:
            check_rows(piece)
        n_events = [piece.rows.column("n_events").to_numpy().astype(np.int64) for piece in pieces]
        offsets = np.zeros(sum(map(len, n_events)) + 1, np.int64)
        np.cumsum(_joined(n_events), out=offsets[1:])

        def blobs(name: str, itemsize: int) -> list[ByteBuffer]:
            pairs = zip(pieces, n_events, strict=True)
            return [packed_bytes(piece, name, n, itemsize=itemsize) for piece, n in pairs]

        return SequenceBatch(
            user_ids=user_ids_of([piece.rows.column("user_id") for piece in pieces]),
            values=self._values(blobs("sids", self.width)),
            offsets=torch.from_numpy(offsets),
            columns={
                name: torch.from_numpy(_joined(blobs(name, dtype.itemsize)).view(dtype))
                for name, dtype in self.columns.items()
            },
            position=None,
        )

    def _values(self, blobs: list[ByteBuffer]) -> Tensor:
        if self.values == "bytes":
            return torch.from_numpy(_joined(blobs)).view(-1, self.width)
        sids = np.empty(sum(map(len, blobs)) // self.width, np.int64)
        start = 0
        for blob in blobs:
            stop = start + len(blob) // self.width
            bytes_to_sids(blob.reshape(-1, self.width), self.width, out=sids[start:stop])
            start = stop
        return torch.from_numpy(sids)


def blob_of(column: pa.Array) -> tuple[ByteBuffer, Int64Array]:
    """Return the bytes of a binary column without copying, and the length of each cell."""
    if not pa.types.is_binary(column.type):
        column = column.cast(pa.large_binary())
    offset_type = np.dtype(np.int64 if pa.types.is_large_binary(column.type) else np.int32)
    _, offsets_buffer, data_buffer = column.buffers()
    start = column.offset * offset_type.itemsize
    stored = np.frombuffer(offsets_buffer, offset_type, count=len(column) + 1, offset=start)
    ends = stored.astype(np.int64)
    data = np.frombuffer(data_buffer or b"", np.uint8)[ends[0] : ends[-1]]
    # torch has no read-only tensors.
    return data if data.flags.writeable else data.copy(), ends[1:] - ends[:-1]


def check_rows(piece: Piece) -> None:
    """Raise for the first column with a null, or with text that is not UTF-8.

    Raises
    ------
    InputError, TableError
    """
    for name in piece.rows.schema.names:
        column = piece.rows.column(name)
        if column.null_count:
            raise InputError(f"{name} must not be null, got a null in {piece.file}")
        if pa.types.is_string(column.type):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                raise TableError(
                    f"{name} must be text in UTF-8, got other bytes in {piece.file}"
                ) from None


def packed_bytes(piece: Piece, name: str, n_events: Int64Array, *, itemsize: int) -> ByteBuffer:
    """Return the bytes of a packed column, without copying.

    Raises
    ------
    InputError
        If a segment does not have `itemsize` bytes for each of its events.
    """
    blob, lengths = blob_of(piece.rows.column(name))
    wrong = lengths != n_events * itemsize
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(
            f"{name} must have {itemsize} bytes for each of a segment's {n_events[i]} events, "
            f"got {lengths[i]} bytes for user {piece.rows.column('user_id')[i].as_py()!r} "
            f"in {piece.file}"
        )
    return blob


def user_ids_of(columns: Sequence[pa.Array]) -> Tensor | list[str]:
    """Return users as a batch has them."""
    if pa.types.is_integer(columns[0].type):
        return torch.from_numpy(np.concatenate([c.to_numpy() for c in columns]).astype(np.int64))
    return [user_id for column in columns for user_id in column.to_pylist()]


def _joined(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return arrays one after another; a single one is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

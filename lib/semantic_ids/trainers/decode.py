"""Packed columns of a record batch to tensors: whole buffers at a time, no row on its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from semantic_ids.codebook import bytes_to_sids
from semantic_ids.errors import InputError
from semantic_ids.trainers.batch import Segments

Values = Literal["sids", "bytes"]
ByteBuffer = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.int64]

WORD = 8


@dataclass(frozen=True)
class Decoder:
    """Turns record batches of a ``sequences`` table into jagged tensors.

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

    def __call__(self, rows: pa.RecordBatch, source: str) -> Segments:
        """Decode rows of user_id, n_events, sids and the packed columns; `source` is their file."""
        for name in rows.schema.names:
            if rows.column(name).null_count:
                raise InputError(f"{name} must not be null, got a null in {source}")
        n_events = rows.column("n_events").to_numpy().astype(np.int64)
        blobs = {}
        for name, itemsize in self._itemsizes().items():
            blobs[name], lengths = blob_of(rows.column(name))
            _check_lengths(name, lengths, n_events, itemsize=itemsize, rows=rows, source=source)
        offsets = np.zeros(rows.num_rows + 1, np.int64)
        np.cumsum(n_events, out=offsets[1:])
        return Segments(
            user_ids=_user_ids(rows.column("user_id")),
            values=self._values(blobs["sids"]),
            offsets=torch.from_numpy(offsets),
            columns={
                name: torch.from_numpy(blobs[name].view(dtype))
                for name, dtype in self.columns.items()
            },
        )

    def _itemsizes(self) -> dict[str, int]:
        return {"sids": self.width} | {name: d.itemsize for name, d in self.columns.items()}

    def _values(self, blob: ByteBuffer) -> Tensor:
        if self.values == "bytes":
            return torch.from_numpy(blob).view(-1, self.width)
        return torch.from_numpy(blob_to_sids(blob, self.width))


def blob_of(column: pa.Array) -> tuple[ByteBuffer, Lengths]:
    """Return the bytes of a binary column without copying, and the length of each cell."""
    if not pa.types.is_binary(column.type):
        column = column.cast(pa.large_binary())
    offset_type = np.int64 if pa.types.is_large_binary(column.type) else np.int32
    _, offsets_buffer, data_buffer = column.buffers()
    start = column.offset * np.dtype(offset_type).itemsize
    ends = np.frombuffer(offsets_buffer, offset_type, count=len(column) + 1, offset=start)
    data = np.frombuffer(data_buffer or b"", np.uint8)[ends[0] : ends[-1]]
    # torch has no read-only tensors.
    return data if data.flags.writeable else data.copy(), np.diff(ends).astype(np.int64)


def blob_to_sids(blob: ByteBuffer, width: int) -> npt.NDArray[np.int64]:
    """Read SIDs that stand one after another, several times faster than ``bytes_to_sids``.

    Each SID is the top of an 8-byte word that overlaps the SIDs after it, so that one strided pass
    over the blob reads all but the last few, whose words would pass the end.
    """
    sids = np.empty(len(blob) // width, np.int64)
    n_words = max(0, (len(blob) - WORD) // width + 1)
    if n_words:
        words = np.ndarray((n_words,), ">u8", buffer=blob, strides=(width,))
        np.right_shift(words, np.uint64(8 * (WORD - width)), out=sids[:n_words].view(np.uint64))
    sids[n_words:] = bytes_to_sids(blob[n_words * width :].reshape(-1, width), width)
    return sids


def _user_ids(column: pa.Array) -> Tensor | list[str]:
    if pa.types.is_integer(column.type):
        return torch.from_numpy(column.to_numpy().astype(np.int64))
    ids: list[str] = column.to_pylist()
    return ids


def _check_lengths(
    name: str,
    lengths: Lengths,
    n_events: Lengths,
    *,
    itemsize: int,
    rows: pa.RecordBatch,
    source: str,
) -> None:
    wrong = lengths != n_events * itemsize
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(
            f"{name} must have {itemsize} bytes for each of a segment's {n_events[i]} events, got "
            f"{lengths[i]} bytes for user {rows.column('user_id')[i].as_py()!r} in {source}"
        )

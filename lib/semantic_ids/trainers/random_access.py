"""Segments of given users out of Parquet files: which row groups, which rows, which events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers.decode import Piece, check_rows, packed_bytes
from semantic_ids.trainers.lookup import StoredFile, Users
from semantic_ids.trainers.parquet_files import (
    bounds_of,
    check_columns,
    check_packed,
    leaf_index,
    open_file,
)
from semantic_ids.trainers.point_in_time import Int64Array, Segments
from semantic_ids.trainers.units import BYTES_PER_READ

MAX_FOOTERS = 4096


@dataclass(frozen=True)
class SegmentReader:
    """Reads segments of one codebook.

    Parameters
    ----------
    codebook_id : str or None
    width : int
        Bytes of a SID.
    filesystem : FileSystem or None
    """

    codebook_id: str | None
    width: int
    filesystem: fs.FileSystem | None
    _footers: dict[str, pq.FileMetaData] = field(default_factory=dict)

    def read(
        self, file: StoredFile, users: Users, columns: Mapping[str, np.dtype[Any]]
    ) -> Iterator[Segments]:
        """Read the segments of users that a file has, with `columns` besides SIDs and times."""
        uri = file.uri
        names = ["n_events", "sids", "timestamps", *columns]
        keys = ["user_id", "codebook_id"]
        with open_file(uri, self.filesystem, metadata=self._footers.get(uri)) as opened:
            check_columns(opened, (*keys, *names), n_rows=file.n_rows, uri=uri)
            check_packed(opened, names, uri)
            if uri not in self._footers:
                if len(self._footers) >= MAX_FOOTERS:
                    self._footers.pop(next(iter(self._footers)))
                self._footers[uri] = opened.metadata
            user_id, codebook_id = (leaf_index(opened, key) for key in keys)
            for row_group in range(opened.num_row_groups):
                group = opened.metadata.row_group(row_group)
                near = users.between(bounds_of(group, user_id))
                if len(near.ids):
                    is_known = _is_all_of(file, bounds_of(group, codebook_id))
                    wanted = keys[:1] if is_known else keys
                    read = opened.read_row_group(row_group, wanted, use_threads=False)
                    check_rows(Piece(read, uri))
                    rows, found = self._rows_of(read, near)
                    for piece, owners in _pieces(
                        opened, row_group, rows, users=found, names=["user_id", *names], uri=uri
                    ):
                        yield self._segments(piece, owners, ds=file.ds, columns=columns)

    def _rows_of(self, keys: pa.Table, users: Users) -> tuple[Int64Array, Int64Array]:
        """Return the rows of users in a row group, and the users' numbers."""
        places = pc.index_in(keys.column("user_id").cast(users.ids.type), value_set=users.ids)
        is_wanted = places.is_valid()
        if "codebook_id" in keys.column_names:
            is_ours = pc.equal(keys.column("codebook_id"), self.codebook_id)
            is_wanted = pc.and_(is_wanted, is_ours)
        rows = np.flatnonzero(is_wanted.to_numpy())
        return rows, users.numbers[places.take(pa.array(rows)).to_numpy()]

    def _segments(
        self,
        piece: Piece,
        users: Int64Array,
        *,
        ds: int,
        columns: Mapping[str, np.dtype[Any]],
    ) -> Segments:
        check_rows(piece)
        lengths = piece.rows.column("n_events").to_numpy().astype(np.int64)

        def packed(name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
            return packed_bytes(piece, name, lengths, itemsize=dtype.itemsize).view(dtype)

        sids = packed_bytes(piece, "sids", lengths, itemsize=self.width)
        times = packed("timestamps", np.dtype("<i8"))
        columns_of = {name: packed(name, dtype) for name, dtype in columns.items()}
        has_events = lengths > 0
        users, lengths = users[has_events], lengths[has_events]
        stops = lengths.cumsum()
        starts = stops - lengths
        _refuse_disorder(times, starts, piece.rows.column("user_id").filter(has_events), piece.file)
        return Segments(
            users=users,
            ds=np.full(len(users), ds),
            first=times[starts],
            last=times[stops - 1],
            stored=np.zeros(len(users), np.int64),
            lengths=lengths,
            times=times,
            packed={"sids": sids.reshape(-1, self.width), **columns_of},
        )


def _pieces(
    opened: pq.ParquetFile,
    row_group: int,
    rows: Int64Array,
    *,
    users: Int64Array,
    names: Sequence[str],
    uri: str,
) -> Iterator[tuple[Piece, Int64Array]]:
    """Read rows of a row group, a few at a time and none after the last."""
    if not len(rows):
        return
    group = opened.metadata.row_group(row_group)
    n_rows = max(1, BYTES_PER_READ * group.num_rows // max(1, group.total_byte_size))
    start = 0
    for batch in opened.iter_batches(
        n_rows, row_groups=[row_group], columns=names, use_threads=False
    ):
        low, high = np.searchsorted(rows, [start, start + batch.num_rows])
        if low < high:
            own = batch.take(pa.array(rows[low:high] - start))
            yield Piece(own, uri), users[low:high]
        start += batch.num_rows
        if high == len(rows):
            return


def _is_all_of(file: StoredFile, said: tuple[str, str] | None) -> bool:
    """Whether a row group's statistics say that all its rows are of the file's one codebook.

    Raises
    ------
    TableError
        If they say otherwise than the log does.
    """
    if file.codebook_id and said and set(said) != {file.codebook_id}:
        raise TableError(
            f"codebook_id must be {file.codebook_id} in {file.uri}, as the log of the table says, "
            f"got {said[0] if said[0] != file.codebook_id else said[1]}"
        )
    return bool(file.codebook_id and said)


def _refuse_disorder(times: Int64Array, starts: Int64Array, users: pa.Array, file: str) -> None:
    falls = times[1:] < times[:-1]
    falls[starts[1:] - 1] = False
    if falls.any():
        row = int(np.searchsorted(starts, falls.argmax(), side="right")) - 1
        raise InputError(
            "timestamps must not decrease within a segment, got one that does for user "
            f"{users[row].as_py()!r} in {file}"
        )

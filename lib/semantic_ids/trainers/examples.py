"""A torch dataset over a table of examples, each with its user's history at its time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import torch
from pyarrow import fs
from torch import Tensor

from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers.arguments import check_integer
from semantic_ids.trainers.batch import ExampleBatch
from semantic_ids.trainers.decode import Piece, check_rows, rebatch
from semantic_ids.trainers.histories import SequenceHistories
from semantic_ids.trainers.sharded import ShardedDataset, check_shares
from semantic_ids.trainers.snapshot import (
    check_names,
    column_types,
    list_files,
    open_table,
    rows_by_file,
)
from semantic_ids.trainers.time_order import in_time_order, micros_of, refuse_disorder
from semantic_ids.trainers.units import list_units

Order = Literal["stored", "time"]

TIMES = ("timestamp", "timestamp_ntz", "long")
FEATURES = (*TIMES, "byte", "short", "integer", "float", "double", "boolean", "string")


class ExampleDataset(ShardedDataset[ExampleBatch]):
    """Examples in batches, each with the events of its user strictly before it.

    Histories are looked up for many examples at once, so that a row group of sequences is read at
    most once for each `window` examples: cheap where examples stand in the order of their users'
    buckets and users, and never more than a read of the whole table for each window. Shares, order
    and states are those of ``SequenceDataset``.

    Parameters
    ----------
    path : str or Path
        Path or URI of a Delta table with user_id, timestamp (a timestamp, or BIGINT microseconds
        since the epoch in UTC), and features. One row is one example.
    histories : SequenceHistories
        Where the users' events are.
    batch_size : int
        Examples per batch. The last batch of each worker may have fewer.
    newest : int, optional
        At most this many events of each example's history, the newest of them. Default: all.
    features : sequence of str
        Further columns to read: numbers, booleans, timestamps (as microseconds), strings.
    version : int, optional
        Version of the table to read. Default: the latest, looked up once, here.
    order : {"stored", "time"}
        Examples as the files have them, or in the order of time, which files must then be written
        in: sorted by timestamp, and no row group beginning before another ends.
    window : int
        Examples whose histories are looked up, and held, at once.
    rank, world_size : int
        Which share of the table this process reads, and of how many.
    shuffle_seed : int, optional
        Shuffle the files, differently in each epoch. Default: files in the order of their names.
    storage_options, filesystem
        As ``SequenceDataset`` has them.

    Attributes
    ----------
    version : int

    Raises
    ------
    TableError
        If the table, the version or a column does not exist, is of another type, or is not in the
        order that was asked for; if it has deletion vectors or column mapping.
    InputError
        If an argument is out of its range; while reading, if a value is null or out of order.

    Examples
    --------
    >>> histories = SequenceHistories("tables/sequences", columns=[])            # doctest: +SKIP
    >>> dataset = ExampleDataset("tables/examples", histories, 256, newest=200,
    ...                          features=["label"])                             # doctest: +SKIP
    >>> for batch in DataLoader(dataset, batch_size=None):                       # doctest: +SKIP
    ...     train(batch.histories.values, batch.histories.offsets, batch.features["label"])
    """

    def __init__(
        self,
        path: str | Path,
        histories: SequenceHistories,
        batch_size: int,
        *,
        newest: int | None = None,
        features: Sequence[str] = (),
        version: int | None = None,
        order: Order = "stored",
        window: int = 65_536,
        rank: int = 0,
        world_size: int = 1,
        shuffle_seed: int | None = None,
        storage_options: dict[str, str] | None = None,
        filesystem: fs.FileSystem | None = None,
    ) -> None:
        check_shares(batch_size, rank=rank, world_size=world_size)
        _check_order(order, shuffle_seed)
        _check_sizes(window, batch_size, newest=newest)
        path = str(path)
        table = open_table(path, "examples", version=version, storage_options=storage_options)
        _check_columns(column_types(table), histories.user_id, features, path)
        files = rows_by_file(list_files(table))
        columns = list(dict.fromkeys(["user_id", "timestamp", *features]))
        units = list_units(files, columns, filesystem, by_codebook=False)
        super().__init__(
            in_time_order(units, filesystem) if order == "time" else units,
            columns,
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            shuffle_seed=shuffle_seed,
            filesystem=filesystem,
        )
        self._table_id = str(table.metadata().id)
        self.version = table.version()
        self._histories = histories
        self._newest = None if newest is None else int(newest)
        self._features = list(features)
        self._order = order
        self._window = window // batch_size * batch_size

    def _batches(self, pieces: Iterator[Piece]) -> Iterator[ExampleBatch]:
        latest = int(np.iinfo(np.int64).min)
        for window in rebatch(pieces, self._window):
            for piece in window:
                check_rows(piece)
            rows = pa.Table.from_batches([piece.rows for piece in window]).combine_chunks()
            times = micros_of(rows.column("timestamp"))
            if self._order == "time":
                refuse_disorder(times, window, after=latest)
                latest = int(times[-1])
            users = rows.column("user_id").combine_chunks().cast(self._histories.user_id)
            selection = self._histories.select(users, before=times, newest=self._newest)
            for start in range(0, len(times), self.batch_size):
                stop = start + self.batch_size
                yield ExampleBatch(
                    histories=selection.batch(start, stop),
                    timestamps=torch.from_numpy(times[start:stop].copy()),
                    features={
                        name: _feature(rows.column(name).slice(start, self.batch_size))
                        for name in self._features
                    },
                    position=None,
                )

    def _identity(self) -> dict[str, Any]:
        return {
            "examples_table": self._table_id,
            "examples": self.version,
            "sequences_table": self._histories.table_id,
            "sequences": self._histories.version,
            "codebook_id": self._histories.codebook_id,
            "newest": self._newest,
            "order": self._order,
        }


def _check_order(order: str, shuffle_seed: int | None) -> None:
    if order not in get_args(Order):
        raise InputError(f"order must be 'stored' or 'time', got {order!r}")
    if order == "time" and shuffle_seed is not None:
        raise InputError(f"shuffle_seed must be None where order is 'time', got {shuffle_seed}")


def _check_sizes(window: int, batch_size: int, *, newest: int | None) -> None:
    check_integer("window", window, least=1)
    if window < batch_size:
        raise InputError(f"window must be batch_size, {batch_size}, or more, got {window}")
    if newest is not None:
        check_integer("newest", newest, least=1)


def _check_columns(
    found: dict[str, str], user_id: pa.DataType, features: Sequence[str], path: str
) -> None:
    types = {"user_id": ("long" if pa.types.is_integer(user_id) else "string",), "timestamp": TIMES}
    for name, allowed in (dict.fromkeys(features, FEATURES) | types).items():
        check_names([name], found, what=f"columns of {path}")
        if found[name] not in allowed:
            raise TableError(f"{name} must be {' or '.join(allowed)} in {path}, got {found[name]}")


def _feature(column: pa.ChunkedArray) -> Tensor | list[str]:
    if pa.types.is_timestamp(column.type):
        return torch.from_numpy(micros_of(column).copy())
    if pa.types.is_primitive(column.type):
        return torch.from_numpy(column.to_numpy().copy())
    return column.to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types

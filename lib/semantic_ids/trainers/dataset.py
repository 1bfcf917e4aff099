"""A torch dataset over a pinned version of a ``sequences`` table."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from pyarrow import fs
from torch.utils.data import IterableDataset, get_worker_info

from semantic_ids.errors import InputError
from semantic_ids.trainers.batch import Position, SequenceBatch
from semantic_ids.trainers.decode import Decoder, Piece, Values, blob_of, rebatch
from semantic_ids.trainers.snapshot import DateRange, check_names, open_snapshot
from semantic_ids.trainers.streams import Turns, deal, shuffle_files
from semantic_ids.trainers.units import Unit, choose_codebook, list_units, read_unit

BYTES_PER_READ = 4 << 20


class SequenceDataset(IterableDataset[SequenceBatch]):
    """Segments of users' sequences in batches, read from Delta without Spark.

    Give it to a ``DataLoader`` with ``batch_size=None``: the batches are made here. Row groups of
    files are dealt to ranks and, within a rank, to DataLoader workers, so that each segment is read
    once per epoch. The order depends on the table version, `shuffle_seed`, the epoch, `rank`,
    `world_size`, `batch_size` and the number of workers, and on nothing else.

    Parameters
    ----------
    path : str or Path
        Path or URI of the table.
    batch_size : int
        Segments per batch. The last batch of each worker may have fewer.
    version : int, optional
        Version of the table to read. Default: the latest, looked up once, here.
    codebook_id : str, optional
        Read only segments of this codebook. Needed where the table has several.
    columns : sequence of str, optional
        Packed columns to read besides the SIDs: ``timestamps`` and the table's event columns.
        Default: all.
    values : {"sids", "bytes"}
        Whether ``batch.values`` are int64 SIDs or their uint8 bytes, which are read without a copy.
    ds : pair of dates, optional
        First and last partition to read, as dates or ISO strings.
    rank, world_size : int
        Which share of the table this process reads, and of how many.
    shuffle_seed : int, optional
        Shuffle the files, differently in each epoch. Default: files in the order of their names.
    storage_options : dict, optional
        For deltalake, which reads the log.
    filesystem : pyarrow.fs.FileSystem, optional
        For pyarrow, which reads the files. Default: by the scheme of `path`.

    Attributes
    ----------
    version : int
    codebook_id : str or None
        None only where there is no segment to read.
    width : int or None
        Bytes of a SID. None only where there is no event to read.

    Raises
    ------
    TableError
        If the table, the version, a column or the codebook does not exist, if the table has
        deletion vectors or column mapping, or if it has several codebooks and none was chosen.
    InputError
        If an argument is out of its range; while reading, if a segment's blobs differ in length.

    Examples
    --------
    >>> dataset = SequenceDataset("tables/sequences", 256, shuffle_seed=0)       # doctest: +SKIP
    >>> for batch in DataLoader(dataset, batch_size=None, num_workers=4):        # doctest: +SKIP
    ...     vectors = embedding(batch.values)
    """

    def __init__(
        self,
        path: str | Path,
        batch_size: int,
        *,
        version: int | None = None,
        codebook_id: str | None = None,
        columns: Sequence[str] | None = None,
        values: Values = "sids",
        ds: DateRange | None = None,
        rank: int = 0,
        world_size: int = 1,
        shuffle_seed: int | None = None,
        storage_options: dict[str, str] | None = None,
        filesystem: fs.FileSystem | None = None,
    ) -> None:
        _check_arguments(batch_size, values, rank=rank, world_size=world_size)
        path = str(path)
        snapshot = open_snapshot(path, version=version, ds=ds, storage_options=storage_options)
        packed = list(snapshot.packed) if columns is None else list(columns)
        check_names(packed, snapshot.packed, what="columns")
        self.version = snapshot.version
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        self.shuffle_seed = shuffle_seed
        self._ds = None if ds is None else [str(date) for date in ds]
        self._filesystem = filesystem
        self._columns = ["user_id", "n_events", "sids", *packed]
        units = list_units(snapshot.files, self._columns, filesystem)
        self.codebook_id = choose_codebook(units, codebook_id, path)
        self._units = [unit for unit in units if unit.codebook_id == self.codebook_id]
        self.width = self._find_width()
        self._decode = Decoder(
            self.width or 1, values, {name: snapshot.packed[name] for name in packed}
        )
        # In shared memory, because persistent DataLoader workers keep a copy of the dataset.
        self._start = torch.zeros(3, dtype=torch.int64)
        self._start.share_memory_()  # type: ignore[no-untyped-call]  # torch does not annotate it

    def __iter__(self) -> Iterator[SequenceBatch]:
        """Yield this rank's batches or, in a DataLoader worker, this worker's share of them."""
        worker = get_worker_info()
        n_streams = 1 if worker is None else worker.num_workers
        start = self._start_position(n_streams)
        streams, turns = self._deal(start.epoch, n_streams)
        first, taken = turns.taken(start.n_batches)
        stream = (first + (0 if worker is None else worker.id)) % n_streams
        pieces = self._read(streams[stream], skip=taken[stream] * self.batch_size)
        for i, batch in enumerate(rebatch(pieces, self.batch_size), start=taken[stream]):
            position = Position(start.epoch, turns.received_after(stream, i), n_streams)
            yield self._decode(batch, position)

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration read an epoch, from its start or a loaded state's place.

        Call it before each epoch. It reaches persistent DataLoader workers, too.
        """
        if epoch != self.epoch:
            self._start.copy_(torch.tensor([epoch, 0, 0]))

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration reads."""
        return int(self._start[0])

    def n_batches(self, num_workers: int = 0, *, rank: int | None = None) -> int:
        """Return how many batches a rank, by default this one, gets in the current epoch."""
        n_streams = max(1, num_workers)
        _, turns = self._deal(self.epoch, n_streams, rank=rank)
        return sum(turns.n_batches)

    def state_dict(self, after: SequenceBatch) -> dict[str, Any]:
        """Return what ``load_state_dict`` needs to go on after a batch that this rank has received.

        The state comes from the batch and not from the dataset, because DataLoader workers read
        ahead of what the training loop has seen. It is a dict of JSON-able values.
        """
        return self._identity() | {
            "epoch": after.position.epoch,
            "n_batches": after.position.n_batches,
            "n_streams": after.position.n_streams,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration yield exactly the batches that came after ``state_dict``'s.

        Raises
        ------
        InputError
            If the state is of another table version, codebook, seed, batch size, rank or world
            size; and from the iteration, if the DataLoader has another number of workers.
        """
        for name, here in self._identity().items():
            if state.get(name) != here:
                raise InputError(f"{name} must be that of the state, {state.get(name)}, got {here}")
        position = [state["epoch"], state["n_batches"], state["n_streams"]]
        self._start.copy_(torch.tensor(position))

    def _identity(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "codebook_id": self.codebook_id,
            "ds": self._ds,
            "batch_size": self.batch_size,
            "shuffle_seed": self.shuffle_seed,
            "rank": self.rank,
            "world_size": self.world_size,
        }

    def _start_position(self, n_streams: int) -> Position:
        epoch, n_batches, taken_from = self._start.tolist()
        if n_batches and taken_from != n_streams:
            raise InputError(
                f"num_workers must be {taken_from}, as when the state was taken, got {n_streams} "
                "(0 and 1 are the same)"
            )
        return Position(epoch, n_batches, n_streams)

    def _deal(
        self, epoch: int, n_streams: int, *, rank: int | None = None
    ) -> tuple[list[list[Unit]], Turns]:
        shuffled = shuffle_files(self._units, self.shuffle_seed, epoch)
        mine = deal(shuffled, self.world_size)[self.rank if rank is None else rank]
        streams = deal(mine, n_streams)
        rows = (sum(unit.n_rows for unit in stream) for stream in streams)
        return streams, Turns(tuple(math.ceil(n / self.batch_size) for n in rows))

    def _read(self, units: Sequence[Unit], *, skip: int) -> Iterator[Piece]:
        for unit in units:
            if skip < unit.n_rows:
                n_batches = max(1, BYTES_PER_READ // (unit.row_bytes * self.batch_size))
                for rows in read_unit(
                    unit,
                    self._columns,
                    self._filesystem,
                    skip=skip,
                    rows_per_read=n_batches * self.batch_size,
                ):
                    yield Piece(rows, unit.file)
            skip = max(0, skip - unit.n_rows)

    def _find_width(self) -> int | None:
        columns = ["n_events", "sids"]
        for unit in self._units:
            for rows in read_unit(unit, columns, self._filesystem, skip=0, rows_per_read=256):
                n_events = rows.column("n_events").to_numpy(zero_copy_only=False)
                if n_events.any():
                    i = int(n_events.argmax())
                    _, lengths = blob_of(rows.column("sids"))
                    return int(lengths[i] // n_events[i])
        return None


def _check_arguments(batch_size: int, values: str, *, rank: int, world_size: int) -> None:
    if batch_size < 1:
        raise InputError(f"batch_size must be 1 or more, got {batch_size}")
    if not 0 <= rank < world_size:
        raise InputError(f"rank must be in [0, world_size), got {rank} of {world_size}")
    if values not in get_args(Values):
        raise InputError(f"values must be 'sids' or 'bytes', got {values!r}")

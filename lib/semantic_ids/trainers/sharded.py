"""What datasets have in common: shares of ranks and workers, epochs, states to go on from."""

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, Protocol, Self, TypeVar

from pyarrow import fs
from torch.utils.data import IterableDataset, get_worker_info

from semantic_ids.errors import InputError
from semantic_ids.trainers.arguments import check_integer
from semantic_ids.trainers.batch import Position
from semantic_ids.trainers.decode import Piece
from semantic_ids.trainers.start import Start, check_streams
from semantic_ids.trainers.streams import Turns, deal, shuffle_files
from semantic_ids.trainers.units import BYTES_PER_READ, Unit, read_units


class Placed(Protocol):
    """A batch that knows where the dataset stands after it."""

    @property
    def position(self) -> Position | None:
        """Where the dataset stands after this batch."""

    def at(self, position: Position) -> Self:
        """Return the batch with its position."""


Batch = TypeVar("Batch", bound=Placed)


class ShardedDataset(IterableDataset[Batch], Generic[Batch]):
    """Batches of a table's rows, which are dealt to ranks and workers by row group.

    Parameters
    ----------
    units : sequence of Unit
        The row groups to read, in order.
    columns : sequence of str
        What to read of them.
    batch_size, rank, world_size, shuffle_seed
        As ``SequenceDataset`` has them.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        columns: Sequence[str],
        *,
        batch_size: int,
        rank: int,
        world_size: int,
        shuffle_seed: int | None,
        filesystem: fs.FileSystem | None,
    ) -> None:
        self.batch_size = int(batch_size)
        self.rank = int(rank)
        self.world_size = int(world_size)
        self.shuffle_seed = shuffle_seed
        self._units = units
        self._columns = columns
        self._filesystem = filesystem
        self._start = Start()

    @abstractmethod
    def _batches(self, pieces: Iterator[Piece]) -> Iterator[Batch]:
        """Make batches of `batch_size` rows; the last may have fewer."""

    @abstractmethod
    def _identity(self) -> dict[str, Any]:
        """Name all that decides which batches come in which order."""

    def __iter__(self) -> Iterator[Batch]:
        """Return this rank's batches or, in a DataLoader worker, this worker's share of them."""
        worker = get_worker_info()
        number, n_streams = (0, 1) if worker is None else (worker.id, worker.num_workers)
        # Not in a generator, which would look for its start at its first batch, maybe too late.
        return self._batches_from(self._start.take(number, n_streams), number)

    def _batches_from(self, start: Position, worker: int) -> Iterator[Batch]:
        n_streams = start.n_streams
        streams, turns = self._deal(start.epoch, n_streams)
        first, taken = turns.taken(start.n_batches)
        stream = (first + worker) % n_streams
        pieces = self._read(streams[stream], skip=taken[stream] * self.batch_size)
        for i, batch in enumerate(self._batches(pieces), start=taken[stream]):
            yield batch.at(Position(start.epoch, turns.received_after(stream, i), n_streams))

    def set_epoch(self, epoch: int) -> None:
        """Let the next iterations read an epoch; the first one from a loaded state's place in it.

        Call it before each epoch, and not while one is read. It reaches persistent DataLoader
        workers, too.
        """
        check_integer("epoch", epoch, least=0)
        self._start.set_epoch(int(epoch))

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration reads."""
        return self._start.epoch

    def n_batches(self, num_workers: int = 0, *, rank: int | None = None) -> int:
        """Return how many batches a rank, by default this one, gets in the current epoch."""
        n_streams = max(1, num_workers)
        _, turns = self._deal(self.epoch, n_streams, rank=rank)
        return sum(turns.n_batches)

    def state_dict(self, after: Batch) -> dict[str, Any]:
        """Return what ``load_state_dict`` needs to go on after a batch that this rank has received.

        The state comes from the batch and not from the dataset, because DataLoader workers read
        ahead of what the training loop has seen. It is a dict of JSON-able values.

        Raises
        ------
        InputError
            If the batch is not one that a dataset yielded.
        """
        if after.position is None:
            raise InputError("after must be a batch of this dataset, got one without a position")
        return self._identity() | self._shares() | dataclasses.asdict(after.position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration yield exactly the batches that came after ``state_dict``'s.

        It alone goes on there; later ones read whole epochs.

        Raises
        ------
        InputError
            If the state is none of ``state_dict``, or of another table, version, codebook, seed,
            batch size, rank or world size; and from the iteration, if the DataLoader has another
            number of workers.
        """
        fields = [field.name for field in dataclasses.fields(Position)]
        own = self._identity() | self._shares()
        for name in (*own, *fields):
            if not isinstance(state, Mapping) or name not in state:
                raise InputError(f"state must have {name}, as state_dict gives it, got {state!r}")
        for name, here in own.items():
            if state[name] != here:
                raise InputError(f"{name} must be that of the state, {state[name]}, got {here}")
        for name in fields:
            check_integer(name, state[name], least=1 if name == "n_streams" else 0)
        position = Position(**{name: int(state[name]) for name in fields})
        check_streams(position.n_streams)
        _, turns = self._deal(position.epoch, position.n_streams)
        if position.n_batches > sum(turns.n_batches):
            raise InputError(
                f"n_batches must be at most {sum(turns.n_batches)}, those of epoch "
                f"{position.epoch}, got {position.n_batches}"
            )
        self._start.load(position)

    def _shares(self) -> dict[str, Any]:
        return {
            "batch_size": self.batch_size,
            "shuffle_seed": self.shuffle_seed,
            "rank": self.rank,
            "world_size": self.world_size,
        }

    def _deal(
        self, epoch: int, n_streams: int, *, rank: int | None = None
    ) -> tuple[list[list[Unit]], Turns]:
        shuffled = shuffle_files(self._units, self.shuffle_seed, epoch)
        mine = deal(shuffled, self.world_size)[self.rank if rank is None else rank]
        streams = deal(mine, n_streams)
        rows = (sum(unit.n_rows for unit in stream) for stream in streams)
        return streams, Turns(tuple(math.ceil(n / self.batch_size) for n in rows))

    def _read(self, units: Sequence[Unit], *, skip: int) -> Iterator[Piece]:
        for file, group in groupby(units, key=attrgetter("file")):
            own = list(group)
            while own and skip >= own[0].n_rows:
                skip -= own.pop(0).n_rows
            if own:
                row_bytes = max(unit.row_bytes for unit in own)
                n_batches = max(1, BYTES_PER_READ // (row_bytes * self.batch_size))
                for rows in read_units(
                    own,
                    self._columns,
                    self._filesystem,
                    skip=skip,
                    rows_per_read=n_batches * self.batch_size,
                ):
                    yield Piece(rows, file)
                skip = 0


def check_shares(batch_size: int, *, rank: int, world_size: int) -> None:
    """Raise InputError unless batches and shares of this size can be made."""
    check_integer("batch_size", batch_size, least=1)
    check_integer("rank", rank, least=0)
    check_integer("world_size", world_size, least=1)
    if rank >= world_size:
        raise InputError(f"rank must be in [0, world_size), got {rank} of {world_size}")

"""What a reader yields: the segments of a batch as jagged tensors, and where the batch ends."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from semantic_ids.errors import TableError


@dataclass(frozen=True)
class Position:
    """Where a rank stands in an epoch: all that is needed to read on after a batch.

    Parameters
    ----------
    epoch : int
    n_batches : int
        Batches that the rank has received so far in this epoch, from all its workers together.
    n_streams : int
        Streams the rank's data is dealt to: the number of DataLoader workers, or 1 without.
    """

    epoch: int
    n_batches: int
    n_streams: int


@dataclass(frozen=True)
class Segments:
    """Consecutive segments: number i is ``values[offsets[i]:offsets[i + 1]]``."""

    user_ids: Tensor | list[str]
    values: Tensor
    offsets: Tensor
    columns: dict[str, Tensor]

    def __len__(self) -> int:
        """Return the number of segments."""
        return self.offsets.numel() - 1

    def rows(self, start: int, stop: int) -> "Segments":
        """Return segments start to stop - 1; they share memory with these."""
        if (start, stop) == (0, len(self)):
            return self
        offsets = self.offsets[start : stop + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        return Segments(
            user_ids=self.user_ids[start:stop],
            values=self.values[first:last],
            offsets=offsets - first,
            columns={name: column[first:last] for name, column in self.columns.items()},
        )


@dataclass(frozen=True)
class SequenceBatch(Segments):
    """Segments of users' sequences in the jagged convention of torchrec.

    Parameters
    ----------
    user_ids : Tensor of shape (n,), int64, or list of n str
        As the table has them. A user may have several segments.
    values : Tensor of shape (total,), int64, or of shape (total, width), uint8
        The SIDs of all events one after another, or their bytes, byte 0 first.
    offsets : Tensor of shape (n + 1,), int64
        Segment i is ``values[offsets[i]:offsets[i + 1]]``; the first offset is 0.
    columns : dict of str to Tensor of shape (total,)
        The other packed columns that were asked for, aligned with `values`.
    position : Position
        Where the reader stands after this batch; ``SequenceDataset.state_dict`` takes it.

    Examples
    --------
    >>> jagged = torchrec.JaggedTensor(batch.values, offsets=batch.offsets)      # doctest: +SKIP
    """

    position: Position

    @property
    def lengths(self) -> Tensor:
        """Number of events per segment, int64 of shape (n,)."""
        return self.offsets.diff()

    @property
    def timestamps(self) -> Tensor:
        """Microseconds since the epoch in UTC, int64 of shape (total,)."""
        if "timestamps" not in self.columns:
            raise TableError(
                f"timestamps must be among the columns that are read, got {sorted(self.columns)}"
            )
        return self.columns["timestamps"]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Return the batch with its tensors on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory; a DataLoader calls it for ``pin_memory=True``."""
        return self._map(Tensor.pin_memory)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Self:
        user_ids = self.user_ids
        return replace(
            self,
            user_ids=move(user_ids) if isinstance(user_ids, Tensor) else user_ids,
            values=move(self.values),
            offsets=move(self.offsets),
            columns={name: move(column) for name, column in self.columns.items()},
        )


def join(parts: Sequence[Segments]) -> Segments:
    """Return the segments of all parts one after another; a single part is returned as it is."""
    if len(parts) == 1:
        return parts[0]
    offsets = [parts[0].offsets]
    for part in parts[1:]:
        offsets.append(part.offsets[1:] + offsets[-1][-1])
    return Segments(
        user_ids=_join_user_ids([part.user_ids for part in parts]),
        values=torch.cat([part.values for part in parts]),
        offsets=torch.cat(offsets),
        columns={
            name: torch.cat([part.columns[name] for part in parts]) for name in parts[0].columns
        },
    )


def rebatch(parts: Iterator[Segments], batch_size: int) -> Iterator[Segments]:
    """Cut and join parts of any length so that all but the last have `batch_size` segments."""
    held: list[Segments] = []
    n_held = 0
    for part in parts:
        start = 0
        while len(part) - start >= batch_size - n_held:
            stop = start + batch_size - n_held
            yield join([*held, part.rows(start, stop)])
            held, n_held, start = [], 0, stop
        if start < len(part):
            held.append(part.rows(start, len(part)))
            n_held += len(part) - start
    if held:
        yield join(held)


def _join_user_ids(parts: Sequence[Tensor | list[str]]) -> Tensor | list[str]:
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if tensors:
        return torch.cat(tensors)
    return [user_id for part in parts for user_id in part]

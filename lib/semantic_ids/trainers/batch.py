"""What readers yield: users' events as jagged tensors, and where a batch ends."""

from collections.abc import Callable
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
class SequenceBatch:
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
    position : Position or None
        Where the dataset stands after this batch; its ``state_dict`` takes it. None where the batch
        does not come from a dataset.

    Examples
    --------
    >>> jagged = torchrec.JaggedTensor(batch.values, offsets=batch.offsets)      # doctest: +SKIP
    """

    user_ids: Tensor | list[str]
    values: Tensor
    offsets: Tensor
    columns: dict[str, Tensor]
    position: Position | None

    def __len__(self) -> int:
        """Return the number of segments."""
        return self.offsets.numel() - 1

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

    def at(self, position: Position) -> Self:
        """Return the batch with its position."""
        return replace(self, position=position)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Self:
        return replace(
            self,
            user_ids=_moved(self.user_ids, move),
            values=move(self.values),
            offsets=move(self.offsets),
            columns={name: move(column) for name, column in self.columns.items()},
        )


@dataclass(frozen=True)
class ExampleBatch:
    """Training examples, each with its user's history as it stood at the example's time.

    Parameters
    ----------
    histories : SequenceBatch
        Row i holds example i's user and the events before it.
    timestamps : Tensor of shape (n,), int64
        Microseconds since the epoch in UTC.
    features : dict of str to Tensor of shape (n,), or list of n str
        The other columns of the examples that were asked for.
    position : Position or None
        Where the dataset stands after this batch; its ``state_dict`` takes it.
    """

    histories: SequenceBatch
    timestamps: Tensor
    features: dict[str, Tensor | list[str]]
    position: Position | None

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.histories)

    @property
    def user_ids(self) -> Tensor | list[str]:
        """Each example's user."""
        return self.histories.user_ids

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """Return the batch with its tensors on a device."""
        moved = self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))
        return replace(moved, histories=self.histories.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory; a DataLoader calls it for ``pin_memory=True``."""
        return replace(self._map(Tensor.pin_memory), histories=self.histories.pin_memory())

    def at(self, position: Position) -> Self:
        """Return the batch with its position."""
        return replace(self, position=position)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Self:
        features = {name: _moved(column, move) for name, column in self.features.items()}
        return replace(self, timestamps=move(self.timestamps), features=features)


def _moved(column: Tensor | list[str], move: Callable[[Tensor], Tensor]) -> Tensor | list[str]:
    return move(column) if isinstance(column, Tensor) else column

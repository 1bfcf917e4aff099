"""Where the next iteration begins: one place for a process and all its DataLoader workers."""

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from semantic_ids.errors import InputError
from semantic_ids.trainers.batch import Position

MAX_STREAMS = 1024


class Start:
    """An epoch and, once a state is loaded, a place in it that counts for one iteration.

    It is in shared memory, because persistent workers keep their copy of a dataset. Each place has
    a serial number, and each stream notes, in a slot of its own, the serial of the place that it
    has used: no two processes write the same slot, so there is no lock.
    """

    def __init__(self) -> None:
        self._place = _shared(4)
        self._used = _shared(MAX_STREAMS)
        self._at_fork: list[int] | None = self._place.tolist()

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration reads."""
        return int(self._place[0])

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch at its start; a place in it that no iteration has used stays."""
        if epoch != self.epoch or self._is_used(int(self._place[3])):
            self.load(Position(epoch, 0, 0))

    def load(self, position: Position) -> None:
        """Let the next iteration begin after a position."""
        serial = int(self._place[3]) + 1
        self._at_fork = [position.epoch, position.n_batches, position.n_streams, serial]
        self._place.copy_(torch.tensor(self._at_fork))

    def take(self, stream: int, n_streams: int) -> Position:
        """Return where an iteration of `n_streams` begins; this stream has then used the place.

        Raises
        ------
        InputError
            If the place was taken with another number of streams, or there are too many.
        """
        check_streams(n_streams)
        epoch, n_batches, taken_from, serial = self._current()
        own = int(self._used[stream])
        is_used = own == serial if taken_from == n_streams else self._is_used(serial)
        if is_used or not n_batches:
            return Position(epoch, 0, n_streams)
        if taken_from != n_streams:
            raise InputError(
                f"num_workers must be {taken_from}, as when the state was taken, got {n_streams} "
                "(0 and 1 are the same)"
            )
        self._used[stream] = serial
        return Position(epoch, n_batches, n_streams)

    def _current(self) -> list[int]:
        """Return the place; in a worker's first iteration that of the moment it was started.

        A worker that is slow to start must not use up a place that was loaded in the meantime.
        """
        if get_worker_info() is None or self._at_fork is None:
            return self._place.tolist()
        place, self._at_fork = self._at_fork, None
        return place

    def _is_used(self, serial: int) -> bool:
        return bool((self._used == serial).any())


def check_streams(n_streams: int) -> None:
    """Raise InputError where there are more streams than an iteration can have."""
    if n_streams > MAX_STREAMS:
        raise InputError(f"num_workers must be {MAX_STREAMS} or less, got {n_streams}")


def _shared(n: int) -> Tensor:
    tensor = torch.zeros(n, dtype=torch.int64)
    tensor.share_memory_()  # type: ignore[no-untyped-call]  # torch does not annotate it
    return tensor

"""Who reads what: units dealt to ranks and workers, and the order in which their batches arrive.

A rank's units are dealt to streams, one per DataLoader worker. A DataLoader takes a batch from each
worker in turn and passes over those that have ended, so the number of batches received says how
many came from each stream: a reader's position is one integer.
"""

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from semantic_ids.trainers.units import Unit


def shuffle_files(units: Sequence[Unit], seed: int | None, epoch: int) -> list[Unit]:
    """Order units by a hash of seed, epoch and their file's number; row groups keep their order.

    A hash and not a generator: the order depends on nothing else, not on numpy's version either.
    Files are numbered as they come, and not named: a table may lie elsewhere tomorrow.
    """
    if seed is None:
        return list(units)

    def place(number: int) -> tuple[bytes, int]:
        key = f"{seed}:{epoch}:{number}".encode()
        return hashlib.blake2b(key, digest_size=8).digest(), number

    files = dict.fromkeys(unit.file for unit in units)
    places = {file: place(number) for number, file in enumerate(files)}
    return sorted(units, key=lambda unit: places[unit.file])


def deal(units: Sequence[Unit], n_shares: int) -> list[list[Unit]]:
    """Give each unit in turn to the share that has the fewest rows so far, the first of equals."""
    shares: list[list[Unit]] = [[] for _ in range(n_shares)]
    totals = [(0, i) for i in range(n_shares)]
    for unit in units:
        n_rows, i = totals[0]
        shares[i].append(unit)
        heapq.heapreplace(totals, (n_rows + unit.n_rows, i))
    return shares


@dataclass(frozen=True)
class Turns:
    """Batches of several streams as they arrive, one stream after the other.

    Parameters
    ----------
    n_batches : tuple of int
        Number of batches of each stream.
    """

    n_batches: tuple[int, ...]

    def received_after(self, stream: int, i: int) -> int:
        """Return how many batches have arrived once batch i of a stream has, both from 0."""
        return 1 + sum(min(n, i + (s < stream)) for s, n in enumerate(self.n_batches))

    def taken(self, received: int) -> tuple[int, tuple[int, ...]]:
        """Return whose turn is next after `received` batches, and how many came from each."""
        rounds = 0
        waiting = [s for s, n in enumerate(self.n_batches) if n > 0]
        while waiting and received >= len(waiting):
            step = min(received // len(waiting), min(self.n_batches[s] for s in waiting) - rounds)
            received -= step * len(waiting)
            rounds += step
            waiting = [s for s in waiting if self.n_batches[s] > rounds]
        served = set(waiting[:received])
        counts = tuple(min(n, rounds + (s in served)) for s, n in enumerate(self.n_batches))
        return (waiting[received] if waiting else 0), counts

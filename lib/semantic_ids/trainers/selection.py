"""Histories that were read for some examples, and batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import torch

from semantic_ids.codebook import bytes_to_sids
from semantic_ids.trainers.arguments import Values
from semantic_ids.trainers.batch import SequenceBatch
from semantic_ids.trainers.decode import user_ids_of
from semantic_ids.trainers.point_in_time import Events, Int64Array, offsets_of, spread


@dataclass(frozen=True)
class Selection:
    """Histories of n examples; events that several examples share are held once.

    Parameters
    ----------
    user_ids : pyarrow Array of shape (n,)
    events : Events
    lows, highs : ndarrays of shape (n,), int64
        Where each example's events begin and end.
    columns : sequence of str
        What batches have besides the SIDs.
    values : {"sids", "bytes"}
    """

    user_ids: pa.Array
    events: Events
    lows: Int64Array
    highs: Int64Array
    columns: Sequence[str]
    values: Values

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.user_ids)

    def batch(self, start: int = 0, stop: int | None = None) -> SequenceBatch:
        """Return the histories of the examples from `start` to `stop`, by default of all."""
        lows, highs = self.lows[start:stop], self.highs[start:stop]
        events = spread(lows, highs)
        symbols = self.events.packed["sids"][events]
        packed = {"timestamps": self.events.times, **self.events.packed}
        values = symbols if self.values == "bytes" else bytes_to_sids(symbols, symbols.shape[1])
        return SequenceBatch(
            user_ids=user_ids_of([self.user_ids[start:stop]]),
            values=torch.from_numpy(values),
            offsets=torch.from_numpy(offsets_of(highs - lows)),
            columns={name: torch.from_numpy(packed[name][events]) for name in self.columns},
            position=None,
        )

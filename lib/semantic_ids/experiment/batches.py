"""Batches of whole moments: padded histories, and the candidates of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from semantic_ids.experiment.listings import World
from semantic_ids.experiment.settings import DAY_US
from semantic_ids.experiment.stream import FloatArray, Int64Array, Mask, Moments

_TRIES, _REACH = 20, 500


@dataclass(frozen=True)
class Batch:
    """Moments g with at most L events of history and M candidates each; items are met once.

    Parameters
    ----------
    start, stop : int
        The examples.
    items : Tensor of shape (u,), int64
        The items of the batch, each once.
    history : Tensor of shape (g, L), int64
        Places in `items`, the oldest event first; u where there is no event.
    ages : Tensor of shape (g, L), float32
        Log of 1 and the days from the event to the moment.
    candidates : Tensor of shape (g, M), int64
        Places in `items`; u where there is no candidate.
    is_candidate : Tensor of shape (g, M), bool
        Its places in order are the examples.
    dense : Tensor of shape (n, 6), float32
    labels : Tensor of shape (n,), float32
    """

    start: int
    stop: int
    items: Tensor
    history: Tensor
    ages: Tensor
    candidates: Tensor
    is_candidate: Tensor
    dense: Tensor
    labels: Tensor

    @property
    def is_event(self) -> Tensor:
        """Where the histories have events, shape (g, L), bool."""
        return self.history != len(self.items)


def make_batches(world: World, dense: FloatArray, *, size: int) -> list[Batch]:
    """Cut the examples, in their order, into batches of about `size`, and pad each."""
    return [
        _make(world, dense, first, last)
        for first, last in _bounds(np.bincount(world.examples.moments), size)
    ]


def with_histories_of_others(moments: Moments, seed: int) -> Moments:
    """Give each moment the history of another user a little earlier, or none where none is."""
    rng = np.random.default_rng([seed, 3])
    n = len(moments.users)
    others = np.full(n, -1)
    for _ in range(_TRIES):
        drawn = np.arange(n) - rng.integers(1, _REACH, n)
        is_other = (drawn >= 0) & (moments.users[drawn.clip(min=0)] != moments.users)
        others = np.where((others < 0) & is_other, drawn, others)
    lows = np.where(others < 0, 0, moments.lows[others])
    highs = np.where(others < 0, 0, moments.highs[others])
    return replace(moments, lows=lows, highs=highs)


def with_items_of_others(moments: Moments, seed: int) -> Moments:
    """Give each event of the histories the item of another event, whichever."""
    order = np.random.default_rng([seed, 4]).permutation(len(moments.items))
    return replace(moments, items=moments.items[order])


def history_places(moments: Moments, chosen: slice) -> tuple[Int64Array, Mask]:
    """Lay the histories of some moments out in rows: places in the events, and which there are."""
    lows, highs = moments.lows[chosen], moments.highs[chosen]
    columns = np.arange(max(1, int((highs - lows).max(initial=0))))
    is_event = columns < (highs - lows)[:, None]
    places = np.where(is_event, lows[:, None] + columns, 0)
    return places, is_event


def _bounds(sizes: Int64Array, size: int) -> Iterator[tuple[int, int]]:
    """Yield the first moment of each batch and the one after its last."""
    batch = (np.cumsum(sizes) - sizes) // size
    starts = np.flatnonzero(np.diff(batch, prepend=-1))
    yield from zip(starts.tolist(), [*starts[1:].tolist(), len(sizes)], strict=True)


def _make(world: World, dense: FloatArray, first: int, last: int) -> Batch:
    moments, examples = world.moments, world.examples
    start, stop = np.searchsorted(examples.moments, [first, last]).tolist()
    places, is_event = history_places(moments, slice(first, last))
    rows = examples.moments[start:stop] - first
    sizes = np.bincount(rows, minlength=last - first)
    is_candidate = np.arange(max(1, sizes.max())) < sizes[:, None]
    events = moments.items[places]
    items, found = np.unique(
        np.concatenate([events[is_event], examples.items[start:stop]]), return_inverse=True
    )
    history = np.full(places.shape, len(items))
    history[is_event] = found[: is_event.sum()]
    candidates = np.full(is_candidate.shape, len(items))
    candidates[is_candidate] = found[is_event.sum() :]
    days = (moments.times[first:last, None] - moments.item_times[places]) / DAY_US
    ages = np.where(is_event, np.log1p(np.maximum(days, 0)), 0)
    return Batch(
        start,
        stop,
        torch.from_numpy(items),
        torch.from_numpy(history),
        torch.from_numpy(ages.astype(np.float32)),
        torch.from_numpy(candidates),
        torch.from_numpy(is_candidate),
        torch.from_numpy(dense[start:stop]),
        torch.from_numpy(examples.labels[start:stop].astype(np.float32)),
    )

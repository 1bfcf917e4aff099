"""What every model is told beside the history: how often and how lately, before the moment."""

import numpy as np

from semantic_ids.experiment.listings import World
from semantic_ids.experiment.settings import DAY_US
from semantic_ids.experiment.stream import FloatArray, Int64Array, Stream

N_DENSE = 6


def dense_features(world: World, *, window_days: int) -> FloatArray:
    """Count what stood strictly before each example's time.

    Returns
    -------
    ndarray of shape (n, 6), float32
        Logs of 1 and: the item's events, those of the last window, the days since the last of
        them, whether there was none, the events of the history, the days since the newest of them.
    """
    stream, moments, examples = world.stream, world.moments, world.examples
    times = moments.times[examples.moments]
    window = window_days * DAY_US
    n_before, last = count_before(stream, examples.items, times)
    n_old, _ = count_before(stream, examples.items, times - window)
    lengths = moments.highs - moments.lows
    newest = moments.item_times[np.maximum(moments.highs - 1, 0)]
    columns = (
        n_before,
        n_before - n_old,
        np.where(n_before == 0, 0, (times - last) / DAY_US),
        n_before == 0,
        lengths[examples.moments],
        np.where(lengths == 0, 0, (moments.times - newest) / DAY_US)[examples.moments],
    )
    features: FloatArray = np.log1p(np.column_stack(columns)).astype(np.float32)
    return features


def count_before(
    stream: Stream, items: Int64Array, times: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Count the stream's events of each item strictly before a time.

    Returns
    -------
    ndarray of shape (n,), int64
    ndarray of shape (n,), int64
        The time of the last of them; without meaning where there is none.
    """
    order = np.lexsort((stream.times, stream.items))
    clock = np.unique(np.concatenate([stream.times, times]))
    keys = stream.items[order] * len(clock) + np.searchsorted(clock, stream.times[order])
    starts = np.searchsorted(keys, items * len(clock))
    ends = np.searchsorted(keys, items * len(clock) + np.searchsorted(clock, times))
    return ends - starts, stream.times[order][np.maximum(ends - 1, 0)]

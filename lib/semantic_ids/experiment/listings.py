"""Relisting: every item comes back as another item with an embedding a little off."""

from dataclasses import dataclass, replace

import numpy as np

from semantic_ids.experiment.columns import Column
from semantic_ids.experiment.examples import Examples
from semantic_ids.experiment.settings import DAY_US, Regime
from semantic_ids.experiment.stream import FloatArray, Int64Array, Moments, Stream


@dataclass(frozen=True)
class World:
    """All that one regime looks at; items are rows of `vectors`.

    Parameters
    ----------
    stream : Stream
    moments : Moments
    examples : Examples
    vectors : ndarray of shape (n_items, dim), float32
    columns : tuple of Column
        The collections that vectors are made of.
    sources : ndarray of shape (n_items,), int64
        The item of the catalogue that each one is, or is a listing of.
    """

    stream: Stream
    moments: Moments
    examples: Examples
    vectors: FloatArray
    columns: tuple[Column, ...]
    sources: Int64Array


def in_regime(world: World, regime: Regime, seed: int) -> World:
    """Cut histories to the regime's length, and relist the items where it says so."""
    moments = world.moments
    lows = np.maximum(moments.lows, moments.highs - regime.history)
    world = replace(world, moments=replace(moments, lows=lows))
    return world if regime.relist_days is None else _relisted(world, regime, seed)


def _relisted(world: World, regime: Regime, seed: int) -> World:
    stream, moments, examples = world.stream, world.moments, world.examples
    first = min(int(stream.times[0]), int(moments.item_times.min(initial=stream.times[0])))
    n_items = len(world.vectors)

    def listings(items: Int64Array, times: Int64Array) -> Int64Array:
        return (times - first) // ((regime.relist_days or 1) * DAY_US) * n_items + items

    of_stream = listings(stream.items, stream.times)
    of_histories = listings(moments.items, moments.item_times)
    of_examples = listings(examples.items, moments.times[examples.moments])
    known = np.unique(np.concatenate([of_stream, of_histories, of_examples]))
    rows = known % n_items
    columns = tuple(replace(column, present=column.present[rows]) for column in world.columns)
    return World(
        replace(stream, items=np.searchsorted(known, of_stream)),
        replace(moments, items=np.searchsorted(known, of_histories)),
        replace(examples, items=np.searchsorted(known, of_examples)),
        disturbed(world.vectors, world.columns, rows, noise=regime.noise, seed=seed),
        columns,
        world.sources[rows],
    )


def disturbed(
    vectors: FloatArray,
    columns: tuple[Column, ...],
    rows: Int64Array,
    *,
    noise: float,
    seed: int,
) -> FloatArray:
    """Take rows of vectors and add noise, to each collection `noise` times its own spread.

    Returns
    -------
    ndarray of shape (len(rows), dim), float32
        The mean squared distance to the rows taken is ``noise ** 2`` times the variance; what an
        item lacks stays as it is.
    """
    rng = np.random.default_rng([seed, 2])
    found = rng.standard_normal((len(rows), vectors.shape[1]), np.float32)
    for column in columns:
        known = vectors[column.present, column.place]
        spread = float(np.sqrt(known.var(axis=0, dtype=np.float64).mean()))
        found[:, column.place] *= np.float32(noise * spread) * column.present[rows, None]
    found += vectors[rows]
    return found

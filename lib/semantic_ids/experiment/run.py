"""The whole experiment: data in, scores of every arm in every regime out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from semantic_ids.experiment.arms import Arm
from semantic_ids.experiment.bench import Bench
from semantic_ids.experiment.columns import side_by_side
from semantic_ids.experiment.copurchase import copurchase_vectors
from semantic_ids.experiment.examples import cut, draw_examples, items_before
from semantic_ids.experiment.histories import read_moments
from semantic_ids.experiment.listings import World, in_regime
from semantic_ids.experiment.protocol import Outcome, n_passes, run_arm
from semantic_ids.experiment.scoring import score
from semantic_ids.experiment.settings import COPURCHASE, Regime, Settings
from semantic_ids.experiment.stream import FloatArray, Int64Array, in_time_order
from semantic_ids.experiment.weights import weigh
from semantic_ids.report import RegimeScore
from semantic_ids.trainers import SequenceHistories

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Data:
    """What an experiment is made on: a table of sequences, and the events and items of some users.

    Parameters
    ----------
    sequences : str
        Path or URI of the table.
    version : int
    codebook_id : str
        Of the sequences and of `sids`.
    user_ids, item_ids : pyarrow Arrays
        In rising order.
    users, items : ndarrays of shape (n,), int64
        Each event's places in them.
    times : ndarray of shape (n,), int64
        Microseconds since the epoch in UTC.
    labels : ndarray of shape (n,), or None
        None where each event is a positive example.
    sids : ndarray of shape (n_items,), int64
        As item_sids has them.
    vectors : mapping of str to ndarray of shape (n_items, dim), float32
        By collection. Where there are several, a row of NaN or of zeros throughout is missing.
    """

    sequences: str
    version: int
    codebook_id: str
    user_ids: pa.Array
    item_ids: pa.Array
    users: Int64Array
    items: Int64Array
    times: Int64Array
    labels: npt.NDArray[Any] | None
    sids: Int64Array
    vectors: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Results:
    """The scores of regimes, and the probabilities that they are made of.

    Parameters
    ----------
    scores : tuple of RegimeScore
    predictions : tuple of pyarrow Tables
        Of each regime: user_id, item_id, timestamp (microseconds, UTC) and label of the reported
        examples, and each arm's probabilities, a column for each seed.
    n_unnamed : int
        Events of histories without an item that is known, left out.
    """

    scores: tuple[RegimeScore, ...]
    predictions: tuple[pa.Table, ...]
    n_unnamed: int


def count_passes(settings: Settings, n_regimes: int) -> int:
    """Count the passes of an experiment: how often it calls its progress."""
    return n_regimes * sum(n_passes(arm, settings) for arm in settings.chosen())


def run_experiment(
    data: Data,
    regimes: Sequence[Regime],
    settings: Settings,
    on_pass: Progress = lambda step: None,
) -> Results:
    """Run all arms in all regimes, on one thread; the same seeds give the same scores.

    Parameters
    ----------
    data : Data
    regimes : sequence of Regime
    settings : Settings
    on_pass : callable
        Called with what ran after each pass; `count_passes` says how often.

    Raises
    ------
    InputError
        If labels are of one class, no negatives can be drawn, no user has a history, or the items
        of the first half lack a collection.
    TableError
        If sequences and events do not go together.
    """
    found = []
    with _one_thread():
        world, n_unnamed = _read(data, regimes, settings)
        for regime in regimes:
            bench = Bench(in_regime(world, regime, settings.seed), regime, settings)
            found.append(_run_regime(data, bench, on_pass))
    scores, predictions = zip(*found, strict=True)
    return Results(scores, predictions, n_unnamed)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: small batches gain nothing from more, and sums stay the same."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        off = torch.sparse.check_sparse_tensor_invariants(enable=False)  # type: ignore[no-untyped-call]  # torch has no types here
        with off:
            yield
    finally:
        torch.set_num_threads(n_threads)


def _read(data: Data, regimes: Sequence[Regime], settings: Settings) -> tuple[World, int]:
    stream = in_time_order(data.users, data.items, data.times, data.labels)
    examples, users, times = draw_examples(stream, settings)
    moments, n_unnamed = read_moments(
        SequenceHistories(
            data.sequences, version=data.version, codebook_id=data.codebook_id, columns=[]
        ),
        stream,
        data.sids,
        user_ids=data.user_ids,
        users=users,
        times=times,
        newest=max(regime.history for regime in regimes),
    )
    cuts, given = cut(examples), dict(data.vectors)
    quarter, half = (int(times[examples.moments[place]]) for place in (cuts.quarter, cuts.half))
    if settings.copurchase:
        given[COPURCHASE] = copurchase_vectors(
            stream,
            before=quarter,
            n_items=len(data.sids),
            dim=settings.copurchase,
            seed=settings.seed,
        )
    vectors, columns = side_by_side(given, items_before(stream, half))
    sources = np.arange(len(data.sids))
    return World(stream, moments, examples, vectors, columns, sources), n_unnamed


def _run_regime(data: Data, bench: Bench, on_pass: Progress) -> tuple[RegimeScore, pa.Table]:
    arms = bench.settings.chosen()
    outcomes = {}
    for arm in arms:
        step = partial(on_pass, f"{bench.regime.name}: {arm.title}")
        outcomes[arm.key] = run_arm(arm, bench.course(arm), bench.settings, step)
    weights = weigh(bench, arms)
    predictions = pa.table(dict(_columns(data, bench, arms, outcomes)))
    return score(bench, arms, outcomes, weights), predictions


def _columns(
    data: Data, bench: Bench, arms: list[Arm], outcomes: dict[str, Outcome]
) -> Iterator[tuple[str, pa.Array]]:
    examples, half = bench.world.examples, bench.cuts.half
    moments = examples.moments[half:]
    yield "user_id", data.user_ids.take(pa.array(bench.world.moments.users[moments]))
    yield "item_id", data.item_ids.take(pa.array(bench.world.sources[examples.items[half:]]))
    yield "timestamp", pa.array(bench.world.moments.times[moments])
    yield "label", pa.array(examples.labels[half:])
    for arm in arms:
        for seed, p in zip(bench.settings.seeds, outcomes[arm.key].probabilities, strict=True):
            yield f"{arm.key}_{seed}", pa.array(p)

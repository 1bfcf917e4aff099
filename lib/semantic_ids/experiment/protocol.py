"""One pass in the order of time, each batch scored before it is learned from."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.codebook import normalized_entropy
from semantic_ids.experiment.arms import Arm
from semantic_ids.experiment.batches import Batch
from semantic_ids.experiment.examples import Cuts
from semantic_ids.experiment.settings import Settings
from semantic_ids.experiment.stream import FloatArray, Int64Array


@dataclass(frozen=True)
class Course:
    """What an arm's model is trained on.

    Parameters
    ----------
    batches : sequence of Batch
    features : Tensor of shape (n, k)
    labels : ndarray of shape (n,), int64
    is_trained : Tensor of shape (n,), bool
        Examples that are learned from; all are scored.
    cuts : Cuts
    build : callable
        Makes a new model.
    """

    batches: Sequence[Batch]
    features: Tensor
    labels: Int64Array
    is_trained: Tensor
    cuts: Cuts
    build: Callable[[], nn.Module]


@dataclass(frozen=True)
class Outcome:
    """What an arm did.

    Parameters
    ----------
    rate, table_rate : float
        Chosen by the second quarter.
    second_quarter : float
        The NE there, of the rates chosen.
    probabilities : ndarray of shape (n_seeds, n_reported), float32
        Of the examples of the second half.
    n_parameters : int
    seconds : float
        Of one pass over all examples, the mean over seeds.
    """

    rate: float
    table_rate: float | None
    second_quarter: float
    probabilities: FloatArray
    n_parameters: int
    seconds: float


def run_arm(arm: Arm, course: Course, settings: Settings, on_pass: Callable[[], None]) -> Outcome:
    """Choose an arm's learning rates by the second quarter, then run it once for each seed."""
    quarter, half = course.cuts.quarter, course.cuts.half
    tried: dict[tuple[float, float | None], float] = {}

    def try_rates(rate: float, table_rate: float | None) -> None:
        if (rate, table_rate) not in tried:
            p = run_pass(course, rate, table_rate, seed=settings.seeds[0], stop=half)
            tried[rate, table_rate] = normalized_entropy(course.labels[quarter:half], p[quarter:])
            on_pass()

    middle = settings.table_rates[len(settings.table_rates) // 2] if arm.has_tables else None
    for rate in settings.rates:
        try_rates(rate, middle)
    if arm.has_tables:
        best, _ = min(tried, key=lambda rates: tried[rates])
        for table_rate in settings.table_rates:
            try_rates(best, table_rate)
    rate, chosen = min(tried, key=lambda rates: tried[rates])
    began = time.perf_counter()
    passes = []
    for seed in settings.seeds:
        passes.append(run_pass(course, rate, chosen, seed=seed)[half:])
        on_pass()
    return Outcome(
        rate,
        chosen,
        tried[rate, chosen],
        np.stack(passes),
        sum(p.numel() for p in course.build().parameters()),
        (time.perf_counter() - began) / len(settings.seeds),
    )


def n_passes(arm: Arm, settings: Settings) -> int:
    """Count the passes of an arm, those over the first half as well."""
    n_tables = len(settings.table_rates) - 1 if arm.has_tables else 0
    return len(settings.rates) + n_tables + len(settings.seeds)


def run_pass(
    course: Course, rate: float, table_rate: float | None, *, seed: int, stop: int | None = None
) -> FloatArray:
    """Score each batch up to an example, then learn from it.

    Returns
    -------
    ndarray of shape (stop,), float32
        Probabilities, each of a model that has seen earlier batches only.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = course.build()
    optimizers = _optimizers(model, rate, table_rate)
    stop = len(course.labels) if stop is None else stop
    found = torch.zeros(stop)
    for batch in course.batches:
        if batch.start >= stop:
            break
        logits = model(batch, course.features[batch.start : batch.stop])
        found[batch.start : batch.stop] = torch.sigmoid(logits.detach())[: stop - batch.start]
        chosen = course.is_trained[batch.start : batch.stop]
        if not chosen.any():
            continue
        loss = F.binary_cross_entropy_with_logits(logits[chosen], batch.labels[chosen])
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        for optimizer in optimizers:
            optimizer.step()
    return found.numpy()


def _optimizers(
    model: nn.Module, rate: float, table_rate: float | None
) -> list[torch.optim.Optimizer]:
    """Give Adam for the networks, and Adagrad for learned tables, which sees few of their rows."""
    tables = [
        parameter
        for module in model.modules()
        if isinstance(module, nn.EmbeddingBag)
        for parameter in module.parameters()
    ]
    of_tables = {id(parameter) for parameter in tables}
    others = [p for p in model.parameters() if id(p) not in of_tables]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.Adam(others, lr=rate)]
    if tables and table_rate is not None:
        optimizers.append(torch.optim.Adagrad(tables, lr=table_rate))
    return optimizers

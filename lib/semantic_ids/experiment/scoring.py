"""From probabilities to scores: NE, gains with their intervals, slices."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook import bootstrap_gains, log_losses, normalized_entropy
from semantic_ids.experiment.arms import REFERENCE, Arm
from semantic_ids.experiment.bench import Bench
from semantic_ids.experiment.dense import count_before
from semantic_ids.experiment.protocol import Outcome
from semantic_ids.experiment.settings import DAY_US
from semantic_ids.experiment.stream import Int64Array, Mask
from semantic_ids.experiment.weights import Weight
from semantic_ids.report import ArmScore, Interval, RegimeScore, SliceScore

Draws: TypeAlias = npt.NDArray[np.float64]

FEW_EXAMPLES = 200
COLD = 10
LENGTHS = (0, 1, 10, 50, 200, 1000)
_BOUNDS = (2.5, 97.5)


def score(
    bench: Bench, arms: list[Arm], outcomes: Mapping[str, Outcome], weights: Mapping[str, Weight]
) -> RegimeScore:
    """Score the arms of a regime on the second half; the first has no history."""
    world, half = bench.world, bench.cuts.half
    labels, moments = world.examples.labels[half:], world.examples.moments[half:]
    losses = _mean_losses(labels, [outcomes[arm.key] for arm in arms])
    users = np.unique(world.moments.users[moments], return_inverse=True)[1]
    sums = np.stack([np.bincount(users, column) for column in losses.T], axis=1)
    draws = bootstrap_gains(sums[:, 0], sums, seed=bench.settings.seed)
    totals = losses.sum(axis=0)
    gains = 1 - totals / totals[0]
    place = [arm.key for arm in arms].index(REFERENCE)
    scores = tuple(
        _arm_score(
            arm,
            outcomes[arm.key],
            weights[arm.key],
            labels,
            gain=_interval(gains[k], draws[:, k]),
            ratio=_ratio(gains[k], draws[:, k], gains[place], draws[:, place]),
        )
        for k, arm in enumerate(arms)
    )
    lengths = (world.moments.highs - world.moments.lows)[moments]
    return RegimeScore(
        name=bench.regime.name,
        **asdict(bench.regime),
        n_examples=len(world.examples),
        n_reported=len(labels),
        n_users=int(users.max()) + 1,
        n_items=len(np.unique(world.stream.items)),
        n_events=len(world.stream.items),
        base_rate=float(labels.mean()),
        mean_history=float(lengths.mean()),
        arms=scores,
        slices=tuple(each for each in _slices(bench, losses, lengths) if each.n_examples),
    )


def _mean_losses(labels: Int64Array, outcomes: list[Outcome]) -> Draws:
    """Give each example's log loss, the mean over seeds, shape (n, n_arms)."""
    of_arms = [
        np.mean([log_losses(labels, p) for p in outcome.probabilities], axis=0)
        for outcome in outcomes
    ]
    return np.stack(of_arms, axis=1)


def _arm_score(
    arm: Arm,
    outcome: Outcome,
    weight: Weight,
    labels: Int64Array,
    *,
    gain: Interval,
    ratio: Interval | None,
) -> ArmScore:
    ne = [normalized_entropy(labels, p) for p in outcome.probabilities]
    return ArmScore(
        key=arm.key,
        title=arm.title,
        stores_sids=arm.stored == "sids",
        is_control=arm.control is not None,
        second_quarter_ne=outcome.second_quarter,
        ne=float(np.mean(ne)),
        ne_spread=float(np.std(ne)),
        gain=gain,
        ratio=ratio,
        n_parameters=outcome.n_parameters,
        raw_bytes=weight.raw,
        stored_bytes=weight.stored,
        rate=outcome.rate,
        table_rate=outcome.table_rate,
        seconds=outcome.seconds,
    )


def _interval(value: float, draws: Draws) -> Interval:
    low, high = np.percentile(draws, _BOUNDS)
    return Interval(float(value), float(low), float(high))


def _ratio(gain: float, draws: Draws, reference: float, of_reference: Draws) -> Interval | None:
    """Give the ratio of gains, None unless the reference surely gains."""
    if np.percentile(of_reference, _BOUNDS[0]) <= 0:
        return None
    is_gain = of_reference > 0
    return _interval(gain / reference, draws[is_gain] / of_reference[is_gain])


def _slices(bench: Bench, losses: Draws, lengths: Int64Array) -> Iterator[SliceScore]:
    """Give gains by the past of items, the length of histories, and month."""
    world, half = bench.world, bench.cuts.half
    items, moments = world.examples.items[half:], world.examples.moments[half:]
    times = world.moments.times[moments]
    past, _ = count_before(world.stream, items, times)
    yield _slice("item", f"fewer than {COLD} past events", past < COLD, losses)
    yield _slice("item", f"{COLD} past events or more", past >= COLD, losses)
    for low, high in zip(LENGTHS, (*LENGTHS[1:], np.inf), strict=True):
        of_length = (lengths >= low) & (lengths < high)
        name = f"{low} or more" if high == np.inf else f"{low} to {high - 1}" if low else "0"
        yield _slice("events of the history", name, of_length, losses)
    months = [_month(day) for day in range(int(times[0] // DAY_US), int(times[-1] // DAY_US) + 1)]
    of_month = np.array(months)[times // DAY_US - times[0] // DAY_US]
    for month in dict.fromkeys(months):
        yield _slice("month", month, of_month == month, losses)


def _slice(kind: str, name: str, chosen: Mask, losses: Draws) -> SliceScore:
    n = int(chosen.sum())
    if n < FEW_EXAMPLES:
        return SliceScore(kind, name, n, (None,) * losses.shape[1])
    totals = losses[chosen].sum(axis=0)
    return SliceScore(kind, name, n, tuple((1 - totals / totals[0]).tolist()))


def _month(day: int) -> str:
    return f"{datetime.date(1970, 1, 1) + datetime.timedelta(days=day):%Y-%m}"

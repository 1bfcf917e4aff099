"""Ticks of a chart: few, round, and labelled as the tables are."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from semantic_ids.report.numbers import compact
from semantic_ids.report.page import Kind
from semantic_ids.report.texts import columns_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["label_rows", "label_values"]

_MOST_TICKS = 5
_WIDE = 30  # an axis over more than this ratio has room for decades only
_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 150, 300, 500, 1_000, 2_500, 5_000)


def label_values(
    axes: "Axes",
    axis: Literal["x", "y"],
    values: Sequence[float],
    *,
    kind: Kind,
    is_log: bool,
    from_zero: bool = False,
) -> int:
    """Bound an axis by its values and label it; give the columns of the widest label."""
    low, high = min(values), max(values)
    if is_log:
        low, high = low / 1.5, high * 1.5
        axes.set(**{f"{axis}scale": "log"})
        ticks = _decades(low, high)
    else:
        low, high = _bounds(low, high, from_zero)
        ticks = _round_values(low, high, kind)
    axes.set(**{f"{axis}lim": (low, high)})
    return _set_ticks(axes, axis, ticks, [compact(tick, kind) for tick in ticks])


def label_rows(axes: "Axes", labels: Sequence[str], *, room: float) -> int:
    """Label places 0, 1, ... along x: as many as stand in so many columns side by side."""
    widest = max(map(columns_of, labels))
    step = next(step for step in _STEPS if step * room >= (widest + 2) * len(labels))
    kept = range(0, len(labels), step)
    axes.set_xlim(-0.6, len(labels) - 0.4)
    return _set_ticks(axes, "x", kept, [labels[place] for place in kept])


def _set_ticks(
    axes: "Axes", axis: Literal["x", "y"], ticks: Sequence[float], labels: Sequence[str]
) -> int:
    line = axes.xaxis if axis == "x" else axes.yaxis
    line.set_ticks(ticks, labels=labels)
    line.set_ticks([], minor=True)
    return max(map(columns_of, labels), default=0)


def _bounds(low: float, high: float, from_zero: bool) -> tuple[float, float]:
    if from_zero:
        low, high = min(low, 0), max(high, 0)
    pad = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    below = 0 if from_zero and low == 0 else pad
    above = 0 if from_zero and high == 0 and low < 0 else pad
    return low - below, high + above


def _round_values(low: float, high: float, kind: Kind) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(_MOST_TICKS, steps=[1, 2, 2.5, 5, 10], integer=kind == "count")
    noise = (high - low) * 1e-9
    ticks = (0.0 if abs(tick) < noise else float(tick) for tick in locator.tick_values(low, high))
    return [tick for tick in ticks if low <= tick <= high]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = 1 + (last - first) // (_MOST_TICKS + 1)
    factors = (1, 2, 5) if high / low < _WIDE else (1,)
    ticks = (factor * 10.0**power for power in range(first, last + 1, step) for factor in factors)
    return [tick for tick in ticks if low <= tick <= high]

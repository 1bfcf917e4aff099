"""Examples of an experiment: candidates at moments, with labels, in the order of time."""

from dataclasses import dataclass

import numpy as np

from semantic_ids.errors import InputError
from semantic_ids.experiment.negatives import draw_negatives
from semantic_ids.experiment.settings import Settings
from semantic_ids.experiment.stream import Int64Array, Stream, unique_moments


@dataclass(frozen=True)
class Examples:
    """Candidates, those of a moment side by side, moments in the order of time.

    Parameters
    ----------
    moments : ndarray of shape (n,), int64
        Never decreasing.
    items, labels : ndarrays of shape (n,), int64
    """

    moments: Int64Array
    items: Int64Array
    labels: Int64Array

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.items)


@dataclass(frozen=True)
class Cuts:
    """Where the examples' second quarter, their second half and their moments' halves begin."""

    quarter: int
    half: int


def draw_examples(stream: Stream, settings: Settings) -> tuple[Examples, Int64Array, Int64Array]:
    """Draw the examples; give them with the users and the times of their moments, shape (m,).

    Raises
    ------
    InputError
        If all labels are equal, or there are no negatives to draw.
    """
    rng = np.random.default_rng([settings.seed, 1])
    chosen = _choose(stream, settings, rng)
    if stream.labels is None:
        negatives, found = draw_negatives(
            stream, chosen, n=settings.negatives, window_days=settings.window_days, rng=rng
        )
        chosen = chosen[found]
        items = np.column_stack([stream.items[chosen], negatives[found]])
        labels = np.zeros_like(items)
        labels[:, 0] = 1
    else:
        items, labels = stream.items[chosen][:, None], stream.labels[chosen][:, None]
    if labels.min() == labels.max():
        raise InputError(
            f"label: values must be of both classes, got {labels.size:,} of which all are "
            f"{labels.min()}"
        )
    first, numbers = unique_moments(stream.users[chosen], stream.times[chosen])
    order = np.argsort(numbers, kind="stable")
    examples = Examples(
        np.repeat(numbers[order], items.shape[1]), items[order].ravel(), labels[order].ravel()
    )
    return examples, stream.users[chosen][first], stream.times[chosen][first]


def cut(examples: Examples) -> Cuts:
    """Find the first examples of the second quarter and of the second half; no moment is torn.

    Raises
    ------
    InputError
        If there are too few moments to have quarters.
    """
    n = len(examples)
    places = [int(np.searchsorted(examples.moments, examples.moments[n * k // 4])) for k in (1, 2)]
    if not 0 < places[0] < places[1] < n:
        n_moments = int(examples.moments[-1]) + 1
        raise InputError(f"events: examples must be of many moments, got {n_moments}")
    return Cuts(*places)


def items_before(stream: Stream, time: int) -> Int64Array:
    """Give the items met strictly before a time, in rising order."""
    return np.unique(stream.items[stream.times < time])


def _choose(stream: Stream, settings: Settings, rng: np.random.Generator) -> Int64Array:
    """Choose events by lot: at most so many of a moment, and so many of all."""
    _, numbers = unique_moments(stream.users, stream.times)
    lots = rng.permutation(len(numbers))
    order = np.lexsort((lots, numbers))
    sizes = np.bincount(numbers)
    ranks = np.empty(len(numbers), np.int64)
    ranks[order] = np.arange(len(numbers)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = np.flatnonzero(ranks < settings.per_moment)
    if len(chosen) > settings.positives:
        chosen = np.sort(rng.choice(chosen, settings.positives, replace=False))
    return chosen

"""Normalized entropy: log loss by the entropy of the base rate, gains and their spread over users.

He et al. 2014, "Practical lessons from predicting clicks on ads at Facebook", section 2: 1 is a
model that knows the base rate alone, lower is better.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.errors import InputError, ShapeError

FloatArray64: TypeAlias = npt.NDArray[np.float64]

_LEAST = 1e-12
_DRAWS_AT_ONCE = 64


def log_losses(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> FloatArray64:
    """Return the log loss of each example in nats.

    Parameters
    ----------
    labels : array_like of shape (n,)
        0 or 1.
    probabilities : array_like of shape (n,)
        Of label 1; kept 1e-12 away from 0 and 1.

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ShapeError
        If there are not as many labels as probabilities.
    InputError
        If a label is neither 0 nor 1, or a probability is not in [0, 1].
    """
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    if y.ndim != 1 or y.shape != p.shape:
        raise ShapeError(
            f"labels and probabilities must have shape (n,), got {y.shape} and {p.shape}"
        )
    require_labels(y)
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("probabilities must be in [0, 1]")
    p = np.clip(p, _LEAST, 1 - _LEAST)
    losses: FloatArray64 = -np.where(y == 1, np.log(p), np.log1p(-p))
    return losses


def base_entropy(labels: npt.ArrayLike) -> float:
    """Return the entropy of the base rate in nats: the log loss of a model that knows it alone.

    Raises
    ------
    InputError
        If a label is neither 0 nor 1, or all labels are equal.
    """
    y = np.asarray(labels, np.float64)
    require_labels(y)
    rate = float(y.mean()) if len(y) else 0.0
    if not 0 < rate < 1:
        raise InputError(f"labels must be of both classes, got {len(y)} of which all are {rate:g}")
    return float(-rate * np.log(rate) - (1 - rate) * np.log1p(-rate))


def normalized_entropy(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the mean log loss by the entropy of the base rate of the same labels.

    Examples
    --------
    >>> normalized_entropy([1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25])
    1.0
    """
    return float(log_losses(labels, probabilities).mean() / base_entropy(labels))


def require_labels(labels: npt.NDArray[np.float64]) -> None:
    """Raise InputError unless all labels are 0 or 1."""
    is_wrong = (labels != 0) & (labels != 1)
    if is_wrong.any():
        raise InputError(
            f"labels must be 0 or 1, got {labels[is_wrong][0]:g}, one of {int(is_wrong.sum())} "
            "that are neither"
        )


def bootstrap_gains(
    baseline: npt.ArrayLike, arms: npt.ArrayLike, *, draws: int = 1000, seed: int = 0
) -> FloatArray64:
    """Return the gains of arms for users drawn with replacement, the same users for all arms.

    A gain is the share of the baseline's log loss that an arm takes off, which is that of its
    normalized entropy: the entropy of the base rate cancels.

    Parameters
    ----------
    baseline : array_like of shape (n_users,)
        Sums of each user's log losses.
    arms : array_like of shape (n_users, n_arms)
    draws : int
        Samples: each user counts a Poisson(1) number of times.

    Returns
    -------
    ndarray of shape (draws, n_arms), float64
    """
    b, a = np.asarray(baseline, np.float64), np.asarray(arms, np.float64)
    rng = np.random.default_rng(seed)
    sums = np.column_stack([b, b[:, None] - a])
    found = np.empty((draws, a.shape[1]))
    for start in range(0, draws, _DRAWS_AT_ONCE):
        n = min(_DRAWS_AT_ONCE, draws - start)
        drawn = rng.poisson(1.0, (n, len(b))) @ sums
        found[start : start + n] = drawn[:, 1:] / np.maximum(drawn[:, :1], _LEAST)
    return found

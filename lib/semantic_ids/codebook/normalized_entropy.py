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
        raise ShapeError(f"labels and probabilities must have one length, got {y.shape}, {p.shape}")
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


def gain_ratios(
    baseline: npt.ArrayLike,
    reference: npt.ArrayLike,
    arms: npt.ArrayLike,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> FloatArray64:
    """Return the gains of arms by the gain of a reference, for users drawn with replacement.

    A gain is what an arm takes off the baseline's log loss; the entropy of the base rate cancels.

    Parameters
    ----------
    baseline, reference : array_like of shape (n_users,)
        Sums of each user's log losses.
    arms : array_like of shape (n_users, n_arms)
    draws : int
        Bootstrap samples: each user counts a Poisson(1) number of times.

    Returns
    -------
    ndarray of shape (draws, n_arms), float64
        NaN where the reference gains nothing in a draw: the ratio means nothing there.
    """
    b, r, a = (np.asarray(sums, np.float64) for sums in (baseline, reference, arms))
    rng = np.random.default_rng(seed)
    gains = np.concatenate([(b - r)[:, None], b[:, None] - a], axis=1)
    found = np.empty((draws, a.shape[1]))
    for start in range(0, draws, 64):
        times = rng.poisson(1.0, (min(64, draws - start), len(b)))
        drawn = times @ gains
        reference_gain = np.where(drawn[:, :1] > 0, drawn[:, :1], np.nan)
        found[start : start + 64] = drawn[:, 1:] / reference_gain
    return found

"""How far items have moved from those that a codebook was fitted on: errors and symbols."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.neighbours import Z_95
from semantic_ids.codebook.usage import entropy_bits
from semantic_ids.errors import ShapeError

_N_DRAWS = 20


@dataclass(frozen=True)
class ErrorRatio:
    """Mean squared error of items by that of the items held out of the fit, with its 95 % interval.

    1 is no drift. The interval rests on the draws of both sets.
    """

    ratio: float
    low: float
    high: float


def error_drift(
    mean: float, standard_error: float, *, fitted: float, fitted_standard_error: float
) -> ErrorRatio | None:
    """Compare mean squared errors of two independent sets of items.

    Parameters
    ----------
    mean, standard_error : float
        Of the items in question.
    fitted, fitted_standard_error : float
        Of the items held out of the fit.

    Returns
    -------
    ErrorRatio or None
        None where an error is zero, to which nothing has a ratio.

    Notes
    -----
    The interval is that of the ratio's logarithm, whose variance is the sum of the squared relative
    standard errors (the delta method).
    """
    if not (fitted > 0 and mean > 0):
        return None
    spread = math.exp(Z_95 * math.hypot(standard_error / mean, fitted_standard_error / fitted))
    return ErrorRatio(mean / fitted, mean / fitted / spread, mean / fitted * spread)


@dataclass(frozen=True)
class Divergence:
    """Jensen-Shannon divergence of a byte's symbols between two sets of items.

    Parameters
    ----------
    bits : float
        In [0, 1]: 0 where both use symbols alike, 1 where they share none.
    bits_by_chance : float
        What two draws of as many items from one catalogue give.
    """

    bits: float
    bits_by_chance: float

    @property
    def excess_bits(self) -> float:
        """What is left without chance, at least 0."""
        return max(0.0, self.bits - self.bits_by_chance)


def symbol_drift(
    counts: npt.ArrayLike, fitted: npt.ArrayLike, *, seed: int = 0
) -> list[Divergence]:
    """Compare the symbols of items with those of the items a codebook was fitted on.

    Parameters
    ----------
    counts, fitted : array_like of shape (width, n_values), integers
        Items by byte and symbol.
    seed : int
        Of the draws that say what chance gives.

    Returns
    -------
    list of Divergence
        One of each byte.

    Notes
    -----
    ``H((p + q) / 2) - (H(p) + H(q)) / 2`` with logarithms to base 2 (Lin 1991).
    """
    now, then = np.asarray(counts), np.asarray(fitted)
    if now.ndim != 2 or now.shape != then.shape:
        raise ShapeError(f"fitted must have shape {now.shape}, got {then.shape}")
    rng = np.random.default_rng(seed)
    return [_divergence(p, q, rng) for p, q in zip(now, then, strict=True)]


def jensen_shannon(p: npt.NDArray[np.int64], q: npt.NDArray[np.int64]) -> float:
    """Return the divergence of two rows of counts, in bits; 0 where a row has none."""
    if not (p.sum() and q.sum()):
        return 0.0
    shares = p / p.sum(), q / q.sum()
    middle = (shares[0] + shares[1]) / 2
    apart = entropy_bits(middle) - (entropy_bits(shares[0]) + entropy_bits(shares[1])) / 2
    return float(np.clip(apart, 0, 1))


def _divergence(
    p: npt.NDArray[np.int64], q: npt.NDArray[np.int64], rng: np.random.Generator
) -> Divergence:
    together = p + q
    if not (p.sum() and q.sum()):
        return Divergence(0.0, 0.0)
    shares = together / together.sum()
    draws = zip(
        rng.multinomial(int(p.sum()), shares, _N_DRAWS),
        rng.multinomial(int(q.sum()), shares, _N_DRAWS),
        strict=True,
    )
    by_chance = float(np.mean([jensen_shannon(a, b) for a, b in draws]))
    return Divergence(jensen_shannon(p, q), by_chance)

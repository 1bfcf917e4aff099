"""How far a ratio measured on a sample of groups may be from that of all."""

import math

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.neighbours import Z_95
from semantic_ids.errors import InputError, ShapeError

LEAST_GROUPS = 5
"""Of fewer groups nothing is told."""


def ratio_half_width(
    totals: npt.ArrayLike, units: npt.ArrayLike, *, sampled: float
) -> float | None:
    """Return half the width of the 95 % interval of ``sum(totals) / sum(units)``.

    Parameters
    ----------
    totals, units : array_like of shape (k,)
        Of k random groups, such as bytes and events.
    sampled : float
        The share of the whole that the groups are, in (0, 1]; of the whole there is no error.

    Returns
    -------
    float or None
        None of fewer than LEAST_GROUPS groups.

    Notes
    -----
    The linearised variance of a ratio with the correction for a finite population (Cochran,
    Sampling Techniques, 1977, section 6.4), and Student's t of k - 1 degrees of freedom.
    """
    b, n = np.asarray(totals, np.float64), np.asarray(units, np.float64)
    if b.ndim != 1 or b.shape != n.shape:
        raise ShapeError(f"totals and units must have one shape (k,), got {b.shape} and {n.shape}")
    if not 0 < sampled <= 1:
        raise InputError(f"sampled must be in (0, 1], got {sampled}")
    if len(b) < LEAST_GROUPS:
        return None
    residuals = b - b.sum() / n.sum() * n
    variance = len(b) / (len(b) - 1) * (residuals @ residuals) / n.sum() ** 2
    return student_95(len(b) - 1) * math.sqrt(variance * (1 - sampled))


def student_95(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t, to 0.02 from 4 degrees of freedom on.

    Notes
    -----
    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z = Z_95
    first = (z**3 + z) / (4 * degrees)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    return z + first + second + third

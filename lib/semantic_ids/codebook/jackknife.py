"""How far a figure measured on a sample may be from that of all, whatever the figure is."""

import math

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.neighbours import Z_95
from semantic_ids.errors import InputError, ShapeError

LEAST_GROUPS = 5
"""Of fewer groups nothing is told."""


def jackknife_half_width(replicates: npt.ArrayLike, *, sampled: float) -> float | None:
    """Return half the width of the 95 % interval of a figure.

    Parameters
    ----------
    replicates : array_like of shape (k,)
        The figure of the sample without its first, second, ..., k-th random group.
    sampled : float
        The share of the whole that the sample is, in (0, 1]; of the whole there is no error.

    Returns
    -------
    float or None
        None of fewer than LEAST_GROUPS groups.

    Notes
    -----
    ``(k - 1) / k sum (r_i - mean(r))^2``, the delete-a-group jackknife (Wolter, Introduction to
    Variance Estimation, 2007, section 4.2), times ``1 - sampled`` for a finite population, with
    Student's t of k - 1 degrees of freedom.
    """
    r = np.asarray(replicates, np.float64)
    if r.ndim != 1:
        raise ShapeError(f"replicates must have shape (k,), got {r.shape}")
    if not 0 < sampled <= 1:
        raise InputError(f"sampled must be in (0, 1], got {sampled}")
    k = len(r)
    if k < LEAST_GROUPS:
        return None
    variance = (k - 1) / k * float(np.square(r - r.mean()).sum()) * (1 - sampled)
    return student_95(k - 1) * math.sqrt(variance)


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

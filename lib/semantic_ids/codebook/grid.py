"""Grids that make the encoder's products exact.

Rows and basis are rounded to ``x_int = rint((x - mean) / sx)`` and ``v_int = rint(v / sv)``, of
2-norms at most 2^12. Then every partial sum of ``<x_int, v_int>`` is an integer of at most 2^24
(Cauchy-Schwarz), which float32 holds exactly: the product does not depend on the order of
summation, on FMA, on the BLAS or on the batch. ``sx = 2^a sv``, both powers of two, so that costs
in units of ``sv^2`` are integers: ``|T|^2 - 2 * 2^a <x, T> + 2 <T, T'>``.
"""

import math

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import EXPONENTS, MAX_SHIFT, NORM_BITS, BasisArray, FloatArray
from semantic_ids.codebook.layout import Layout
from semantic_ids.codebook.vectors import check_finite

WIDE_BITS = 35


def choose_grid(
    basis: npt.NDArray[np.float64], layout: Layout, *, typical_norm: float
) -> tuple[BasisArray, int, int]:
    """Round a basis to the finest grid on which the costs of typical rows fit in int32.

    Parameters
    ----------
    basis : ndarray of shape (n_rows, dim), float64
    typical_norm : float
        Norm of ``x - mean`` that nearly all rows stay below.

    Returns
    -------
    basis : ndarray of shape (n_rows, dim), int16
    x_exponent, basis_exponent : int
        ``sx = 2 ** x_exponent`` and ``sv = 2 ** basis_exponent``.
    """
    x_exponent = _exponent_for(typical_norm)
    largest = float(np.sqrt((basis**2).sum(axis=1)).max(initial=0.0))
    x_exponent = max(x_exponent, _exponent_for(largest))
    fallback = None
    for shift in range(MAX_SHIFT, -1, -1):
        rounded = np.rint(np.ldexp(basis, shift - x_exponent))
        if (rounded**2).sum(axis=1).max(initial=0.0) > 4**NORM_BITS:
            continue
        candidate = rounded.astype(np.int16), x_exponent, x_exponent - shift
        if cost_bound(candidate[0], layout, shift) < 2**31:
            return candidate
        fallback = fallback or candidate
    assert fallback is not None  # shift 0 always satisfies the norm, see _exponent_for
    return fallback


def cost_bound(basis: BasisArray, layout: Layout, shift: int) -> int:
    """Bound the absolute value of every cost of a row inside the norm bound.

    With ``reach`` the largest norm of a sum of table rows, all costs and their partial sums are
    below ``3 reach^2 + 2 * 2^shift * 2^12 * reach``.
    """
    norms = np.sqrt((basis.astype(np.float64) ** 2).sum(axis=1))
    reach = 0.0
    for byte in layout:
        own = norms[byte.rows]
        if byte.n_digits:
            reach += float(own.sum())
        else:
            starts = np.cumsum((0, *byte.radices[:-1]))
            reach += float(np.maximum.reduceat(own, starts).sum())
    reach_int = math.ceil(reach) + 1
    return 3 * reach_int**2 + 2 * (reach_int << (shift + NORM_BITS))


def _exponent_for(norm: float) -> int:
    """Return the least e with ``norm / 2^e <= 2^12 - 2^8``; the slack is for rounding."""
    if not norm > 0:
        return 0
    exponent = math.ceil(math.log2(norm / (2**NORM_BITS - 2**8)))
    return min(max(exponent, EXPONENTS[0]), EXPONENTS[-1])


def to_grid(
    rows: FloatArray, mean: FloatArray, x_exponent: int
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Centre rows and round them to the grid.

    Returns
    -------
    x_int : ndarray of shape (n, dim), float32
        Integers. Rows outside the norm bound are zero.
    inside : ndarray of shape (n,), bool
        Rows whose integer norm is below 2^12. The float32 sum of squares is exact below 2^24 and,
        since rounding is monotone, at least 2^24 for any row that is not; NaN fails the comparison
        too.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        x_int = rows - mean
        x_int *= np.float32(2.0**-x_exponent)
        np.rint(x_int, out=x_int)
        inside = np.einsum("ij,ij->i", x_int, x_int) < np.float32(4**NORM_BITS)
    x_int[~inside] = 0
    return x_int, inside


def to_wide_grid(rows: FloatArray, mean: FloatArray, x_exponent: int) -> npt.NDArray[np.float64]:
    """Centre rows and round them to the same grid in float64, exact for products up to 2^53.

    A row of integer norm beyond about 2^35 is first halved until it is inside: it keeps its
    direction.

    Raises
    ------
    InputError
        If a centred value is not finite in float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        centred = rows - mean
    check_finite(centred)
    x = np.ldexp(centred.astype(np.float64), -x_exponent)
    _, exponents = np.frexp(np.abs(x).max(axis=1, initial=0.0))
    limit = WIDE_BITS - math.ceil(math.log2(max(rows.shape[1], 1)) / 2)
    excess = np.maximum(exponents - limit, 0)
    return np.asarray(np.rint(np.ldexp(x, -excess[:, None])))

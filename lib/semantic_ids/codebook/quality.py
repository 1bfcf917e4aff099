"""How well a codebook reconstructs."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray, FloatArray64
from semantic_ids.codebook.decoder import decode_tables, reconstruct
from semantic_ids.codebook.encoder import BLOCK_ROWS, encode_symbols
from semantic_ids.codebook.vectors import check_finite, check_vectors, to_float32
from semantic_ids.codebook.wire import ByteArray, sids_to_bytes
from semantic_ids.errors import ShapeError


@dataclass(frozen=True)
class Errors:
    """What SIDs lose of the vectors of items.

    Parameters
    ----------
    n_items : int
    relative : tuple of float, or None
        Relative error after the first 1, 2, ..., width bytes; None where the vectors have no
        variance to be relative to.
    standard_errors : tuple of float, or None
        Of these, over the draw of the items.
    mean_square : float
        Mean of ``|x - x_hat|^2`` over items, in the squared units of the vectors.
    mean_square_standard_error : float
    cosine : float or None
        Mean cosine of x and x_hat over the items where neither is zero; None where there is none.
    """

    n_items: int
    relative: tuple[float, ...] | None
    standard_errors: tuple[float, ...] | None
    mean_square: float
    mean_square_standard_error: float
    cosine: float | None


def relative_error(vectors: npt.ArrayLike, decoded: npt.ArrayLike) -> float:
    """Return ``sum |x - x_hat|^2 / sum |x - mean(x)|^2``.

    Parameters
    ----------
    vectors, decoded : array_like of shape (n, dim)

    Returns
    -------
    float
        0 is a perfect reconstruction, 1 as good as the mean. Where the vectors have no variance, 0
        for no error and infinity for any.
    """
    x, x_hat = check_vectors(vectors), check_vectors(decoded)
    if x.shape != x_hat.shape:
        raise ShapeError(f"decoded must have shape {x.shape}, got {x_hat.shape}")
    error = 0.0
    for block in _blocks(x):
        difference = x[block].astype(np.float64) - x_hat[block]
        check_finite(difference)
        error += squares(difference)
    return _ratio(error, _squares_about_mean(x))


def error_curve(vectors: npt.ArrayLike, codebook: Codebook) -> npt.NDArray[np.float64]:
    """Return the relative error after the first 1, 2, ..., width bytes of the vectors' SIDs.

    Returns
    -------
    ndarray of shape (width,), float64
    """
    x = check_vectors(vectors, codebook.dim)
    tables = decode_tables(codebook)
    errors = np.zeros(codebook.width)
    for block in _blocks(x):
        rows = to_float32(x[block])
        errors += _losses(rows, encode_symbols(rows, codebook), codebook.mean, tables).sum(axis=0)
    total = _squares_about_mean(x)
    return np.array([_ratio(error, total) for error in errors])


def measure_errors(vectors: npt.ArrayLike, sids: npt.ArrayLike, codebook: Codebook) -> Errors:
    """Measure what the SIDs that items have lose of their vectors, after each byte.

    Parameters
    ----------
    vectors : array_like of shape (n, dim), real
        Of one item at least.
    sids : array_like of shape (n,), integers
        As stored; they are not encoded anew.

    Notes
    -----
    The relative error is a ratio of sums over items, ``sum e_i / sum t_i``; its standard error is
    that of a ratio estimator (Cochran, Sampling Techniques, section 2.11):
    ``sqrt(sum (e_i - r t_i)^2 / (n (n - 1))) / mean(t)``. Takes 8 * n * width bytes.
    """
    x = check_vectors(vectors, codebook.dim)
    symbols = sids_to_bytes(sids, codebook.width)
    if len(symbols) != len(x) or not len(x):
        raise ShapeError(
            f"sids must be one of each of n >= 1 vectors, got {len(symbols)} and {len(x)}"
        )
    tables, mean = decode_tables(codebook), x.mean(axis=0, dtype=np.float64)
    losses, spread, cosines = np.empty(symbols.shape), np.empty(len(x)), np.empty(len(x))
    for block in _blocks(x):
        rows = to_float32(x[block])
        check_finite(rows)
        losses[block] = _losses(rows, symbols[block], codebook.mean, tables)
        spread[block] = np.square(rows - mean).sum(axis=1)
        cosines[block] = _cosines(rows, reconstruct(symbols[block], codebook))
    mean_square, its_error = _mean_with_error(losses[:, -1])
    relative = standard_errors = None
    if spread.any():
        ratios = losses.sum(axis=0) / spread.sum()
        off = (losses - ratios * spread[:, None]) / spread.mean()
        relative = tuple(ratios.tolist())
        standard_errors = tuple(_mean_with_error(column)[1] for column in off.T)
    known = cosines[~np.isnan(cosines)]
    cosine = float(known.mean()) if known.size else None
    return Errors(len(x), relative, standard_errors, mean_square, its_error, cosine)


def _losses(
    rows: FloatArray, symbols: ByteArray, mean: FloatArray, tables: FloatArray
) -> FloatArray64:
    """Return ``|x - x_hat|^2`` after the first 1, 2, ... bytes, shape (n, width)."""
    residual = rows - mean
    losses = np.empty(symbols.shape)
    for j, table in enumerate(tables):
        residual -= table[symbols[:, j]]
        losses[:, j] = np.square(residual, dtype=np.float64).sum(axis=1)
    return losses


def _cosines(x: FloatArray, x_hat: FloatArray) -> FloatArray64:
    """Return the cosine of each pair of rows, NaN where one is zero."""
    a, b = x.astype(np.float64), x_hat.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(axis=1) / norms)


def _mean_with_error(values: FloatArray64) -> tuple[float, float]:
    """Return the mean and its standard error, 0 for one value."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return float(values.mean()), spread / math.sqrt(len(values))


def error_ratio(residual: npt.NDArray[Any], x: npt.NDArray[Any]) -> float:
    """Return the squares of a residual relative to those of x about its mean."""
    return _ratio(squares(residual), _squares_about_mean(x))


def squares(x: npt.NDArray[Any]) -> float:
    """Return the sum of squares, in float64."""
    return float(np.square(x, dtype=np.float64).sum())


def _squares_about_mean(x: npt.NDArray[Any]) -> float:
    mean = x.mean(axis=0, dtype=np.float64) if len(x) else 0.0
    return sum(squares(x[block] - mean) for block in _blocks(x))


def _blocks(x: npt.NDArray[Any]) -> list[slice]:
    return [slice(start, start + BLOCK_ROWS) for start in range(0, len(x), BLOCK_ROWS)]


def _ratio(error: float, total: float) -> float:
    if total > 0:
        return float(error / total)
    return 0.0 if error == 0 else float("inf")

"""How well a codebook reconstructs."""

from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook
from semantic_ids.codebook.decoder import decode_tables
from semantic_ids.codebook.encoder import BLOCK_ROWS, encode_symbols
from semantic_ids.codebook.vectors import check_finite, check_vectors, to_float32
from semantic_ids.errors import ShapeError


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
        residual = rows - codebook.mean
        symbols = encode_symbols(rows, codebook)
        for j in range(codebook.width):
            residual -= tables[j, symbols[:, j]]
            errors[j] += squares(residual)
    total = _squares_about_mean(x)
    return np.array([_ratio(error, total) for error in errors])


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

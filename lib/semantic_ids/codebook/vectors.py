"""Checks of the arrays that users pass in."""

from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray
from semantic_ids.errors import InputError, ShapeError


def check_vectors(vectors: npt.ArrayLike, dim: int | None = None) -> npt.NDArray[Any]:
    """Return vectors as an array of shape (n, dim) of any real dtype, without copying an array.

    Raises
    ------
    ShapeError
        If the array is not 2-d, not real numbers, or its width is not `dim`.
    InputError
        If a value is masked.
    """
    if np.ma.is_masked(vectors):
        raise InputError("vectors must have no masked values")
    try:
        array = np.asarray(vectors)
    except ValueError as error:
        raise ShapeError(f"vectors must have rows of one length: {error}") from error
    if array.ndim != 2 or array.shape[1] != (dim or max(array.shape[1], 1)):
        raise ShapeError(f"vectors must have shape (n, {dim or 'dim'}), got {array.shape}")
    if array.dtype.kind not in "fiu":
        raise ShapeError(f"vectors must be real numbers, got dtype {array.dtype}")
    return array


def to_float32(rows: npt.NDArray[Any]) -> FloatArray:
    """Convert a block of rows to float32; values beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return rows.astype(np.float32, copy=False)


def check_finite(rows: npt.NDArray[Any]) -> None:
    """Refuse NaN and infinities.

    Raises
    ------
    InputError
        If a value is not finite in float32.
    """
    finite = np.isfinite(rows)
    if not finite.all():
        count = len(rows) - int(finite.all(axis=1).sum())
        raise InputError(f"vectors must be finite in float32, got NaN or infinity in {count} rows")

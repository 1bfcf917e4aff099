"""How well a codebook reconstructs."""

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook
from semantic_ids.codebook.decoder import decode_tables
from semantic_ids.codebook.encoder import BLOCK_ROWS, encode_block
from semantic_ids.codebook.vectors import check_vectors, to_float32
from semantic_ids.errors import ShapeError

FloatArray64 = npt.NDArray[np.float64]


def relative_error(vectors: npt.ArrayLike, decoded: npt.ArrayLike) -> float:
    """Return ``sum |x - x_hat|^2 / sum |x - mean(x)|^2``.

    Parameters
    ----------
    vectors, decoded : array_like of shape (n, dim)

    Returns
    -------
    float
        0 is a perfect reconstruction, 1 as good as the mean. 0 also for no error on no variance.
    """
    x, x_hat = check_vectors(vectors), check_vectors(decoded)
    if x.shape != x_hat.shape:
        raise ShapeError(f"decoded must have shape {x.shape}, got {x_hat.shape}")
    blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, len(x), BLOCK_ROWS)]
    error = sum(float(((x[b].astype(np.float64) - x_hat[b]) ** 2).sum()) for b in blocks)
    return _ratio(error, _squares_about_mean(x))


def error_curve(vectors: npt.ArrayLike, codebook: Codebook) -> FloatArray64:
    """Return the relative error after the first 1, 2, ..., width bytes of the vectors' SIDs.

    Returns
    -------
    ndarray of shape (width,), float64
    """
    x = check_vectors(vectors, codebook.dim)
    tables = decode_tables(codebook)
    errors = np.zeros(codebook.width)
    for start in range(0, len(x), BLOCK_ROWS):
        rows = to_float32(x[start : start + BLOCK_ROWS])
        symbols = encode_block(rows, codebook)
        residual = rows - codebook.mean
        for j in range(codebook.width):
            residual -= tables[j, symbols[:, j]]
            errors[j] += (residual.astype(np.float64) ** 2).sum()
    total = _squares_about_mean(x)
    return np.array([_ratio(error, total) for error in errors])


def _squares_about_mean(x: npt.NDArray[np.generic]) -> float:
    mean = x.mean(axis=0, dtype=np.float64) if len(x) else np.zeros(x.shape[1])
    blocks = (x[start : start + BLOCK_ROWS] for start in range(0, len(x), BLOCK_ROWS))
    return sum(float(((block.astype(np.float64) - mean) ** 2).sum()) for block in blocks)


def _ratio(error: float, total: float) -> float:
    if total > 0:
        return error / total
    return 0.0 if error == 0 else float("inf")

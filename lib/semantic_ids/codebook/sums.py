"""Sums over rows for the least squares, compiled by numba."""

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray, FloatArray64
from semantic_ids.codebook.compiled import compiled
from semantic_ids.codebook.wire import ByteArray


@compiled
def add_rows(
    X: FloatArray,
    symbols: ByteArray,
    starts: npt.NDArray[np.int64],
    counts: FloatArray64,
    sums: FloatArray64,
) -> None:
    """Add ``B^T B`` to counts and ``B^T X`` to sums, B the one-hot matrix of the symbols."""
    width = symbols.shape[1]
    code = np.empty(width, np.int64)
    for row in range(symbols.shape[0]):
        for j in range(width):
            code[j] = starts[j] + symbols[row, j]
        for i in range(width):
            own = sums[code[i]]
            for k in range(own.size):
                own[k] += X[row, k]
            for j in range(width):
                counts[code[i], code[j]] += 1

"""The rows that a fit reads: chunk by chunk, centred and rotated, with some held out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray
from semantic_ids.codebook.vectors import check_finite, to_float32

CHUNK_ROWS = 8192
MAX_HELD_OUT = 1024
MAX_INITIAL = 65536


@dataclass(frozen=True)
class Sample:
    """Rows in PCA coordinates, ``(x - mean) Q``, computed a chunk at a time from the user's array.

    Parameters
    ----------
    array : ndarray of shape (n, dim), real
        All rows, those held out included.
    training : ndarray of shape (n,), bool
        Rows to fit on.
    mean : ndarray of shape (dim,), float32
    rotation : ndarray of shape (dim, dim), float32
        Q, the eigenvectors of the covariance, the largest eigenvalue first.
    """

    array: npt.NDArray[Any]
    training: npt.NDArray[np.bool_]
    mean: FloatArray
    rotation: FloatArray

    @classmethod
    def of(cls, array: npt.NDArray[Any], training: npt.NDArray[np.bool_]) -> "Sample":
        """Measure the mean and the principal directions of the training rows, in two passes."""
        total = np.zeros(array.shape[1])
        for rows in _chunks(array, training):
            check_finite(rows)
            total += rows.sum(axis=0, dtype=np.float64)
        mean = (total / training.sum()).astype(np.float32)
        C = np.zeros((len(mean), len(mean)))
        for rows in _chunks(array, training):
            centred = (rows - mean).astype(np.float64)
            C += centred.T @ centred
        _, Q = np.linalg.eigh(C)
        return cls(array, training, mean, Q[:, ::-1].astype(np.float32))

    def chunks(self) -> Iterator[FloatArray]:
        """Yield the training rows in PCA coordinates."""
        return (self.rotated(rows) for rows in _chunks(self.array, self.training))

    def rotated(self, rows: npt.NDArray[Any]) -> FloatArray:
        """Return rows in PCA coordinates."""
        return np.asarray((to_float32(rows) - self.mean) @ self.rotation)

    def unrotated(self, V: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return directions in the vectors' own coordinates."""
        return np.asarray(V @ self.rotation.T.astype(np.float64))

    def initial(self, rng: np.random.Generator) -> FloatArray:
        """Return at most 65,536 training rows in PCA coordinates, to fit byte by byte in memory."""
        chosen = np.flatnonzero(self.training)
        if len(chosen) > MAX_INITIAL:
            chosen = np.sort(rng.choice(chosen, MAX_INITIAL, replace=False))
        return self.rotated(self.array[chosen])


def hold_out(n: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return which rows to train on: all but a tenth, at most 1,024 fewer."""
    training = np.ones(n, np.bool_)
    training[rng.choice(n, min(n // 10, MAX_HELD_OUT), replace=False)] = False
    return training


def _chunks(array: npt.NDArray[Any], training: npt.NDArray[np.bool_]) -> Iterator[FloatArray]:
    for start in range(0, len(array), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        if training[chunk].any():
            yield to_float32(array[chunk][training[chunk]])

"""The rows that a fit reads: chunk by chunk, centred and rotated, with some held out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray
from semantic_ids.codebook.vectors import check_finite, to_float32
from semantic_ids.errors import InputError

CHUNK_ROWS = 8192
MAX_HELD_OUT = 256
MAX_VALIDATION = 1024
MAX_INITIAL = 65536
FAR = 1000
MAX_NORM = 2.0**120  # with room to float32's largest
MIN_NORM = 2.0**-88  # shorter rows are less than 2 ** 12 steps of the finest grid
_MIDDLE_ROWS = 4096


@dataclass(frozen=True)
class Sample:
    """Rows in PCA coordinates, ``(x - mean) Q / 2^e``, a chunk at a time from the user's array.

    Parameters
    ----------
    array : ndarray of shape (n, dim), real
        All rows, those held out included.
    training : ndarray of shape (n,), bool
        Rows to fit on.
    mean : ndarray of shape (dim,), float32
    rotation : ndarray of shape (dim, dim), float32
        Q, the eigenvectors of the covariance, the largest eigenvalue first.
    exponent : int
        e, which makes the rows about as long as 1, whatever their unit.
    """

    array: npt.NDArray[Any]
    training: npt.NDArray[np.bool_]
    mean: FloatArray
    rotation: FloatArray
    exponent: int

    @classmethod
    def of(cls, array: npt.NDArray[Any], training: npt.NDArray[np.bool_]) -> "Sample":
        """Measure the mean and the principal directions of the training rows, in two passes."""
        total = np.zeros(array.shape[1])
        for rows in _chunks(array, training):
            total += rows.sum(axis=0, dtype=np.float64)
        mean = (total / training.sum()).astype(np.float32)
        C = np.zeros((len(mean), len(mean)))
        for rows in _chunks(array, training):
            centred = (rows - mean).astype(np.float64)
            norm = float(np.sqrt((centred**2).sum(axis=1).max()))
            if norm > MAX_NORM:
                raise InputError(f"vectors must be within 2 ** 120 of their mean, got {norm:.2g}")
            C += centred.T @ centred
        spread = float(np.sqrt(np.trace(C) / training.sum()))
        if 0 < spread < MIN_NORM:
            raise InputError(
                "vectors must be 2 ** -88 or more from their mean in the root mean square, "
                f"got {spread:.2g}"
            )
        _, Q = np.linalg.eigh(C)
        _, exponent = np.frexp(spread)
        return cls(array, training, mean, Q[:, ::-1].astype(np.float32), int(exponent))

    def chunks(self, *, every: int = 1, first: int = 0) -> Iterator[FloatArray]:
        """Yield the training rows among rows first, first + every, ..., in PCA coordinates."""
        some = slice(first, None, every)
        return (self.rotated(rows) for rows in _chunks(self.array[some], self.training[some]))

    def spread_out(self, n: int) -> FloatArray:
        """Return about n training rows, n at most 1,024, from all over the array."""
        every = max(1, len(self.array) // (2 * n))  # twice as many: up to n of them are held out
        return next(self.chunks(every=every))[:n]

    def stride(self, *, rounds_left: int) -> int:
        """Return which rows a round reads: every so many, all in the last, half before, ...

        None reads fewer than 65,536.
        """
        return max(1, min(len(self.array) // MAX_INITIAL, 1 << min(rounds_left - 1, 30)))

    def rotated(self, rows: npt.NDArray[Any]) -> FloatArray:
        """Return rows in PCA coordinates."""
        return np.asarray((to_float32(rows) - self.mean) @ np.ldexp(self.rotation, -self.exponent))

    def unrotated(self, V: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return directions in the vectors' own coordinates."""
        return np.ldexp(V @ self.rotation.T.astype(np.float64), self.exponent)

    def initial(self, rng: np.random.Generator) -> FloatArray:
        """Return at most 65,536 training rows in PCA coordinates, to fit byte by byte in memory."""
        chosen = some_rows(len(self.array), MAX_INITIAL, rng)
        return self.rotated(self.array[chosen[self.training[chosen]]])


def check_sample(array: npt.NDArray[Any]) -> None:
    """Refuse rows that are not finite, and a few so far off that a fit would see nothing else.

    Raises
    ------
    InputError
        If a value is not finite in float32; if less than a hundredth of the rows, but some, are
        farther than 1,000 times the median distance from the middle, the median of each value.
    """
    everything = np.ones(len(array), np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):
        middle = np.median(to_float32(array[:: max(1, len(array) // _MIDDLE_ROWS)]), axis=0)
    distances = []
    for rows in _chunks(array, everything):
        check_finite(rows)
        with np.errstate(over="ignore"):
            offset = (rows - middle).astype(np.float64)
        distances.append(np.sqrt(np.einsum("ij,ij->i", offset, offset)))
    far = np.concatenate(distances)
    median = np.median(far)
    n_far = int((far > FAR * median).sum())
    if median > 0 and 0 < n_far < len(array) / 100:
        raise InputError(
            f"vectors must be within {FAR:,} times their median distance from the middle, got "
            f"{n_far:,} of {len(array):,} rows as far as {far.max() / median:.2g} times"
        )


def some_rows(n: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return all of n rows, or `most` of them drawn without replacement, in order."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))


def hold_out(n: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return which rows to train on: all but a tenth, at most 256 fewer."""
    training = np.ones(n, np.bool_)
    training[rng.choice(n, min(n // 10, MAX_HELD_OUT), replace=False)] = False
    return training


def _chunks(array: npt.NDArray[Any], training: npt.NDArray[np.bool_]) -> Iterator[FloatArray]:
    for start in range(0, len(array), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        if training[chunk].any():
            yield to_float32(array[chunk][training[chunk]])

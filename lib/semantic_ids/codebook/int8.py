"""Vectors as signed bytes with a scale each: what embeddings weigh when rounded to 8 bits."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.vectors import check_finite, check_vectors

_LARGEST = 127


class Int8Vectors(NamedTuple):
    """Vectors of ``scales[i] * codes[i]``.

    Parameters
    ----------
    codes : ndarray of shape (n, dim), int8
        In [-127, 127].
    scales : ndarray of shape (n,), float32
    """

    codes: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


def to_int8(vectors: npt.ArrayLike) -> Int8Vectors:
    """Round each vector to 255 steps of its own: its largest value becomes 127 or -127.

    Parameters
    ----------
    vectors : array_like of shape (n, dim)
        Finite.

    Notes
    -----
    Symmetric per-vector quantisation. A zero vector has the scale 0 and gives zeros back.
    """
    x = check_vectors(vectors).astype(np.float32)
    check_finite(x)
    # the scale may round down to a denormal's zero: then no code is needed either
    scales = (np.abs(x).max(axis=1, initial=0) / _LARGEST).astype(np.float32)
    divisors = np.where(scales > 0, scales, 1)[:, None]
    steps = np.where(scales[:, None] > 0, x / divisors, 0)
    codes = np.clip(np.rint(steps), -_LARGEST, _LARGEST).astype(np.int8)
    return Int8Vectors(codes, scales)


def from_int8(rounded: Int8Vectors) -> npt.NDArray[np.float32]:
    """Give the vectors back, shape (n, dim), float32, each value within half a step."""
    return rounded.scales[:, None] * rounded.codes

"""The parts of a fused codebook's encoder and its heads, as plain arrays.

The encoder is integer arithmetic: activations are whole multiples of ``2 ** -20`` and at most 64,
weights are whole multiples of a power of two, and no row of weights is so long that a partial sum
could reach ``2 ** 53``. So float64 holds every sum exactly, in any order, on any BLAS.
"""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import FloatArray, FloatArray64, frozen
from semantic_ids.errors import SpecError

UNIT_BITS = 20
LIMIT = 2**26  # of an activation, in units of 2 ** -20
_MAX_SUM = 2**27  # of the absolute weights of a row: times LIMIT, 2 ** 53
_INT32 = 2**31 - 1

IntArray: TypeAlias = npt.NDArray[np.int32]


class _Arrays:
    """Values that stay read-only when they are copied to another process."""

    def __reduce__(self) -> tuple[Any, ...]:
        parts = fields(self)  # type: ignore[arg-type]  # all that inherit it are dataclasses
        return type(self), tuple(getattr(self, part.name) for part in parts)


@dataclass(frozen=True, eq=False)
class Affine(_Arrays):
    """A layer, ``rint(2 ** exponent * W a) + b``, on activations in units of ``2 ** -20``.

    Parameters
    ----------
    weight : ndarray of shape (n_out, n_in), int32
        In units of ``2 ** exponent``; the absolute values of a row sum to less than 2 ** 27.
    exponent : int
    bias : ndarray of shape (n_out,), int32
        In units of ``2 ** -20``.
    """

    weight: IntArray
    exponent: int
    bias: IntArray

    def __post_init__(self) -> None:
        frozen(self, weight="<i4", bias="<i4")
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise SpecError(
                "weight must have shape (n_out, n_in) and bias (n_out,), "
                f"got {self.weight.shape} and {self.bias.shape}"
            )
        if np.abs(self.weight.astype(np.int64)).sum(axis=1).max(initial=0) >= _MAX_SUM:
            raise SpecError(f"the absolute weights of a row must sum to less than {_MAX_SUM}")

    @classmethod
    def rounded(cls, weight: npt.ArrayLike, bias: npt.ArrayLike) -> "Affine":
        """Round a float layer to the finest grid on which its sums are exact."""
        W = np.asarray(weight, np.float64)
        largest = float(np.abs(W).sum(axis=1).max(initial=0.0))
        exponent = int(np.frexp(largest)[1]) - 26 if largest > 0 else 0
        return cls(np.rint(np.ldexp(W, -exponent)).astype(np.int32), exponent, to_units(bias))

    def __call__(self, a: FloatArray64) -> FloatArray64:
        """Apply the layer to (n, n_in) whole numbers of at most LIMIT."""
        product = a @ self.weight.T.astype(np.float64)
        return np.asarray(np.rint(np.ldexp(product, self.exponent)) + self.bias)


def to_units(values: npt.ArrayLike) -> IntArray:
    """Round values to units of ``2 ** -20``."""
    units = np.rint(np.ldexp(np.asarray(values, np.float64), UNIT_BITS))
    return np.clip(units, -_INT32, _INT32).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Branch(_Arrays):
    """How one collection enters: ``layer(rint(2 ** 20 (x - mean) / scale))``, or the placeholder.

    Parameters
    ----------
    mean : ndarray of shape (dim,), float32
    scale : ndarray of shape (1,), float32
        Root mean square of the centred values of the rows trained on.
    layer : Affine
        Its outputs feed the trunk first; the last ones, as many as the latent has, add to it.
    placeholder : ndarray of shape (n_out,), int32
        What stands for the layer's outputs where an item lacks the collection.
    zero_is_missing : bool
        Whether a row of zeros means that the item lacks the collection.
    """

    mean: FloatArray
    scale: FloatArray
    layer: Affine
    placeholder: IntArray
    zero_is_missing: bool

    def __post_init__(self) -> None:
        frozen(self, mean="<f4", scale="<f4", placeholder="<i4")
        if self.mean.shape != self.layer.weight.shape[1:]:
            raise SpecError(f"mean must have one value a column, got shape {self.mean.shape}")
        if self.placeholder.shape != self.layer.bias.shape:
            raise SpecError(f"placeholder must be as bias, got shape {self.placeholder.shape}")
        if self.scale.shape != (1,) or not self.scale[0] > 0:
            raise SpecError(f"scale must be one number above 0, got {self.scale}")


@dataclass(frozen=True, eq=False)
class Head(_Arrays):
    """How a category is read off the digits: ``softmax(bias + digits W)``.

    Parameters
    ----------
    classes : tuple of str or int
    weight : ndarray of shape (n_digits, n_classes), float32
    bias : ndarray of shape (n_classes,), float32
    """

    classes: tuple[str | int, ...]
    weight: FloatArray
    bias: FloatArray

    def __post_init__(self) -> None:
        frozen(self, weight="<f4", bias="<f4")
        if self.bias.shape != (len(self.classes),) or self.weight.shape[1:] != self.bias.shape:
            raise SpecError(
                f"weight must have one column for each of {len(self.classes)} classes, "
                f"got shape {self.weight.shape}"
            )

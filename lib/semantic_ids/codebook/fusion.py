"""What a fused codebook holds besides its quantiser: encoder, decoders and heads, as plain arrays.

The encoder is integer arithmetic: activations are whole multiples of ``2 ** -20`` and at most 64,
weights are whole multiples of a power of two, and no row of weights is so long that a partial sum
could reach ``2 ** 53``. So float64 holds every sum exactly, in any order, on any BLAS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray, FloatArray64, frozen
from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.errors import SpecError

UNIT_BITS = 20
LIMIT = 2**26  # of an activation, in units of 2 ** -20
_MAX_SUM = 2**27  # of the absolute weights of a row: times LIMIT, 2 ** 53
_INT32 = 2**31 - 1

IntArray: TypeAlias = npt.NDArray[np.int32]
Tensors: TypeAlias = dict[str, npt.NDArray[Any]]


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


@dataclass(frozen=True, eq=False)
class Fusion:
    """The encoder in front of a codebook of latents, and what reads its SIDs.

    Parameters
    ----------
    branches : mapping of str to Branch
        By collection.
    trunk : tuple of Affine
        With a ReLU before each; the last one gives the latent. Empty: the branches alone give it.
    decoders : mapping of str to Codebook
        Of the same stages, one for each collection: its tables turn SIDs into vectors.
    heads : mapping of str to Head
        By category.
    """

    branches: Mapping[str, Branch]
    trunk: tuple[Affine, ...]
    decoders: Mapping[str, Codebook]
    heads: Mapping[str, Head]

    def check(self, codebook: Codebook) -> None:
        """Refuse shapes that do not fit each other, or the codebook of latents."""
        dims = {name: branch.mean.size for name, branch in self.branches.items()}
        decoded = {name: decoder.dim for name, decoder in self.decoders.items()}
        if not dims or not dims == decoded == dict(codebook.collections):
            raise SpecError(
                "branches and decoders must be those of the collections "
                f"{dict(codebook.collections)}, got {dims} and {decoded}"
            )
        if not codebook.spec.only_digits:
            raise SpecError("a fused codebook must have stages of digits only")
        if any(decoder.layout != codebook.layout for decoder in self.decoders.values()):
            raise SpecError("decoders must have the stages of the codebook")
        if any(len(head.weight) != codebook.n_digits for head in self.heads.values()):
            raise SpecError(f"a head's weight must have {codebook.n_digits} rows, one a digit")
        outs = [len(layer.bias) for layer in self.trunk]
        ins = [layer.weight.shape[1] for layer in self.trunk]
        if ins and outs != [*ins[1:], codebook.dim]:
            raise SpecError(f"the trunk must lead to {codebook.dim} values, got {ins} to {outs}")
        n_out = codebook.dim + (ins[0] if ins else 0)
        if any(len(branch.placeholder) != n_out for branch in self.branches.values()):
            raise SpecError(f"a branch must have {n_out} outputs")

    @property
    def content(self) -> dict[str, Any]:
        """JSON-able part of the content; ``tensors`` are the rest."""
        return {
            "branches": {
                name: {"zero_is_missing": branch.zero_is_missing, **_said(branch.layer)}
                for name, branch in self.branches.items()
            },
            "trunk": [_said(layer) for layer in self.trunk],
            "decoders": {
                name: {"x_exponent": each.x_exponent, "basis_exponent": each.basis_exponent}
                for name, each in self.decoders.items()
            },
            "heads": {name: list(head.classes) for name, head in self.heads.items()},
        }

    @property
    def tensors(self) -> Tensors:
        """All arrays, by the names that they have in a file."""
        found: Tensors = {}
        for name, branch in self.branches.items():
            found[f"branch.{name}.mean"] = branch.mean
            found[f"branch.{name}.scale"] = branch.scale
            found[f"branch.{name}.weight"] = branch.layer.weight
            found[f"branch.{name}.bias"] = branch.layer.bias
            found[f"branch.{name}.placeholder"] = branch.placeholder
        for number, layer in enumerate(self.trunk):
            found[f"trunk.{number}.weight"] = layer.weight
            found[f"trunk.{number}.bias"] = layer.bias
        for name, decoder in self.decoders.items():
            found[f"decoder.{name}.mean"] = decoder.mean
            found[f"decoder.{name}.basis"] = decoder.basis
        for name, head in self.heads.items():
            found[f"head.{name}.weight"] = head.weight
            found[f"head.{name}.bias"] = head.bias
        return found

    @classmethod
    def of(cls, content: Mapping[str, Any], tensors: Tensors, spec: CodebookSpec) -> "Fusion":
        """Put together what ``content`` and ``tensors`` gave."""

        def layer(prefix: str, said: Mapping[str, Any]) -> Affine:
            return Affine(tensors[f"{prefix}.weight"], said["exponent"], tensors[f"{prefix}.bias"])

        def branch(name: str, said: Mapping[str, Any]) -> Branch:
            own = partial("branch.{}.{}".format, name)
            parts = (tensors[own("mean")], tensors[own("scale")], layer(f"branch.{name}", said))
            return Branch(*parts, tensors[own("placeholder")], said["zero_is_missing"])

        def decoder(name: str, exponents: Mapping[str, int]) -> Codebook:
            mean, basis = tensors[f"decoder.{name}.mean"], tensors[f"decoder.{name}.basis"]
            return Codebook(
                spec,
                {name: mean.size},
                mean,
                basis,
                x_exponent=exponents["x_exponent"],
                basis_exponent=exponents["basis_exponent"],
            )

        def head(name: str, classes: list[str | int]) -> Head:
            return Head(
                tuple(classes), tensors[f"head.{name}.weight"], tensors[f"head.{name}.bias"]
            )

        return cls(
            {name: branch(name, said) for name, said in content["branches"].items()},
            tuple(layer(f"trunk.{i}", said) for i, said in enumerate(content["trunk"])),
            {name: decoder(name, said) for name, said in content["decoders"].items()},
            {name: head(name, said) for name, said in content["heads"].items()},
        )


def _said(layer: Affine) -> dict[str, Any]:
    return {"exponent": layer.exponent, "shape": list(layer.weight.shape)}

"""The codebook: everything needed to encode and decode, and the hash of that content."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.layout import Layout
from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.codebook.stage import is_integer
from semantic_ids.errors import InputError, SpecError, nearest

if TYPE_CHECKING:
    from semantic_ids.codebook.fusion import Fusion

FORMAT = 1
FUSED_FORMAT = 2
NORM_BITS = 12
MAX_SHIFT = 8
EXPONENTS = range(-100, 111)  # of x; sums of 63 rows of the basis are finite in float32 below 111

FloatArray: TypeAlias = npt.NDArray[np.float32]
FloatArray64: TypeAlias = npt.NDArray[np.float64]
BasisArray: TypeAlias = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Codebook:
    """An immutable quantiser, ``x_hat = mean + sum_j T[j, byte_j]`` with ``T_j = D_j V_j``.

    Two codebooks are equal when their content, and so their ``codebook_id``, is.

    Parameters
    ----------
    spec : CodebookSpec
        Stages as they were asked for, and the encoder's options.
    collections : mapping of str to int
        Names of the embedding columns that the codebook encodes, with their dimensions.
    mean : ndarray of shape (dim,), float32
    basis : ndarray of shape (n_rows, dim), int16
        Rows of V in units of ``2 ** basis_exponent``, each of 2-norm at most 2 ** 12.
    x_exponent, basis_exponent : int
        Exponents of the grids of rows and basis, the first from -100 to 110,
        ``0 <= x_exponent - basis_exponent <= 8``.
    metrics : mapping
        Measured while fitting. Not content: it does not change ``codebook_id``.
    fusion : Fusion, optional
        The encoder, decoders and heads of a fused codebook; mean and basis are of its latents then.
    """

    spec: CodebookSpec
    collections: Mapping[str, int]
    mean: FloatArray
    basis: BasisArray
    x_exponent: int
    basis_exponent: int
    metrics: Mapping[str, Any] = field(default_factory=dict)
    fusion: "Fusion | None" = None

    def __post_init__(self) -> None:
        frozen(self, mean="<f4", basis="<i2")
        mean, basis = self.mean, self.basis
        n_rows = sum(byte.n_rows for byte in self.layout)
        dim = mean.size if self.fusion else sum(self.collections.values())
        if mean.shape != (dim,) or basis.shape != (n_rows, dim):
            raise SpecError(
                f"basis must have shape ({n_rows}, {dim}) and mean its "
                f"columns, got {basis.shape} and {mean.shape}"
            )
        n_wrong = dim - int(np.isfinite(mean).sum())
        if n_wrong:
            raise SpecError(
                f"mean must be finite in float32, got NaN or infinity in {n_wrong} of {dim} columns"
            )
        if not is_integer(self.x_exponent) or self.x_exponent not in EXPONENTS:
            raise SpecError(
                f"x_exponent must be a whole number from {EXPONENTS[0]} to {EXPONENTS[-1]}, "
                f"got {self.x_exponent!r}"
            )
        if (
            not is_integer(self.basis_exponent)
            or not 0 <= self.x_exponent - self.basis_exponent <= MAX_SHIFT
        ):
            raise SpecError(
                f"x_exponent - basis_exponent must be a whole number from 0 to {MAX_SHIFT}, "
                f"got {self.x_exponent} - {self.basis_exponent}"
            )
        if (basis.astype(np.int64) ** 2).sum(axis=1).max(initial=0) > 4**NORM_BITS:
            raise SpecError(f"each row of basis must have a 2-norm of at most {2**NORM_BITS}")
        if self.fusion:
            self.fusion.check(self)

    @cached_property
    def layout(self) -> Layout:
        """The bytes of a SID, coarsest first."""
        return self.spec.layout

    @property
    def width(self) -> int:
        """Number of bytes of a SID."""
        return len(self.layout)

    @property
    def n_digits(self) -> int:
        """Number of ternary and binary digits in total."""
        return sum(byte.n_digits for byte in self.layout)

    @property
    def dim(self) -> int:
        """Number of columns of what is quantised: the vectors, or a fused codebook's latents."""
        return int(self.mean.size)

    def of(self, collection: str | None) -> "Codebook":
        """Return the codebook that decodes SIDs to a collection: itself, or its part of that name.

        Raises
        ------
        InputError
            If there is no such collection, or none is named where there are several.
        """
        if collection is None and self.fusion is None:
            return self
        if collection is None or collection not in self.collections:
            said = "none" if collection is None else f"{collection!r}"
            hint = nearest(str(collection), list(self.collections))
            raise InputError(f"collection must be one of the codebook's, got {said}: {hint}")
        if self.fusion is not None:
            return self.fusion.decoders[collection]
        if len(self.collections) == 1:
            return self
        names = list(self.collections)
        start = sum(self.collections[name] for name in names[: names.index(collection)])
        columns = slice(start, start + self.collections[collection])
        return Codebook(
            self.spec,
            {collection: self.collections[collection]},
            self.mean[columns],
            self.basis[:, columns],
            self.x_exponent,
            self.basis_exponent,
        )

    @property
    def leading(self) -> "Codebook":
        """The codebook that decodes SIDs: itself; of a fused one, the first collection's by name.

        What shows one space of items, such as neighbours, shows that one.
        """
        return self if self.fusion is None else self.of(min(self.collections))

    @property
    def content(self) -> dict[str, Any]:
        """JSON-able part of the content; the tensors of a file are the rest."""
        return {
            **({"fusion": self.fusion.content} if self.fusion else {}),
            "format": FUSED_FORMAT if self.fusion else FORMAT,
            "collections": dict(self.collections),
            "bytes": [{"kind": byte.kind, "radices": list(byte.radices)} for byte in self.layout],
            "beam": self.spec.beam,
            "sweeps": self.spec.sweeps,
            "x_exponent": self.x_exponent,
            "basis_exponent": self.basis_exponent,
        }

    @cached_property
    def codebook_id(self) -> str:
        """First 128 bits, in hex, of the SHA-256 of the content: canonical JSON, then tensors."""
        digest = hashlib.sha256(canonical_json(self.content).encode())
        digest.update(self.basis.tobytes())
        digest.update(self.mean.tobytes())
        for _, array in sorted(self.fusion.tensors.items()) if self.fusion else ():
            digest.update(array.tobytes())
        return digest.hexdigest()[:32]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Codebook) and self.codebook_id == other.codebook_id

    def __hash__(self) -> int:
        return hash(self.codebook_id)

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilding through the constructor keeps the arrays read-only and derived values
        # unpickled.
        return Codebook, (
            self.spec,
            dict(self.collections),
            self.mean,
            self.basis,
            self.x_exponent,
            self.basis_exponent,
            dict(self.metrics),
            self.fusion,
        )


def frozen(value: Any, **dtypes: str) -> None:
    """Replace arrays of a frozen dataclass by read-only copies of their own, of a dtype."""
    for name, dtype in dtypes.items():
        array = np.array(getattr(value, name), dtype) + np.dtype(dtype).type(0)  # -0.0 becomes 0.0
        array.flags.writeable = False
        object.__setattr__(value, name, array)


def canonical_json(value: Mapping[str, Any]) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)

"""What a fused codebook is asked to be, and how it is trained."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.codebook.stage import check_name, is_integer
from semantic_ids.errors import SpecError, nearest

Directions = Literal["average", "gradient"]
Initial = Literal["dpca", "random"]


@dataclass(frozen=True)
class FusionSpec:
    """The parts of a fused codebook, the weights of its losses, and the options of its training.

    Parameters
    ----------
    collections : mapping of str to float
        Weight of each collection's relative error in the loss.
    categories : mapping of str to float
        Weight of each category's cross-entropy, in nats.
    digits : int
        Ternary digits of a SID: 1 to 39.
    zero_is_missing : tuple of str
        Collections in which a row of zeros means that the item lacks it.
    latent : int
        Length of the latent.
    hidden : tuple of int
        Sizes of the trunk's hidden layers; empty for a linear encoder.
    decoder_hidden : int
        Size of a hidden layer of the decoders, for research: 0 trains what SIDs are decoded with.
    initial : {"dpca", "random"}
        Whether directions and branches start from a DPCA fit, or at random.
    directions : {"average", "gradient"}
        Whether directions follow a moving average of least squares, or the gradient.
    commitment : float
        Weight of the distance of latents from their codes, relative to their variance.
    modality_dropout : float
        Probability that a collection of an item is left out in a step, if another one is left.
    supervision : float
        Weight, in the start's latent, of categories as a linear regression predicts them.
    epochs, batch_rows, patience : int
        At most so many passes; rows of a step; passes without a better held-out loss that end it.
    rate, decay : float
        Learning rate at the start, which falls to a hundredth along a cosine, and weight decay.
    holdout : float
        Share of the rows, at most 8,192 of them, that chooses the epoch to keep.
    seed : int

    Raises
    ------
    SpecError
        If a value breaks its rule.
    """

    collections: Mapping[str, float]
    categories: Mapping[str, float] = field(default_factory=dict)
    digits: int = 25
    zero_is_missing: tuple[str, ...] = ()
    latent: int = 64
    hidden: tuple[int, ...] = (64,)
    decoder_hidden: int = 0
    initial: Initial = "dpca"
    directions: Directions = "average"
    commitment: float = 0.25
    modality_dropout: float = 0.0
    supervision: float = 1.0
    epochs: int = 100
    batch_rows: int = 256
    patience: int = 15
    rate: float = 1e-4
    decay: float = 0.01
    holdout: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        _check_weights("collections", self.collections)
        _check_weights("categories", self.categories)
        if not self.collections:
            raise SpecError("collections must name at least one collection, got none")
        for key in ("zero_is_missing", "hidden"):
            if not isinstance(getattr(self, key), tuple):
                raise SpecError(f"{key} must be a list, got {getattr(self, key)!r}")
        for name in self.zero_is_missing:
            if name not in self.collections:
                names = nearest(str(name), self.collections)
                raise SpecError(f"zero_is_missing must name collections, got {name!r}: {names}")
        self._check_numbers()
        for name, kinds in (("initial", Initial), ("directions", Directions)):
            if getattr(self, name) not in get_args(kinds):
                said = " or ".join(get_args(kinds))
                raise SpecError(f"{name} must be {said}, got {getattr(self, name)!r}")
        if self.digits > self.latent:
            raise SpecError(f"latent must be at least digits, {self.digits}, got {self.latent}")
        _ = self.codebook_spec.layout  # refuses more digits than fit in 8 bytes

    def _check_numbers(self) -> None:
        for name, least in _LEAST.items():
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if not is_integer(value, least=least):
                    raise SpecError(
                        f"{name} must be a whole number of at least {least}, got {value!r}"
                    )
        for name, most in _BELOW.items():
            if not _is_number(getattr(self, name)) or not 0 <= getattr(self, name) < most:
                below = f"from 0 to below {most:g}" if most < math.inf else "at least 0"
                raise SpecError(f"{name} must be {below}, got {getattr(self, name)!r}")
        if not self.holdout:
            raise SpecError("holdout must be above 0, got 0")

    @property
    def codebook_spec(self) -> CodebookSpec:
        """The stages of the codebook of latents."""
        return CodebookSpec([{"ternary": self.digits}])

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> "FusionSpec":
        """Build a spec from configuration; unknown keys are refused with the nearest right name."""
        if not isinstance(options, Mapping):
            raise SpecError(f"a fusion spec must be a mapping, got {options!r}")
        names = [part.name for part in dataclasses.fields(cls)]
        for key in options:
            check_name(key, names, what="spec key")
        if "collections" not in options:
            raise SpecError("a fusion spec must have collections, got none")
        as_tuples: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in options.items()
        }
        return cls(**as_tuples)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict."""
        return dataclasses.asdict(self) | {
            "collections": dict(self.collections),
            "categories": dict(self.categories),
            "zero_is_missing": list(self.zero_is_missing),
            "hidden": list(self.hidden),
        }


_LEAST = {
    "digits": 1,
    "latent": 1,
    "hidden": 1,
    "decoder_hidden": 0,
    "epochs": 0,
    "batch_rows": 2,
    "patience": 1,
    "seed": 0,
}
_BELOW = {
    "commitment": math.inf,
    "supervision": math.inf,
    "modality_dropout": 1.0,
    "rate": math.inf,
    "decay": math.inf,
    "holdout": 1.0,
}


def _check_weights(name: str, weights: Any) -> None:
    if not isinstance(weights, Mapping):
        raise SpecError(f"{name} must be a mapping of names to weights, got {weights!r}")
    for key, weight in weights.items():
        if not _is_number(weight) or not 0 < weight < math.inf:
            raise SpecError(f"{name}: the weight of {key!r} must be above 0, got {weight!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""What a fused codebook holds besides its quantiser: encoder, decoders and heads."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook
from semantic_ids.codebook.fusion_parts import Affine, Branch, Head
from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.errors import SpecError

Tensors: TypeAlias = dict[str, npt.NDArray[Any]]


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

"""The model: branches, trunk, quantiser, decoders and heads."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.codebook import FusionSpec
from semantic_ids.fusion.quantiser import Quantiser
from semantic_ids.fusion.rows import MISSING

SATURATION = 64.0  # of an activation, as in the codebook's encoder


@dataclass(frozen=True)
class Batch:
    """Some rows on the model's device.

    Parameters
    ----------
    vectors : list of Tensor of shape (n, dim)
        In the order of the spec's collections; zeros where the item lacks one.
    present : list of Tensor of shape (n, 1), float
    targets : list of Tensor
        In the order of the spec's categories: classes (n,) or probabilities (n, n_classes).
    """

    vectors: list[Tensor]
    present: list[Tensor]
    targets: list[Tensor]


class FusionModel(nn.Module):
    """The multi-task VQ-VAE of one spec, for collections of given sizes.

    Parameters
    ----------
    spec : FusionSpec
    dims : mapping of str to int
        Length of each collection's vectors.
    n_classes : mapping of str to int
        Number of classes of each category.
    """

    def __init__(
        self, spec: FusionSpec, dims: Mapping[str, int], n_classes: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.spec = spec
        n_out = spec.latent + (spec.hidden[0] if spec.hidden else 0)
        sizes = [dims[name] for name in spec.collections]
        self.branches = nn.ModuleList(nn.Linear(dim, n_out) for dim in sizes)
        self.placeholders = nn.ParameterList(nn.Parameter(torch.zeros(n_out)) for _ in sizes)
        self.means = nn.ParameterList(_fixed(torch.zeros(dim)) for dim in sizes)
        self.scales = nn.ParameterList(_fixed(torch.ones(1)) for _ in sizes)
        widths = [*spec.hidden, spec.latent]
        self.trunk = nn.ModuleList(nn.Linear(n_in, n) for n_in, n in itertools.pairwise(widths))
        self.quantiser = Quantiser(spec)
        self.decoders = nn.ModuleList(_decoder(spec, dim) for dim in sizes)
        self.heads = nn.ModuleList(
            nn.Linear(spec.digits, n_classes[name]) for name in spec.categories
        )

    def normalised(self, batch: Batch) -> list[Tensor]:
        """Return the collections centred and scaled to a mean square of 1; zero where missing."""
        pairs = zip(batch.vectors, batch.present, self.means, self.scales, strict=True)
        return [
            present * ((x - mean) / scale).clamp(-SATURATION, SATURATION)
            for x, present, mean, scale in pairs
        ]

    def latents(self, normalised: list[Tensor], present: list[Tensor]) -> Tensor:
        """Return latents of shape (n, latent): what a branch adds to them, and what the trunk does.

        Parameters
        ----------
        normalised : list of Tensor of shape (n, dim)
        present : list of Tensor of shape (n, 1), float
            1 where the item has the collection, 0 where the placeholder stands for it.
        """
        parts = zip(self.branches, self.placeholders, normalised, present, strict=True)
        sums = torch.stack(
            [has * branch(x) + (1 - has) * placeholder for branch, placeholder, x, has in parts]
        ).sum(dim=0)
        if not len(self.trunk):
            return sums
        h, skip = sums[:, : -self.spec.latent], sums[:, -self.spec.latent :]
        for layer in self.trunk:
            h = layer(h.clamp(0, SATURATION))
        return skip + h

    def terms(self, batch: Batch, digits: Tensor, inputs: list[Tensor]) -> dict[str, Tensor]:
        """Return the relative error of each collection and the cross-entropy of each category.

        Parameters
        ----------
        digits : Tensor of shape (n, n_digits)
            As they pass the gradient on.
        inputs : list of Tensor
            The normalised collections.
        """
        found = {}
        parts = zip(self.spec.collections, self.decoders, inputs, batch.present, strict=True)
        for name, decoder, x, present in parts:
            errors = (present * (x - decoder(digits)) ** 2).mean(dim=1)
            found[f"error of {name}"] = errors.sum() / present.sum().clamp_min(1)
        for name, head, target in zip(self.spec.categories, self.heads, batch.targets, strict=True):
            found[f"cross-entropy of {name}"] = cross_entropy(head(digits), target)
        return found

    def commitment(self, latents: Tensor, digits: Tensor) -> Tensor:
        """Return the squared distance of latents from their codes, relative to their variance.

        Where directions follow the gradient, theirs is in it too.
        """
        V = self.quantiser.directions
        scale = (latents.detach() ** 2).sum(dim=1).mean().clamp_min(1e-12)
        distance = ((latents - digits @ V.detach()) ** 2).sum(dim=1).mean()
        loss = self.spec.commitment * distance
        if V.requires_grad:
            loss = loss + ((latents.detach() - digits @ V) ** 2).sum(dim=1).mean()
        return loss / scale

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of the terms."""
        weights = [*self.spec.collections.values(), *self.spec.categories.values()]
        return torch.stack([w * x for w, x in zip(weights, terms.values(), strict=True)]).sum()


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats over rows that have a target, 0 where none has."""
    known = target != MISSING if target.ndim == 1 else ~target.isnan().any(dim=1)
    if not known.any():
        return logits.sum() * 0
    return F.cross_entropy(logits[known], target[known])


def linears(modules: nn.ModuleList) -> list[nn.Linear]:
    """Return the linear layers of a list, with their type."""
    return [module for module in modules if isinstance(module, nn.Linear)]


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _decoder(spec: FusionSpec, dim: int) -> nn.Module:
    if not spec.decoder_hidden:
        return nn.Linear(spec.digits, dim, bias=False)
    hidden = nn.Linear(spec.digits, spec.decoder_hidden)
    return nn.Sequential(hidden, nn.GELU(), nn.Linear(spec.decoder_hidden, dim))

"""A linear layer behind SIDs, multiplied into their tables."""

import torch
from torch import nn

from semantic_ids.errors import InputError, ShapeError
from semantic_ids.trainers.tables import SIDTables


class FoldedEmbedding(SIDTables):
    """Turn SIDs into what a linear layer makes of their vectors; ``SIDEmbedding.fold`` gives it.

    Parameters
    ----------
    embedding : SIDTables
    linear : nn.Linear
        Anything else is an InputError, a layer of another width a ShapeError.

    Notes
    -----
    The products are computed in float64 and rounded once. ``state_dict`` holds them, as they come
    from learned weights, beside the codebook_id.
    """

    def __init__(self, embedding: SIDTables, linear: nn.Module) -> None:
        if not isinstance(linear, nn.Linear):
            raise InputError(f"linear must be an nn.Linear, got {type(linear).__name__}")
        if linear.in_features != embedding.embedding_dim:
            raise ShapeError(
                f"linear must take {embedding.embedding_dim} floats, got {linear.in_features}"
            )
        weight = linear.weight.detach().to(torch.float64)
        bias = weight.new_zeros(linear.out_features)
        if embedding.bias is not None:
            bias += weight @ embedding.bias.to(weight)
        if linear.bias is not None:
            bias += linear.bias.detach()
        factors = None
        if embedding.design is not None and embedding.basis is not None:
            basis = embedding.basis.to(weight) @ weight.T
            factors = embedding.design.to(linear.weight), basis.to(linear.weight)
        super().__init__(
            (embedding.table.to(weight) @ weight.T).to(linear.weight),
            bias=bias.to(linear.weight),
            factors=factors,
            gram=None,
            codebook_id=embedding.codebook_id,
            knows_null=embedding.knows_null,
            in_state=True,
        )

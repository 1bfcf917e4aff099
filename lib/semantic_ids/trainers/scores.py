"""Similarities of candidates with every event of a history, without decoding the history."""

from typing import Literal, get_args

import torch
from torch import Tensor

from semantic_ids.errors import InputError, ShapeError
from semantic_ids.trainers.jagged import check_offsets, row_of_values
from semantic_ids.trainers.tables import SIDTables, sum_rows

Metric = Literal["dot", "cosine", "negative_squared_distance"]


def sid_scores(
    embedding: SIDTables,
    query: Tensor,
    sids: Tensor,
    *,
    offsets: Tensor | None = None,
    metric: Metric = "dot",
    norms: Tensor | None = None,
) -> Tensor:
    """Return the similarity of each row's candidate with each event of the row's history.

    What it gives is the metric of ``query`` and ``embedding(sids)``, to the rounding of float32. It
    multiplies the query with the tables once, then looks up and adds ``width`` numbers an event.
    Gradients reach the query.

    Parameters
    ----------
    embedding : SIDEmbedding, or what its ``fold`` gives
    query : Tensor of shape (B, dim), floats, or SIDs: (B,) int64 or (B, width) uint8
        The candidate of each row. With one more axis, (B, C, dim), C candidates of each row; their
        similarities cost little more than one's, as a look-up reads all C numbers.
    sids : Tensor of shape (B, n), int64, or (B, n, width), uint8
        Histories, padded with any SID. With `offsets` (total,) or (total, width), one after
        another.
    offsets : Tensor of shape (B + 1,), int64, optional
        Row i is ``sids[offsets[i]:offsets[i + 1]]``.
    metric : {"dot", "cosine", "negative_squared_distance"}
        The last two need ``SIDEmbedding(codebook, norms=True)``, and look up a number per pair of
        bytes as well. A vector of zeros has a cosine of 0.
    norms : Tensor of the shape of the histories, optional
        ``embedding.norms(sids)`` where it is at hand, which makes a cosine as cheap as a dot.

    Returns
    -------
    Tensor of shape (B, n) or (total,); with C candidates (B, C, n) or (C, total)

    Raises
    ------
    InputError
        If the metric is none of these, or what it needs is missing.
    ShapeError
        If query, sids, offsets and norms do not go together.
    """
    if metric not in get_args(Metric):
        raise InputError(f"metric must be one of {', '.join(get_args(Metric))}, got {metric!r}")
    rows = embedding.rows(sids)
    queries, has_one_each = _queries(embedding, query)
    _check_histories(rows, queries.shape[0], offsets)
    if norms is not None and (metric != "cosine" or norms.shape != rows.shape[:-1]):
        raise ShapeError(
            f"norms must be for cosines and of shape {tuple(rows.shape[:-1])}, "
            f"got {tuple(norms.shape)} for {metric}"
        )
    row_of_event = (
        torch.arange(queries.shape[0], device=rows.device).unsqueeze(1)
        if offsets is None
        else row_of_values(offsets, rows.shape[0])
    )
    if metric == "negative_squared_distance":
        # Around the bias: far from the origin the rounding of |x|^2 would hide a distance.
        centred = queries if embedding.bias is None else queries - embedding.bias
        squares = embedding.squared_sums(rows).unsqueeze(-1)
        squares = squares + centred.square().sum(dim=-1)[row_of_event]
        products = _sums_of_products(embedding, centred, rows, row_of_event)
        scores = (2 * products - squares).clamp_max(0)
    else:
        scores = _sums_of_products(embedding, queries, rows, row_of_event)
        if embedding.bias is not None:
            scores = scores + (queries @ embedding.bias)[row_of_event]
    if metric == "cosine":
        of_events = embedding.norms(sids) if norms is None else norms
        of_both = of_events.unsqueeze(-1) * queries.norm(dim=-1)[row_of_event]
        is_defined = of_both > 0
        cosines = scores / torch.where(is_defined, of_both, 1.0)
        scores = torch.where(is_defined, cosines.clamp(-1, 1), 0.0)
    scores = scores.movedim(-1, -2)
    return scores.squeeze(-2) if has_one_each else scores


def _sums_of_products(
    embedding: SIDTables, queries: Tensor, rows: Tensor, row_of_event: Tensor
) -> Tensor:
    """Return ``<query, sum of rows>``, shape (B, n, C) or (total, C).

    Products are laid out (B * rows of the table, C), so that a look-up reads C neighbours.
    """
    products = embedding.products(queries).mT.flatten().view(-1, queries.shape[1])
    first_rows = (row_of_event * embedding.table.shape[0]).to(rows.dtype)
    return sum_rows(products, rows + first_rows.unsqueeze(-1))


def _queries(embedding: SIDTables, query: Tensor) -> tuple[Tensor, bool]:
    """Return the candidates' vectors, (B, C, dim), and whether each row has a single one."""
    vectors = query if query.is_floating_point() else embedding(query)
    dim, dtype = embedding.embedding_dim, embedding.table.dtype
    if vectors.ndim not in (2, 3) or vectors.shape[-1] != dim or vectors.dtype != dtype:
        raise ShapeError(
            f"query must be SIDs, or {dtype} of shape (B, {dim}) or (B, C, {dim}), "
            f"got {query.dtype} of shape {tuple(query.shape)}"
        )
    has_one_each = vectors.ndim == 2
    return vectors.unsqueeze(1) if has_one_each else vectors, has_one_each


def _check_histories(rows: Tensor, n: int, offsets: Tensor | None) -> None:
    shape = tuple(rows.shape[:-1])
    if offsets is None and (len(shape) != 2 or shape[0] != n):
        raise ShapeError(f"sids must be of {n} histories of n SIDs, as query is, got shape {shape}")
    if offsets is not None and len(shape) != 1:
        raise ShapeError(f"sids must be of shape (total,) where offsets are given, got {shape}")
    if offsets is not None:
        check_offsets(offsets, shape[0], n=n)

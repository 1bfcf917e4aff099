"""Similarities of a history to a few features, without a parameter."""

import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.errors import InputError, ShapeError
from semantic_ids.trainers.arguments import check_integer
from semantic_ids.trainers.jagged import check_offsets, to_padded


class SimilarityFeatures(nn.Module):
    """Pool the similarities of a candidate with the events of a history.

    The largest; the means of the `top_k` largest and of all; means weighted by the softmax of
    similarity over each temperature; shares above each threshold; means weighted by
    ``exp(-age / scale)``, the newest event of age 0; the newest `n_newest`, newest first; and
    ``log(1 + count)`` of a histogram. A history without events gives zeros.

    Parameters
    ----------
    top_k, n_newest, n_bins : int
    temperatures, thresholds : sequence of float
        In units of the similarity.
    recency_scales : sequence of float
        In events.
    bounds : pair of float
        Ends of the histogram, of `n_bins` equal bins; what lies beyond counts in the outer ones.

    Attributes
    ----------
    names : list of str
        The features' names, in order.
    out_features : int

    Examples
    --------
    >>> features = SimilarityFeatures()                                        # doctest: +SKIP
    >>> scores = sid_scores(embedding, query, sids, metric="cosine")           # doctest: +SKIP
    >>> features(scores, mask=mask).shape                                      # doctest: +SKIP
    torch.Size([256, 26])
    """

    def __init__(
        self,
        *,
        top_k: int = 5,
        temperatures: Sequence[float] = (0.05, 0.1, 0.3),
        thresholds: Sequence[float] = (0.25, 0.5, 0.75),
        recency_scales: Sequence[float] = (5.0, 50.0),
        n_newest: int = 3,
        n_bins: int = 12,
        bounds: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        super().__init__()
        for name, count in (("top_k", top_k), ("n_newest", n_newest), ("n_bins", n_bins)):
            check_integer(name, count, least=1)
        _check_numbers("temperatures", temperatures, positive=True)
        _check_numbers("thresholds", thresholds)
        _check_numbers("recency_scales", recency_scales, positive=True)
        _check_numbers("bounds", bounds)
        if len(bounds) != 2 or not bounds[0] < bounds[1]:
            raise InputError(f"bounds must be a lower and a higher number, got {bounds!r}")
        self.top_k, self.n_newest, self.n_bins = top_k, n_newest, n_bins
        self.temperatures, self.thresholds = tuple(temperatures), tuple(thresholds)
        self.recency_scales, self.bounds = tuple(recency_scales), bounds
        self.names = [
            "max",
            f"top_{top_k}_mean",
            "mean",
            *(f"softmax_{temperature:g}" for temperature in temperatures),
            *(f"share_above_{threshold:g}" for threshold in thresholds),
            *(f"recency_{scale:g}" for scale in recency_scales),
            *(f"newest_{i + 1}" for i in range(n_newest)),
            *(f"histogram_{i}" for i in range(n_bins)),
        ]
        self.out_features = len(self.names)

    def forward(
        self, scores: Tensor, mask: Tensor | None = None, *, offsets: Tensor | None = None
    ) -> Tensor:
        """Return the features of histories.

        Parameters
        ----------
        scores : Tensor of shape (..., n), or (total,) or (C, total) with `offsets`; floats
            Similarities as ``sid_scores`` gives them, each history's in time order.
        mask : Tensor that broadcasts to the shape of `scores`, bool, optional
            True for events, False for padding, which may stand anywhere and hold anything.
        offsets : Tensor of shape (B + 1,), int64, optional

        Returns
        -------
        Tensor of shape (..., out_features), or (B, out_features) or (B, C, out_features)
            float32, or the scores' dtype if that is wider.

        Raises
        ------
        ShapeError
            If scores, mask and offsets do not go together.
        """
        scores, mask = _padded(scores, mask, offsets)
        # Empty places in front: every history then has as many as are asked for.
        room = (max(self.top_k, self.n_newest), 0)
        mask = F.pad(mask, room, value=False)
        scores = F.pad(scores, room).to(torch.promote_types(scores.dtype, torch.float32))
        return torch.cat(self._features(scores.masked_fill(~mask, 0.0), mask), dim=-1)

    def extra_repr(self) -> str:
        """Return what ``print(module)`` shows."""
        return ", ".join(self.names)

    def _features(self, scores: Tensor, mask: Tensor) -> list[Tensor]:
        """Return groups of features, each (..., any); `scores` are 0 where there is no event."""
        events = mask.to(scores.dtype)
        n_events = events.sum(-1, keepdim=True)
        at_least_one = n_events.clamp_min(1)
        lowest = scores.masked_fill(~mask, -math.inf)
        best = lowest.topk(self.top_k, dim=-1).values
        is_event = best != -math.inf
        best = best.masked_fill(~is_event, 0.0)
        top = best[..., :1]
        age = (events.flip(-1).cumsum(-1).flip(-1) - 1).masked_fill(~mask, math.inf)

        def mean(weights: Tensor) -> Tensor:
            total = weights.sum(-1, keepdim=True)
            weighted = (weights * scores).sum(-1, keepdim=True)
            return weighted / torch.where(total > 0, total, 1.0)

        return [
            top,
            best.sum(-1, keepdim=True) / is_event.sum(-1, keepdim=True).clamp_min(1),
            scores.sum(-1, keepdim=True) / at_least_one,
            *(mean(((lowest - top) / temperature).exp()) for temperature in self.temperatures),
            *(
                (lowest > threshold).to(scores.dtype).sum(-1, keepdim=True) / at_least_one
                for threshold in self.thresholds
            ),
            *(mean((age / -scale).exp()) for scale in self.recency_scales),
            *((scores * (age == i)).sum(-1, keepdim=True) for i in range(self.n_newest)),
            self._histogram(scores, events),
        ]

    def _histogram(self, scores: Tensor, events: Tensor) -> Tensor:
        low, high = self.bounds
        place = (scores.detach() - low) * (self.n_bins / (high - low))
        bins = place.nan_to_num().clamp(0, self.n_bins - 1).to(torch.int64)
        counts = scores.new_zeros(*scores.shape[:-1], self.n_bins)
        return counts.scatter_add(-1, bins, events).log1p()


def _padded(scores: Tensor, mask: Tensor | None, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return scores of shape (..., n) and a mask of the same shape."""
    if not scores.is_floating_point() or scores.ndim < 1:
        raise ShapeError(
            f"scores must be floats of shape (..., n), "
            f"got {scores.dtype} of shape {tuple(scores.shape)}"
        )
    if offsets is None:
        return scores, _broadcast(mask, scores)
    if mask is not None or scores.ndim > 2:
        raise ShapeError(
            "scores must be of shape (total,) or (C, total), and mask None, where offsets are "
            f"given, got {tuple(scores.shape)} and mask {mask if mask is None else mask.dtype}"
        )
    check_offsets(offsets, scores.shape[-1])
    padded, mask = to_padded(scores.movedim(-1, 0), offsets)
    if scores.ndim == 1:
        return padded, mask
    padded = padded.movedim(-1, 1)
    return padded, mask.unsqueeze(1).expand_as(padded)


def _broadcast(mask: Tensor | None, scores: Tensor) -> Tensor:
    if mask is None:
        return torch.ones_like(scores, dtype=torch.bool)
    fits = mask.ndim <= scores.ndim and all(
        n in (1, m) for n, m in zip(mask.shape[::-1], scores.shape[::-1], strict=False)
    )
    if mask.dtype != torch.bool or not fits:
        raise ShapeError(
            f"mask must be bool of shape {tuple(scores.shape)}, as scores are, "
            f"got {mask.dtype} of shape {tuple(mask.shape)}"
        )
    return mask.expand_as(scores)


def _check_numbers(name: str, values: Sequence[float], *, positive: bool = False) -> None:
    if isinstance(values, Real):
        raise InputError(f"{name} must be a sequence of numbers, got {values!r}")
    for value in values:
        is_real = isinstance(value, Real) and not isinstance(value, bool)
        if not is_real or not math.isfinite(value) or (positive and value <= 0):
            rule = "positive and finite" if positive else "finite"
            raise InputError(f"{name} must be numbers that are {rule}, got {value!r}")

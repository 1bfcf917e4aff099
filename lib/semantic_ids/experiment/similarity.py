"""Similarity of candidates to the events of their histories, pooled without a parameter."""

import numpy as np
import torch
from torch import Tensor

from semantic_ids.experiment.batches import Batch
from semantic_ids.experiment.stream import FloatArray

TOP, LATEST, BINS = 5, 3, 12
TEMPERATURES = (0.05, 0.1, 0.3)
HALF_LIVES = (5.0, 30.0)
N_SIMILARITY = TOP + 1 + len(TEMPERATURES) + len(HALF_LIVES) + LATEST + BINS


def pool(scores: Tensor, is_event: Tensor) -> Tensor:
    """Pool similarities of shape (..., L), the oldest event first, to (..., 26) features."""
    n = is_event.sum(-1)
    masked = scores.masked_fill(~is_event, -1.0)
    k = min(TOP, scores.shape[-1])
    top = torch.nn.functional.pad(masked.topk(k).values, (0, TOP - k), value=-1.0)
    mean = (scores * is_event).sum(-1, keepdim=True) / n.clamp(min=1).unsqueeze(-1)
    pooled = [top, mean]
    for t in TEMPERATURES:
        w = torch.exp((masked - 1.0) / t) * is_event
        pooled.append((w * scores).sum(-1, keepdim=True) / w.sum(-1, keepdim=True).clamp(min=1e-9))
    back = (n.unsqueeze(-1) - 1 - torch.arange(scores.shape[-1])).float()
    for h in HALF_LIVES:
        w = torch.exp2(-back / h) * is_event
        pooled.append((w * scores).sum(-1, keepdim=True) / w.sum(-1, keepdim=True).clamp(min=1e-9))
    for i in range(1, LATEST + 1):
        place = (n - i).clamp(min=0).unsqueeze(-1).expand(*scores.shape[:-1], 1)
        pooled.append(masked.gather(-1, place) * (n >= i).unsqueeze(-1))
    bins = ((scores + 0.2) / 1.2 * BINS).long().clamp(0, BINS - 1)
    counts = torch.zeros(*scores.shape[:-1], BINS)
    counts.scatter_add_(-1, bins, is_event.float().expand_as(scores))
    return torch.cat([*pooled, counts.log1p()], -1)


def similarity_features(
    batches: list[Batch], queries: FloatArray, keys: FloatArray
) -> Tensor:
    q, k = centred(queries), centred(keys)
    q /= np.linalg.norm(q, axis=1, keepdims=True).clip(1e-9)
    k /= np.sqrt((k**2).sum(1).mean())
    Q, K = torch.from_numpy(q), torch.from_numpy(k)
    found = []
    for batch in batches:
        u = len(batch.items)
        products = torch.nn.functional.pad(Q[batch.items] @ K[batch.items].T, (0, 1, 0, 1))
        scores = products[batch.candidates.unsqueeze(-1), batch.history.unsqueeze(1)]
        is_event = (batch.history != u).unsqueeze(1)
        found.append(pool(scores, is_event)[batch.is_candidate])
    return torch.cat(found)


def centred(v):
    return v - v.mean(axis=0, dtype=np.float64).astype(np.float32)

"""Similarity of candidates to the events of their histories, pooled without a parameter."""

import torch
from torch import Tensor
from torch.nn import functional as F

from semantic_ids.experiment.batches import Batch
from semantic_ids.experiment.stream import FloatArray
from semantic_ids.trainers import SimilarityFeatures

POOLING = SimilarityFeatures(bounds=(-0.4, 1.0))


@torch.no_grad()
def similarity_features(
    batches: list[Batch], queries: FloatArray, events: FloatArray, *, centre: FloatArray
) -> Tensor:
    """Pool the cosines of each candidate's vector with what its history's events decode to.

    Cosines about a centre, which tell more than those about 0: texts have much in common.
    ``sid_scores`` gives the same from SIDs; items are decoded once here, as several passes over the
    same short histories follow.

    Parameters
    ----------
    queries, events : ndarrays of shape (n_items, dim), float32
        What is known of an item where it is a candidate, and where it is an event.
    centre : ndarray of shape (dim,), float32

    Returns
    -------
    Tensor of shape (n, out_features), float32
    """
    of_candidates = F.normalize(torch.from_numpy(queries - centre), dim=1)
    of_events = F.normalize(torch.from_numpy(events - centre), dim=1)
    found = []
    for batch in batches:
        candidates = F.pad(of_candidates[batch.items], (0, 0, 0, 1))[batch.candidates]
        history = F.pad(of_events[batch.items], (0, 0, 0, 1))[batch.history]
        scores = torch.bmm(candidates, history.mT)
        features = POOLING(scores, batch.is_event.unsqueeze(1))
        found.append(features[batch.is_candidate])
    return torch.cat(found)

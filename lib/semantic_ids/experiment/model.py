"""The reference model: dense features, a history pooled by target attention, an MLP."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.experiment.batches import Batch

HIDDEN = (64, 32)


class ReferenceModel(nn.Module):
    """Score candidates: one model for all arms, but for what an event becomes.

    A history is pooled by the attention of the candidate to its events (softmax of their dot
    products and of the events' ages, with a place for "none of them"); the MLP sees the dense
    features, the product of the candidate with the pooled history, its sum, and the similarity
    features if there are any. The candidate itself is not shown: it counts by its history alone.

    Parameters
    ----------
    encoder : nn.Module or None
        Items (n,) to vectors (n, dim), of candidates and events alike. None leaves histories out.
    dim : int
    n_dense, n_similarity : int
        Features that come with each example.
    """

    def __init__(
        self, encoder: nn.Module | None, dim: int, *, n_dense: int, n_similarity: int
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dim = dim
        sizes = (n_dense + n_similarity + (dim + 1 if encoder else 0), *HIDDEN)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], 1))
        if encoder:
            self.sharpness = nn.Parameter(torch.ones(()))
            self.recency = nn.Parameter(torch.zeros(()))

    def forward(self, batch: Batch, features: Tensor) -> Tensor:
        """Return the logits of a batch's examples, shape (n,).

        Parameters
        ----------
        batch : Batch
        features : Tensor of shape (n, n_dense + n_similarity)
        """
        inputs = features
        if self.encoder is not None:
            inputs = torch.cat([features, self._interest(self.encoder(batch.items), batch)], 1)
        logits: Tensor = self.mlp(inputs).squeeze(1)
        return logits

    def _interest(self, vectors: Tensor, batch: Batch) -> Tensor:
        """Return how candidates and their pooled histories go together, shape (n, dim + 1)."""
        rows = F.pad(vectors, (0, 0, 0, 1))
        events, candidates = rows[batch.history], rows[batch.candidates]
        scores = torch.bmm(candidates, events.mT) * (self.sharpness / self.dim**0.5)
        scores = scores + (self.recency * batch.ages).unsqueeze(1)
        scores = scores.masked_fill(~batch.is_event.unsqueeze(1), -torch.inf)
        weights = F.pad(scores, (0, 1)).softmax(-1)[..., :-1]
        products = (candidates * torch.bmm(weights, events))[batch.is_candidate]
        return torch.cat([products, products.sum(1, keepdim=True)], 1)

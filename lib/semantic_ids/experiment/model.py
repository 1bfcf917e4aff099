"""The reference model: dense features, a history pooled by target attention, an MLP."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.experiment.batches import Batch
from semantic_ids.experiment.dense import N_DENSE


class ReferenceModel(nn.Module):
    def __init__(self, encoder, dim, n_similarity, hidden=64) -> None:
        super().__init__()
        self.encoder = encoder
        self.dim = dim
        n = N_DENSE + n_similarity + (dim + 1 if encoder is not None else 0)
        self.mlp = nn.Sequential(
            nn.Linear(n, hidden), nn.ReLU(), nn.Linear(hidden, hidden // 2), nn.ReLU(), nn.Linear(hidden // 2, 1)
        )
        self.recency = nn.Parameter(torch.zeros(()))
        self.sharpness = nn.Parameter(torch.ones(()))

    def forward(self, batch: Batch, dense, similarity) -> Tensor:
        inputs = [dense]
        if similarity is not None:
            inputs.append(similarity)
        if self.encoder is not None:
            inputs.append(self.pooled(batch))
        return self.mlp(torch.cat(inputs, 1)).squeeze(1)

    def pooled(self, batch: Batch) -> Tensor:
        rows = F.pad(self.encoder(batch.items), (0, 0, 0, 1))
        events, queries = rows[batch.history], rows[batch.candidates]
        is_event = batch.history != len(batch.items)
        scores = torch.bmm(queries, events.transpose(1, 2))
        logits = self.sharpness * scores / self.dim**0.5 + (self.recency * batch.ages).unsqueeze(1)
        # a slot for none keeps the softmax defined where there is no event
        logits = F.pad(logits.masked_fill(~is_event.unsqueeze(1), -torch.inf), (0, 1))
        weights = logits.softmax(-1)[..., :-1]
        pooled = torch.bmm(weights, events)
        product = (queries * pooled)[batch.is_candidate]
        return torch.cat([product, product.sum(-1, keepdim=True)], -1)

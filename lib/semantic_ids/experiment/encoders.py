"""What an event or a candidate becomes: a row of a learned table, or a head on what is known."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.experiment.stream import FloatArray, Int64Array

_SPREAD = 0.05


class TableEncoder(nn.Module):
    """Sum rows of a learned table.

    Parameters
    ----------
    ids : ndarray of shape (n_items, k), int64
        Each item's rows.
    """

    ids: Tensor

    def __init__(self, ids: Int64Array, dim: int) -> None:
        super().__init__()
        self.register_buffer("ids", torch.from_numpy(ids), persistent=False)
        self.table = nn.EmbeddingBag(int(ids.max()) + 1, dim, mode="sum", sparse=True)
        nn.init.normal_(self.table.weight, std=_SPREAD)

    def forward(self, items: Tensor) -> Tensor:
        return self.table(self.ids[items])


class HeadEncoder(nn.Module):
    """A learned head on fixed features of items."""

    features: Tensor

    def __init__(self, features: FloatArray, dim: int, *, hidden: int | None) -> None:
        super().__init__()
        f = features - features.mean(axis=0)
        f /= np.sqrt((f**2).mean())
        self.register_buffer("features", torch.from_numpy(f), persistent=False)
        n = features.shape[1]
        self.head: nn.Module = (
            nn.Linear(n, dim)
            if hidden is None
            else nn.Sequential(nn.Linear(n, hidden), nn.GELU(), nn.Linear(hidden, dim))
        )

    def forward(self, items: Tensor) -> Tensor:
        return self.head(self.features[items])

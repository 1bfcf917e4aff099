"""What an event or a candidate becomes: rows of a learned table, or a head on what is known."""

import torch
from torch import Tensor, nn

from semantic_ids.experiment.books import Book
from semantic_ids.experiment.stream import FloatArray, Int64Array
from semantic_ids.trainers import SIDEmbedding, SIDHead

_SPREAD = 0.2
_SAMPLE = 4096


class TableEncoder(nn.Module):
    """Sum rows of a learned table.

    Parameters
    ----------
    rows : ndarray of shape (n_items, k), int64
        Each item's rows.
    dim : int
    """

    rows: Tensor

    def __init__(self, rows: Int64Array, dim: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.from_numpy(rows), persistent=False)
        self.table = nn.EmbeddingBag(int(rows.max()) + 1, dim, mode="sum", sparse=True)
        nn.init.normal_(self.table.weight, std=_SPREAD)

    def forward(self, items: Tensor) -> Tensor:
        """Return the vectors of items, shape (n, dim)."""
        found: Tensor = self.table(self.rows[items])
        return found


class Decoded(nn.Module):
    """All collections of a codebook decoded, one after another as items have them.

    Parameters
    ----------
    book : Book
    """

    def __init__(self, book: Book) -> None:
        super().__init__()
        names = book.collections or (None,)
        parts = [SIDEmbedding(book.codebook, collection=name) for name in names]
        self.parts = nn.ModuleList(parts)
        self.embedding_dim = sum(part.embedding_dim for part in parts)

    def forward(self, sids: Tensor) -> Tensor:
        """Return vectors of shape (n, embedding_dim)."""
        return torch.cat([part(sids) for part in self.parts], 1)


class SidEncoder(nn.Module):
    """A head on what a SID says without a parameter.

    Parameters
    ----------
    sids : ndarray of shape (n_items,), int64
    embedding : SIDEmbedding or Decoded
    head : SIDHead
    seen : ndarray of int64
        Items whose vectors say what is usual: heads get values of about 1.
    """

    sids: Tensor
    shift: Tensor

    def __init__(
        self,
        sids: Int64Array,
        embedding: SIDEmbedding | Decoded,
        head: SIDHead,
        *,
        seen: Int64Array,
    ) -> None:
        super().__init__()
        self.register_buffer("sids", torch.from_numpy(sids), persistent=False)
        self.embedding, self.head = embedding, head
        shift, self.scale = _spread_of(embedding(self.sids[seen[:_SAMPLE]]))
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, items: Tensor) -> Tensor:
        """Return the vectors of items, shape (n, dim)."""
        found: Tensor = self.head((self.embedding(self.sids[items]) - self.shift) / self.scale)
        return found


class VectorEncoder(nn.Module):
    """A head on the embeddings themselves.

    Parameters
    ----------
    vectors : ndarray of shape (n_items, d), float32
    head : SIDHead
    seen : ndarray of int64
        As SidEncoder has them.
    """

    vectors: Tensor
    shift: Tensor

    def __init__(self, vectors: FloatArray, head: SIDHead, *, seen: Int64Array) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.from_numpy(vectors), persistent=False)
        self.head = head
        shift, self.scale = _spread_of(self.vectors[seen[:_SAMPLE]])
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, items: Tensor) -> Tensor:
        """Return the vectors of items, shape (n, dim)."""
        found: Tensor = self.head((self.vectors[items] - self.shift) / self.scale)
        return found


def _spread_of(vectors: Tensor) -> tuple[Tensor, float]:
    """Return the mean, and the spread of a value about it."""
    mean = vectors.mean(0)
    return mean, max(float((vectors - mean).square().mean().sqrt()), 1e-6)

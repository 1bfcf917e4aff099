"""What is learned behind SIDs: a small head, which can be folded for serving."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from semantic_ids.trainers.arguments import check_integer
from semantic_ids.trainers.folding import FoldedEmbedding
from semantic_ids.trainers.tables import SIDTables


class SIDHead(nn.Sequential):
    """A learned layer or MLP (ReLU between its layers) on vectors of SIDs.

    Parameters
    ----------
    in_features : int
        ``embedding.embedding_dim``.
    out_features : int
    hidden : sequence of int
        Widths of the hidden layers; none makes it linear.

    Examples
    --------
    >>> head = SIDHead(embedding.embedding_dim, 32, hidden=[64])               # doctest: +SKIP
    >>> head(embedding(sids)).shape                                            # doctest: +SKIP
    torch.Size([51200, 32])
    """

    def __init__(self, in_features: int, out_features: int, hidden: Sequence[int] = ()) -> None:
        check_integer("in_features", in_features, least=1)
        check_integer("out_features", out_features, least=1)
        for width in hidden:
            check_integer("hidden", width, least=1)
        sizes = [in_features, *hidden, out_features]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        super().__init__(*layers[:-1])

    def folded(self, embedding: SIDTables) -> nn.Sequential:
        """Return SIDs to the head's output in one module, its first layer folded into the tables.

        Raises
        ------
        ShapeError
            If the head does not take vectors of ``embedding.embedding_dim`` floats.
        """
        first, *others = self
        return nn.Sequential(FoldedEmbedding(embedding, first), *others)

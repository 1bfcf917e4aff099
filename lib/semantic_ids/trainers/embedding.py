"""SIDs to vectors inside a model: table rows that the codebook gives, nothing that is learned."""

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.codebook import Codebook, decode_tables, digit_tables
from semantic_ids.errors import InputError, nearest
from semantic_ids.trainers.folding import FoldedEmbedding
from semantic_ids.trainers.tables import VALUES, SIDTables

Output = Literal["decoded", "digits"]


class SIDEmbedding(SIDTables):
    """Turn SIDs into decoded vectors or digits without any parameter.

    Both are sums of one table row per byte, ``sum_j T[j, byte_j]``, plus the codebook's mean for
    decoded vectors. On the CPU the result has the same bits as ``decode`` and ``digits_of``.

    Parameters
    ----------
    codebook : Codebook
    output : {"decoded", "digits"}
        Vectors of ``codebook.dim`` floats, or ``codebook.n_digits`` floats in {-1, 0, 1}.
    collection : str, optional
        Give the decoded vectors of this collection alone; by default those of all the codebook's
        collections, one after another.
    norms : bool
        Keep the dot products of the tables' rows, ``4 * (256 * width + 1) ** 2`` bytes, which
        ``norms`` and the cosines and distances of ``sid_scores`` need.

    Attributes
    ----------
    embedding_dim : int
        Length of an output vector.
    codebook_id : str

    Notes
    -----
    Takes ``width * 256 * embedding_dim`` floats, and fewer than as many again for the factors of
    the tables, which make products with candidates cheap. ``state_dict`` holds the codebook_id
    alone, as the tables come from the codebook: 16 bytes, and loading them into the module of
    another codebook raises ArtefactError.

    Examples
    --------
    >>> embedding = SIDEmbedding(load_file("text.safetensors"))                # doctest: +SKIP
    >>> embedding(batch.values).shape                                          # doctest: +SKIP
    torch.Size([51200, 384])
    """

    def __init__(
        self,
        codebook: Codebook,
        output: Output = "decoded",
        *,
        collection: str | None = None,
        norms: bool = False,
    ) -> None:
        _check_output(codebook, output, collection)
        if output == "decoded":
            columns = _columns_of(codebook, collection)
            tables = torch.from_numpy(np.ascontiguousarray(decode_tables(codebook)[..., columns]))
            bias, factors = torch.tensor(codebook.mean[columns]), _factors(codebook, columns)
        else:
            tables = torch.from_numpy(digit_tables(codebook)).to(torch.float32)
            bias, factors = None, None
        super().__init__(
            F.pad(tables.flatten(0, 1), (0, 0, 0, 1)),
            bias=bias,
            factors=factors,
            gram=_gram(tables) if norms else None,
            codebook_id=codebook.codebook_id,
            knows_null=not bool(tables[:, VALUES - 1].any()),
            in_state=False,
        )

    def fold(self, linear: nn.Linear) -> FoldedEmbedding:
        """Multiply a following linear layer into the tables.

        ``embedding.fold(linear)(sids)`` is ``linear(embedding(sids))``, to the rounding of float32,
        for ``width`` rows of ``linear.out_features`` floats an event. Fold when training is over:
        the layer's weights are copied.

        Raises
        ------
        InputError
            If it is not a linear layer.
        ShapeError
            If it does not take vectors of ``embedding_dim`` floats.
        """
        return FoldedEmbedding(self, linear)


def _check_output(codebook: Codebook, output: str, collection: str | None) -> None:
    if output not in get_args(Output):
        raise InputError(f"output must be 'decoded' or 'digits', got {output!r}")
    if output == "digits" and codebook.n_digits == 0:
        raise InputError("output must be 'decoded' for a codebook without digits, got 'digits'")
    if output == "digits" and collection is not None:
        raise InputError(
            f"collection must be None for digits, which all collections share, got {collection!r}"
        )
    if collection is not None and collection not in codebook.collections:
        raise InputError(
            f"collection must be one of the codebook's, got {collection!r}: "
            f"{nearest(collection, list(codebook.collections))}"
        )


def _columns_of(codebook: Codebook, collection: str | None) -> slice:
    """Return which columns of the decoded vectors a collection has."""
    if collection is None:
        return slice(0, codebook.dim)
    names = list(codebook.collections)
    start = sum(codebook.collections[name] for name in names[: names.index(collection)])
    return slice(start, start + codebook.collections[collection])


def _factors(codebook: Codebook, columns: slice) -> tuple[Tensor, Tensor]:
    """Return the design D of all bytes, and the basis V in its units."""
    n_rows = len(codebook.basis)
    design = torch.zeros(codebook.width * VALUES + 1, n_rows)
    for j, byte in enumerate(codebook.layout):
        start = j * VALUES
        design[start : start + byte.n_values, byte.rows] = torch.from_numpy(byte.design).float()
    basis = np.ldexp(codebook.basis[:, columns].astype(np.float32), codebook.basis_exponent)
    return design, torch.from_numpy(basis)


def _gram(tables: Tensor) -> Tensor:
    """Return the dot products of all rows and a last row of zeros, those between bytes doubled."""
    T = F.pad(tables.flatten(0, 1), (0, 0, 0, 1)).to(torch.float64)
    byte_of_row = torch.arange(len(T)) // VALUES
    doubled = torch.where(byte_of_row[:, None] == byte_of_row, 1.0, 2.0)
    return (T @ T.T * doubled).to(torch.float32)

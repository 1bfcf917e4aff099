"""What every module over SIDs is: a sum of one table row per byte, nothing that is learned."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.errors import ArtefactError, InputError, ShapeError

VALUES = 256


class SIDTables(nn.Module):
    """Sum one table row per byte of a SID, and a bias.

    The base of ``SIDEmbedding`` and of what ``fold`` returns; it has no parameters.

    Parameters
    ----------
    table : Tensor of shape (width * 256 + 1, embedding_dim)
        The rows of byte 0, then those of byte 1 and so on; the last row is zeros.
    bias : Tensor of shape (embedding_dim,), or None
    factors : pair of Tensors, or None
        D of shape (width * 256 + 1, n_rows) and V of shape (n_rows, embedding_dim), with
        ``table = D V``.
    gram : Tensor of shape (width * 256 + 1, width * 256 + 1), or None
        Dot products of the rows, those of different bytes doubled.
    codebook_id : str
    knows_null : bool
        Whether the null SID's rows sum to zeros as they are.
    in_state : bool
        Whether ``state_dict`` holds the table and the bias.

    Attributes
    ----------
    width, embedding_dim : int
        Bytes of a SID, and length of an output vector.
    codebook_id : str
    """

    table: Tensor
    bias: Tensor | None
    design: Tensor | None
    basis: Tensor | None
    gram: Tensor | None
    shifts: Tensor
    first_rows: Tensor

    def __init__(
        self,
        table: Tensor,
        *,
        bias: Tensor | None,
        factors: tuple[Tensor, Tensor] | None,
        gram: Tensor | None,
        codebook_id: str,
        knows_null: bool,
        in_state: bool,
    ) -> None:
        super().__init__()
        self.width = len(table) // VALUES
        self.embedding_dim = table.shape[1]
        self.codebook_id = codebook_id
        self.knows_null = knows_null
        bytes_from_coarsest = torch.arange(self.width, device=table.device)
        self.register_buffer("table", table, persistent=in_state)
        self.register_buffer("bias", bias, persistent=in_state)
        design, basis = factors if factors and _is_faster(*factors) else (None, None)
        self.register_buffer("basis", basis, persistent=in_state)
        constants = {
            "design": design,
            "gram": gram,
            "shifts": 8 * bytes_from_coarsest.flip(0),
            "first_rows": (VALUES * bytes_from_coarsest).to(torch.int32),
        }
        for name, buffer in constants.items():
            self.register_buffer(name, buffer, persistent=False)
        self.register_buffer("codebook_id_bytes", _id_tensor(codebook_id).to(table.device))

    def forward(self, sids: Tensor) -> Tensor:
        """Return the vectors of SIDs.

        Parameters
        ----------
        sids : Tensor of shape (...), int64, or of shape (..., width), uint8
            SIDs, or their bytes with byte 0 first. Not checked against the codebook: a symbol that
            it never assigns adds nothing.

        Returns
        -------
        Tensor of shape (..., embedding_dim)
            float32 unless the module was cast. The null SID gives the bias, or zeros without one.

        Raises
        ------
        ShapeError
            If the SIDs are of another dtype or width.
        """
        vectors = sum_rows(self.table, self.rows(sids))
        if self.bias is not None:
            vectors += self.bias
        return vectors

    def rows(self, sids: Tensor) -> Tensor:
        """Return which rows of the table SIDs sum, int32 of shape (..., width)."""
        rows = self._symbols(sids)
        if self.knows_null:
            rows += self.first_rows
            return rows
        is_null = rows.amin(dim=-1, keepdim=True) == VALUES - 1  # amin is faster than all
        return (rows + self.first_rows).masked_fill(is_null, VALUES * self.width)

    def products(self, queries: Tensor) -> Tensor:
        """Return the dot products of vectors with all rows of the table, (..., width * 256 + 1)."""
        if self.design is None or self.basis is None:
            return queries @ self.table.T
        return queries @ self.basis.T @ self.design.T

    def squared_sums(self, rows: Tensor) -> Tensor:
        """Return ``|sum of rows|^2`` by a look-up per pair of bytes, shape (...).

        Raises
        ------
        InputError
            If the Gram matrix was not asked for.
        """
        if self.gram is None:
            raise InputError(
                "norms, cosines and distances need a SIDEmbedding made with norms=True, "
                f"got {type(self).__name__} without"
            )
        products = self.gram.view(-1, 1)
        squares = products.new_zeros(*rows.shape[:-1], 1)
        for j in range(self.width):
            # One byte at a time: all pairs at once would hold 36 integers an event.
            lookups = rows[..., j : j + 1] * self.gram.shape[0] + rows[..., j:]
            squares = squares + sum_rows(products, lookups)
        return squares.squeeze(-1)

    def norms(self, sids: Tensor) -> Tensor:
        """Return the 2-norms of SIDs' vectors without decoding: a look-up per pair of bytes.

        Parameters
        ----------
        sids : Tensor of shape (...), int64, or of shape (..., width), uint8

        Returns
        -------
        Tensor of shape (...)

        Raises
        ------
        InputError
            If the module was not made with ``norms=True``.
        """
        rows = self.rows(sids)
        squares = self.squared_sums(rows)
        if self.bias is not None:
            with_bias = sum_rows((self.table @ self.bias).unsqueeze(1), rows).squeeze(-1)
            squares = squares + 2 * with_bias + self.bias.square().sum()
        return squares.clamp_min(0).sqrt()

    def extra_repr(self) -> str:
        """Return what ``print(module)`` shows."""
        return f"width={self.width}, dim={self.embedding_dim}, codebook_id={self.codebook_id}"

    def _symbols(self, sids: Tensor) -> Tensor:
        """Return the bytes of SIDs in memory of their own, int32."""
        if sids.dtype == torch.int64:
            # ONNX has no translation of the operator >>.
            shifted = torch.bitwise_right_shift(sids.unsqueeze(-1), self.shifts)
            return (shifted & (VALUES - 1)).to(torch.int32)
        if sids.dtype != torch.uint8 or sids.shape[-1:] != (self.width,):
            raise ShapeError(
                f"sids must be int64, or uint8 of shape (..., {self.width}), "
                f"got {sids.dtype} of shape {tuple(sids.shape)}"
            )
        return sids.to(torch.int32)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        stored = state_dict.get(f"{prefix}codebook_id_bytes")
        if stored is not None and not torch.equal(stored.cpu(), _id_tensor(self.codebook_id)):
            raise ArtefactError(
                f"state_dict must be of codebook {self.codebook_id}, "
                f"got {bytes(stored.tolist()).hex()}"
            )
        super()._load_from_state_dict(state_dict, prefix, *args)


def sum_rows(table: Tensor, rows: Tensor) -> Tensor:
    """Return the sums of a table's rows, of shape (..., k) for rows of shape (..., n)."""
    if torch.onnx.is_in_onnx_export():
        # The exporter turns embedding_bag into a loop over SIDs.
        return table[rows.to(torch.int64)].sum(dim=-2)
    flat = rows.reshape(-1, rows.shape[-1])
    return F.embedding_bag(flat, table, mode="sum").view(*rows.shape[:-1], table.shape[1])


def _is_faster(design: Tensor, basis: Tensor) -> bool:
    """Whether a product with V, then D, takes fewer multiplications than one with the table."""
    return basis.numel() + design.numel() < design.shape[0] * basis.shape[1]


def _id_tensor(codebook_id: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(codebook_id)), dtype=torch.uint8)

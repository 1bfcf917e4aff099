"""SIDs to vectors inside a model: table rows that the codebook gives, nothing that is learned."""

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.codebook import Codebook, decode_tables, digit_tables
from semantic_ids.errors import ArtefactError, InputError, ShapeError

Output = Literal["decoded", "digits"]

VALUES = 256


class SIDEmbedding(nn.Module):
    """Turn SIDs into decoded vectors or digits without any parameter.

    Both are sums of one table row per byte, ``sum_j T[j, byte_j]``, plus the codebook's mean for
    decoded vectors. On the CPU the result has the same bits as ``decode`` and ``digits_of``.

    Parameters
    ----------
    codebook : Codebook
    output : {"decoded", "digits"}
        Vectors of ``codebook.dim`` floats, or ``codebook.n_digits`` floats in {-1, 0, 1}.
    collection : str, optional
        Which of a fused codebook's collections to decode; such a codebook needs one.

    Attributes
    ----------
    embedding_dim : int
        Length of an output vector.
    codebook_id : str

    Notes
    -----
    Takes ``width * 256 * embedding_dim`` floats. ``state_dict`` holds the codebook_id alone, as the
    tables come from the codebook: 16 bytes, and loading them into the module of another codebook
    raises ArtefactError.

    Examples
    --------
    >>> embedding = SIDEmbedding(load_file("text.safetensors"))                # doctest: +SKIP
    >>> embedding(batch.values).shape                                          # doctest: +SKIP
    torch.Size([51200, 384])
    """

    table: Tensor
    mean: Tensor | None
    shifts: Tensor
    first_rows: Tensor

    def __init__(
        self, codebook: Codebook, output: Output = "decoded", *, collection: str | None = None
    ) -> None:
        super().__init__()
        if output not in get_args(Output):
            raise InputError(f"output must be 'decoded' or 'digits', got {output!r}")
        if output == "digits" and codebook.n_digits == 0:
            raise InputError("output must be 'decoded' for a codebook without digits, got 'digits'")
        part = codebook.of(collection) if output == "decoded" else codebook
        tables = _tables(part, output)
        self.width = codebook.width
        self.embedding_dim = tables.shape[-1]
        self.codebook_id = codebook.codebook_id
        self._null_needs_care = bool(tables[:, VALUES - 1].any())
        bytes_from_coarsest = torch.arange(self.width)
        buffers = {
            "table": F.pad(tables.flatten(0, 1), (0, 0, 0, 1)),
            "mean": torch.tensor(part.mean) if output == "decoded" else None,
            "shifts": 8 * bytes_from_coarsest.flip(0),
            "first_rows": VALUES * bytes_from_coarsest,
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)
        self.register_buffer("codebook_id_bytes", _id_tensor(self.codebook_id))

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
            float32 unless the module was cast. The null SID gives the mean, or zeros for digits.
        """
        symbols = self._symbols(sids)
        rows = symbols + self.first_rows
        if self._null_needs_care:
            is_null = (symbols == VALUES - 1).all(dim=-1, keepdim=True)
            rows = rows.masked_fill(is_null, VALUES * self.width)
        vectors = F.embedding_bag(rows.reshape(-1, self.width), self.table, mode="sum")
        if self.mean is not None:
            vectors += self.mean
        return vectors.view(*symbols.shape[:-1], self.embedding_dim)

    def extra_repr(self) -> str:
        """Return what ``print(module)`` shows."""
        return f"width={self.width}, dim={self.embedding_dim}, codebook_id={self.codebook_id}"

    def _symbols(self, sids: Tensor) -> Tensor:
        if sids.dtype == torch.int64:
            return (sids.unsqueeze(-1) >> self.shifts) & (VALUES - 1)
        if sids.dtype != torch.uint8 or sids.shape[-1:] != (self.width,):
            raise ShapeError(
                f"sids must be int64, or uint8 of shape (..., {self.width}), "
                f"got {sids.dtype} of shape {tuple(sids.shape)}"
            )
        return sids.to(torch.int64)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        stored = state_dict.get(f"{prefix}codebook_id_bytes")
        if stored is not None and not torch.equal(stored.cpu(), _id_tensor(self.codebook_id)):
            raise ArtefactError(
                f"state_dict must be of codebook {self.codebook_id}, "
                f"got {bytes(stored.tolist()).hex()}"
            )
        super()._load_from_state_dict(state_dict, prefix, *args)


def _tables(codebook: Codebook, output: Output) -> Tensor:
    """Return the tables that are summed, float32 of shape (width, 256, embedding_dim)."""
    if output == "decoded":
        return torch.from_numpy(decode_tables(codebook))
    return torch.from_numpy(digit_tables(codebook)).to(torch.float32)


def _id_tensor(codebook_id: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(codebook_id)), dtype=torch.uint8)

"""The jagged convention, values and offsets: checked, numbered and padded."""

import torch
from torch import Tensor

from semantic_ids.errors import ShapeError


def check_offsets(offsets: Tensor, total: int, *, n: int | None = None) -> None:
    """Raise ShapeError unless offsets cut `total` values into `n` rows.

    Under ``torch.compile`` and export the offsets' values are not looked at.
    """
    is_shape = offsets.dtype == torch.int64 and offsets.ndim == 1 and offsets.shape[0] > 0
    if not is_shape or (n is not None and offsets.shape[0] != n + 1):
        raise ShapeError(
            f"offsets must be int64 of shape ({'n' if n is None else n} + 1,), "
            f"got {offsets.dtype} of shape {tuple(offsets.shape)}"
        )
    if torch.compiler.is_compiling():
        return
    first, last = offsets[0].item(), offsets[-1].item()
    if first != 0 or last != total or bool((offsets.diff() < 0).any()):
        raise ShapeError(
            f"offsets must rise from 0 to {total}, the number of values, "
            f"got {offsets.tolist()!s:.80}"
        )


def row_of_values(offsets: Tensor, total: int) -> Tensor:
    """Return the row of each value, int64 of shape (total,)."""
    starts = offsets[1:]
    n_starts = offsets.new_zeros(total + 1).scatter_add(0, starts, torch.ones_like(starts))
    return n_starts[:total].cumsum(0)


def to_padded(values: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Pad rows to the longest one.

    Returns
    -------
    padded : Tensor of shape (n, longest, ...)
        Row i has its values first, then zeros.
    mask : Tensor of shape (n, longest), bool
        True for values.
    """
    lengths = offsets.diff()
    columns = torch.arange(int(lengths.max()) if len(lengths) else 0, device=offsets.device)
    mask = columns < lengths.unsqueeze(1)
    padded = values.new_zeros(*mask.shape, *values.shape[1:])
    padded[mask] = values
    return padded, mask

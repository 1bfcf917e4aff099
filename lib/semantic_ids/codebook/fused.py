"""Rows of several collections to latents: the encoder of a fused codebook, in exact arithmetic."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray, FloatArray64
from semantic_ids.codebook.fusion import Fusion
from semantic_ids.codebook.fusion_parts import LIMIT, UNIT_BITS, Branch
from semantic_ids.codebook.vectors import check_vectors, to_float32
from semantic_ids.errors import InputError, ShapeError, nearest

BLOCK_ROWS = 1024
Columns = Mapping[str, npt.NDArray[Any]]


def check_columns(vectors: Any, codebook: Codebook) -> Columns:
    """Return the collections of a fused codebook as arrays of one length.

    Raises
    ------
    ShapeError
        If `vectors` is no mapping with exactly the codebook's collections, or an array has another
        shape than (n, dim of the collection).
    """
    if not isinstance(vectors, Mapping):
        raise ShapeError(
            f"vectors must be a mapping of {', '.join(codebook.collections)} to arrays for a fused "
            f"codebook, got {type(vectors).__name__}"
        )
    for name in vectors:
        if name not in codebook.collections:
            raise ShapeError(f"unknown collection {name!r}, {nearest(name, codebook.collections)}")
    columns = {}
    for name, dim in codebook.collections.items():
        if name not in vectors:
            raise ShapeError(f"vectors must hold every collection, got none of {name!r}")
        columns[name] = check_vectors(vectors[name], dim)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ShapeError(f"collections must have as many rows each, got {lengths}")
    return columns


def present_rows(rows: npt.NDArray[Any], *, zero_is_missing: bool) -> npt.NDArray[np.bool_]:
    """Say which rows hold a vector, shape (n,): NaN throughout, and maybe 0 throughout, do not.

    Raises
    ------
    InputError
        If a row holds NaN or infinity beside numbers.
    """
    present: npt.NDArray[np.bool_] = ~np.isnan(rows).all(axis=1)
    if not np.isfinite(rows[present]).all():
        n_bad = int((~np.isfinite(rows[present])).any(axis=1).sum())
        raise InputError(
            "vectors must be finite in float32, or NaN throughout where the collection is missing, "
            f"got NaN or infinity in {n_bad} rows"
        )
    return present & rows.any(axis=1) if zero_is_missing else present


def latents_of(columns: Columns, codebook: Codebook) -> FloatArray:
    """Run the encoder on rows of several collections.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n, dim of the collection), real
        A row of NaN throughout is missing.

    Returns
    -------
    ndarray of shape (n, dim of the latent), float32
        The same on every machine and in every batch.

    Raises
    ------
    InputError
        If an item has no collection at all, or a value is not finite.
    """
    fusion = codebook.fusion
    assert fusion is not None
    n = len(next(iter(columns.values())))
    latents = np.empty((n, codebook.dim), np.float32)
    for start in range(0, n, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        rows = {name: to_float32(column[block]) for name, column in columns.items()}
        latents[block] = np.ldexp(_forward(rows, fusion, codebook.dim), -UNIT_BITS)
    return latents


def _forward(rows: Mapping[str, FloatArray], fusion: Fusion, n_latent: int) -> FloatArray64:
    """Return latents in units of ``2 ** -20``, whole numbers."""
    present = {
        name: present_rows(rows[name], zero_is_missing=branch.zero_is_missing)
        for name, branch in fusion.branches.items()
    }
    n_without = int((~np.any(list(present.values()), axis=0)).sum())
    if n_without:
        raise InputError(
            f"an item must have at least one collection, got {n_without} rows that have none"
        )
    outputs = [_outputs(rows[name], present[name], b) for name, b in fusion.branches.items()]
    sums: FloatArray64 = np.sum(outputs, axis=0)
    if not fusion.trunk:
        return sums
    h = sums[:, :-n_latent]
    for layer in fusion.trunk:
        h = layer(np.clip(h, 0, LIMIT))
    return sums[:, -n_latent:] + h


def _outputs(rows: FloatArray, present: npt.NDArray[np.bool_], branch: Branch) -> FloatArray64:
    outputs = np.empty((len(rows), len(branch.placeholder)))
    outputs[:] = branch.placeholder
    centred = (rows[present] - branch.mean).astype(np.float64)
    a = np.rint(np.ldexp(centred / branch.scale.astype(np.float64), UNIT_BITS))
    outputs[present] = branch.layer(np.clip(a, -LIMIT, LIMIT))
    return outputs

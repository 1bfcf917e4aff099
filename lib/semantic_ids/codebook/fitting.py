"""Vectors to a codebook."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray
from semantic_ids.codebook.grid import choose_grid
from semantic_ids.codebook.initial import fit_stages
from semantic_ids.codebook.layout import lay_out
from semantic_ids.codebook.quality import error_curve
from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.codebook.vectors import check_finite, check_vectors, to_float32
from semantic_ids.errors import InputError

Progress = Callable[[str, float], None]

_TYPICAL = 0.999  # quantile of the norms that sets the grid; rows beyond it are encoded in float64


def fit(
    vectors: npt.ArrayLike,
    spec: CodebookSpec,
    *,
    seed: int = 0,
    collection: str = "embedding",
    validation: npt.ArrayLike | None = None,
    progress: Progress | None = None,
) -> Codebook:
    """Fit a codebook to a sample of vectors.

    Deterministic: the same rows in the same order, spec and seed give the same codebook.

    Parameters
    ----------
    vectors : array_like of shape (n, dim), real
        Converted to float32 block by block. Not modified.
    seed : int
        Of the choice of held-out rows and of whatever the stages draw.
    collection : str
        Name of the embedding column, part of the codebook.
    validation : array_like of shape (m, dim), optional
        Held-out rows that measure the fit. Default: every tenth row of a sample of ten rows or more.
    progress : callable, optional
        Called as ``progress(step, relative_error)`` with the held-out error after each step.

    Returns
    -------
    Codebook
        Its ``metrics`` hold the rows used and the held-out ``error_curve``.

    Raises
    ------
    ShapeError
        If the vectors are not 2-d or not real.
    InputError
        If a value is not finite, or there are fewer rows than digits or centroids.
    """
    array = check_vectors(vectors)
    layout = lay_out(spec.stages)
    X = to_float32(array)
    check_finite(X)
    _check_rows(len(X), spec)
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    R = X - mean
    norms = np.sqrt((R.astype(np.float64) ** 2).sum(axis=1))
    basis, x_exponent, basis_exponent = choose_grid(
        fit_stages(R, spec.stages), layout, typical_norm=float(np.quantile(norms, _TYPICAL))
    )
    codebook = Codebook(spec, {collection: array.shape[1]}, mean, basis, x_exponent, basis_exponent)
    held_out = X if validation is None else check_vectors(validation, codebook.dim)
    curve = error_curve(held_out, codebook)
    if progress is not None:
        progress("fit", float(curve[-1]))
    metrics = {"n_rows": len(X), "error_curve": curve.tolist()}
    return Codebook(spec, codebook.collections, mean, basis, x_exponent, basis_exponent, metrics)


def _check_rows(n_rows: int, spec: CodebookSpec) -> None:
    for stage in spec.stages:
        if n_rows < max(stage.counts):
            raise InputError(
                f"{stage.kind}: {max(stage.counts)} needs at least as many rows, got {n_rows}"
            )

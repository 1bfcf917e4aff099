"""Vectors to a codebook."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray, FloatArray64
from semantic_ids.codebook.grid import choose_grid
from semantic_ids.codebook.initial import fit_bytes
from semantic_ids.codebook.quality import error_curve
from semantic_ids.codebook.refine import refine
from semantic_ids.codebook.sample import MAX_VALIDATION, Sample, check_sample, hold_out, some_rows
from semantic_ids.codebook.spec import CodebookSpec
from semantic_ids.codebook.stage import is_integer
from semantic_ids.codebook.vectors import check_vectors
from semantic_ids.errors import InputError, ShapeError, SpecError

Progress = Callable[[str, float], None]

MAX_DIM = 2**14  # covariances of 2 GiB
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
        Held-out rows that choose the round of refinement to keep; of more than 1,024, that many
        drawn by the seed. Default: a tenth of the vectors, drawn by the seed, at most 256; all of
        them where there are fewer than ten.
    progress : callable, optional
        Called as ``progress(step, error)`` with the held-out relative error up to each byte of the
        first fit, and after each round of refinement.

    Returns
    -------
    Codebook
        Its ``metrics`` hold the rows used and the held-out ``error_curve``.

    Raises
    ------
    ShapeError
        If the vectors are not 2-d, not real, or longer than 16,384.
    InputError
        If a value is not finite, a few rows are a thousand times as far out as the rest, a vector
        is too long, all are too close to their mean, or there are fewer rows than digits or
        centroids.
    """
    if not isinstance(spec, CodebookSpec):
        raise SpecError(f"spec must be a CodebookSpec, got {type(spec).__name__}")
    if not is_integer(seed, least=0):
        raise InputError(f"seed must be a whole number of at least 0, got {seed!r}")
    array = check_vectors(vectors)
    if array.shape[1] > MAX_DIM:
        raise ShapeError(
            f"dim must be at most {MAX_DIM:,} to fit, which holds dim x dim covariances, "
            f"got {array.shape[1]:,}"
        )
    rng = np.random.default_rng(seed)
    training, held_out = _split(array, validation, rng)
    _check_rows(training, spec)
    check_sample(array)
    check_sample(held_out)
    sample = Sample.of(array, training)
    R = sample.initial(rng)
    norms = np.sqrt((R.astype(np.float64) ** 2).sum(axis=1))
    typical = float(np.quantile(norms, _TYPICAL))
    rounded = partial(_rounded, spec=spec, collection=collection)
    in_pca = partial(rounded, typical_norm=typical, mean=np.zeros_like(sample.mean))
    report = progress or (lambda step, error: None)
    V = fit_bytes(R, spec.layout, rng)
    rotated = sample.rotated(held_out)
    for j, error in enumerate(error_curve(rotated, in_pca(V)), start=1):
        report(f"byte {j} of {len(spec.layout)}", float(error))
    V = refine(V, sample, rotated, rounded=in_pca, rounds=spec.rounds, seed=seed, report=report)
    typical = math.ldexp(typical, sample.exponent)
    codebook = rounded(sample.unrotated(V), typical_norm=typical, mean=sample.mean)
    metrics = {
        "rows_fitted": int(training.sum()),
        "rows_held_out": len(held_out),
        "error_curve": error_curve(held_out, codebook).tolist(),
    }
    return replace(codebook, metrics=metrics)


def _rounded(
    V: FloatArray64, *, spec: CodebookSpec, typical_norm: float, mean: FloatArray, collection: str
) -> Codebook:
    basis, x_exponent, basis_exponent = choose_grid(V, spec.layout, typical_norm=typical_norm)
    return Codebook(spec, {collection: len(mean)}, mean, basis, x_exponent, basis_exponent)


def _split(
    array: npt.NDArray[Any], validation: npt.ArrayLike | None, rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    """Return which rows to train on, and the held-out rows."""
    if validation is None:
        training = hold_out(len(array), rng)
        return training, array if training.all() else array[~training]
    held_out = check_vectors(validation, array.shape[1])
    if not len(held_out):
        raise InputError("validation must hold at least one row, got none")
    return np.ones(len(array), np.bool_), held_out[some_rows(len(held_out), MAX_VALIDATION, rng)]


def _check_rows(training: npt.NDArray[np.bool_], spec: CodebookSpec) -> None:
    n_rows = int(training.sum())
    got = f"{n_rows}" if training.all() else f"{n_rows} and {len(training) - n_rows} held out"
    for stage in spec.stages:
        if n_rows < max(stage.counts):
            raise InputError(
                f"{stage.kind}: {max(stage.counts)} needs at least as many rows, got {got}"
            )

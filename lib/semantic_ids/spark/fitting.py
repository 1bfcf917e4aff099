"""A codebook from a table: sample, fit, measure on held-out rows, append with lineage."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook import (
    Codebook,
    CodebookSpec,
    count_symbols,
    encode,
    error_curve,
    fit,
    measure_errors,
)
from semantic_ids.job_configs import FitCodebook
from semantic_ids.spark.codebooks import append_codebook
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.progress import report_progress
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sampling import Sample, draw_sample, n_held_out
from semantic_ids.spark.sources import Source

__all__ = ["fit_and_append"]

Vectors = npt.NDArray[np.float32]

log = logging.getLogger("semantic_ids")


def fit_and_append(
    config: FitCodebook,
    embeddings: Source,
    codebooks: Output,
    run_id: str,
    *,
    terminal: bool = False,
) -> RunSummary:
    """Fit a codebook on a sample of the embeddings and append it.

    Parameters
    ----------
    terminal : bool
        Whether a bar can be drawn on standard error; log lines otherwise.

    Raises
    ------
    InputError
        If the sample is too small to hold rows out, or to fit the spec.
    """
    sample = draw_sample(
        embeddings,
        config.collection,
        size=config.sample_size,
        seed=config.seed,
        dim=config.dim,
        binary_dtype=config.binary_dtype,
    )
    n_kept = n_held_out(len(sample.vectors), config.holdout, "fit")
    held_out, training = sample.vectors[:n_kept], sample.vectors[n_kept:]
    log.info(
        "fit_codebook: fitting on %s rows of %d values", f"{len(training):,}", training.shape[1]
    )
    spec = CodebookSpec.from_dict(config.spec)
    codebook, steps = _fit(config, spec, training, terminal=terminal)
    metrics = {
        "relative_error": error_curve(held_out, codebook).tolist(),
        "relative_error_training": error_curve(training, codebook).tolist(),
        "rows_held_out": len(held_out),
        "steps": steps,
    }
    lineage = _lineage(config, embeddings, sample, len(training), run_id)
    added = append_codebook(
        embeddings.rows.sparkSession,
        codebooks,
        codebook=codebook,
        name=config.name,
        lineage=lineage,
        metrics={**metrics, **_held_out(held_out, codebook)},
    )
    return _summary(codebook, config, embeddings, sample, metrics, added=added)


def _fit(
    config: FitCodebook, spec: CodebookSpec, training: Vectors, *, terminal: bool
) -> tuple[Codebook, list[tuple[str, float]]]:
    """Fit, and keep the error after each byte and each round, of rows that the fit holds out."""
    steps: list[tuple[str, float]] = []
    show = report_progress(
        "fit_codebook", n_bytes=len(spec.layout), n_rounds=spec.rounds, terminal=terminal
    )

    def report(step: str, error: float) -> None:
        steps.append((step, error))
        show(step, error)

    codebook = fit(
        training,
        spec,
        seed=config.seed,
        collection=config.collection,
        progress=report,
    )
    return codebook, steps


def _held_out(vectors: Vectors, codebook: Codebook) -> dict[str, Any]:
    """Say what audit_quality compares later items with, to tell whether they drift."""
    sids = encode(vectors, codebook)
    errors = measure_errors(vectors, sids, codebook)
    return {
        "mean_square": errors.mean_square,
        "mean_square_standard_error": errors.mean_square_standard_error,
        "symbol_counts": count_symbols(sids, codebook.width).tolist(),
    }


def _lineage(
    config: FitCodebook, embeddings: Source, sample: Sample, rows_used: int, run_id: str
) -> dict[str, Any]:
    return {
        "embeddings": embeddings.location,
        "embeddings_version": embeddings.version,
        "collection": config.collection,
        "rows_seen": sample.rows_seen,
        "rows_drawn": sample.rows_drawn,
        "rows_used": rows_used,
        "seed": config.seed,
        "run_id": run_id,
    }


def _summary(
    codebook: Codebook,
    config: FitCodebook,
    embeddings: Source,
    sample: Sample,
    metrics: dict[str, Any],
    *,
    added: bool,
) -> RunSummary:
    valid = len(sample.vectors)
    message = (
        f"codebook {codebook.codebook_id} {config.name!r} "
        f"{'appended' if added else 'was there already'}: {codebook.width} bytes a SID, "
        f"relative error {metrics['relative_error'][-1]:.3f} on {metrics['rows_held_out']:,} "
        f"held-out rows of {valid:,}"
    )
    return RunSummary(
        message,
        codebook_id=codebook.codebook_id,
        inputs={"embeddings": embeddings.label},
        rows_in=sample.rows_drawn,
        rows_out=valid,
        rows_rejected=sample.rows_drawn - valid,
        metrics=metrics,
    )

"""A fused codebook from a table: sample, train, measure on held-out rows, append with lineage."""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semantic_ids.codebook import Codebook, FusionSpec, count_symbols, encode, measure_errors
from semantic_ids.fusion import (
    FusionRows,
    measure_rows,
    read_codebook,
    train,
    train_rank,
    write_rows,
)
from semantic_ids.fusion_configs import TrainFusion
from semantic_ids.report import Training, training_page
from semantic_ids.spark.codebooks import append_codebook
from semantic_ids.spark.fusion_sample import FusionSample, draw_fusion_sample
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.progress import report_progress
from semantic_ids.spark.report_folder import write_page
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sampling import n_held_out
from semantic_ids.spark.sources import Source
from semantic_ids.spark.times import utc_text

__all__ = ["train_and_append"]

log = logging.getLogger("semantic_ids")


def train_and_append(
    config: TrainFusion,
    embeddings: Source,
    codebooks: Output,
    run_id: str,
    *,
    terminal: bool = False,
) -> RunSummary:
    """Train a fused codebook on a sample of the embeddings and append it.

    Parameters
    ----------
    terminal : bool
        Whether a bar can be drawn on standard error; log lines otherwise.

    Raises
    ------
    InputError
        If the sample is too small, or its values break a rule; in one sentence.
    ArtefactError
        If the checkpoint is of another spec or of other rows.
    """
    spec = FusionSpec.from_dict(config.spec)
    sample = draw_fusion_sample(
        embeddings,
        list(spec.collections),
        list(spec.categories),
        size=config.sample_size,
        seed=spec.seed,
        zero_is_missing=spec.zero_is_missing,
        binary_dtype=config.binary_dtype,
    )
    rows = FusionRows.of(sample.vectors, sample.categories, spec)
    n_kept = n_held_out(len(rows), config.holdout, "train on")
    held_out, training = rows.part(slice(n_kept)), rows.part(slice(n_kept, None))
    log.info("train_fusion: training on %s rows", f"{len(training):,}")
    codebook = _train(config, spec, training, embeddings, terminal=terminal)
    measured = measure_rows(held_out, codebook)
    metrics = {
        **measured,
        "rows_held_out": n_kept,
        "history": codebook.metrics["history"],
    }
    added = append_codebook(
        embeddings.rows.sparkSession,
        codebooks,
        codebook=codebook,
        name=config.name,
        lineage=_lineage(config, embeddings, sample, len(training), run_id),
        metrics={**metrics, **_held_out(held_out, codebook)},
    )
    shown = Training(
        name=config.name,
        codebook_id=codebook.codebook_id,
        history=codebook.metrics["history"],
        measured=measured,
        n_training=len(training),
        n_held_out=n_kept,
        embeddings=embeddings.label,
        run_id=run_id,
        trained_at=utc_text(),
    )
    files = write_page(Path(config.report.folder), training_page(shown), config.report.formats)
    return _summary(codebook, config, embeddings, sample, metrics, added=added, file=files[0])


def _train(
    config: TrainFusion, spec: FusionSpec, rows: FusionRows, embeddings: Source, *, terminal: bool
) -> Codebook:
    checkpoint = Path(config.checkpoint) if config.checkpoint else None
    show = report_progress(
        "train_fusion", n_bytes=0, n_rounds=spec.epochs + 1, terminal=terminal, measure="loss"
    )

    def report(measures: Mapping[str, Any]) -> None:
        show(f"epoch {measures['epoch']} of {spec.epochs}", measures["loss"])

    if config.processes == 1:
        return train(rows, spec, checkpoint=checkpoint, report=report)
    from pyspark.ml.torch.distributor import TorchDistributor

    master = embeddings.rows.sparkSession.sparkContext.master or "local"
    if checkpoint:
        checkpoint.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=checkpoint, prefix="rows-"))
    try:
        write_rows(folder, rows, spec)
        distributor = TorchDistributor(
            num_processes=config.processes, local_mode=master.startswith("local"), use_gpu=False
        )
        distributor.run(train_rank, str(folder), config.checkpoint)
        return read_codebook(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _held_out(rows: FusionRows, codebook: Codebook) -> dict[str, Any]:
    """Say what audit_quality compares later items with: symbols, and one collection's error."""
    sids = encode(rows.vectors, codebook)
    found: dict[str, Any] = {"symbol_counts": count_symbols(sids, codebook.width).tolist()}
    (first,) = codebook.leading.collections
    has = rows.present[first]
    if has.any():
        errors = measure_errors(rows.vectors[first][has], sids[has], codebook.leading)
        found |= {
            "relative_error": list(errors.relative or ()),
            "mean_square": errors.mean_square,
            "mean_square_standard_error": errors.mean_square_standard_error,
        }
    return found


def _lineage(
    config: TrainFusion, embeddings: Source, sample: FusionSample, rows_used: int, run_id: str
) -> dict[str, Any]:
    return {
        "embeddings": embeddings.location,
        "embeddings_version": embeddings.version,
        "spec": config.spec,
        "rows_seen": sample.rows_seen,
        "rows_drawn": sample.rows_drawn,
        "rows_used": rows_used,
        "run_id": run_id,
    }


def _summary(
    codebook: Codebook,
    config: TrainFusion,
    embeddings: Source,
    sample: FusionSample,
    metrics: dict[str, Any],
    *,
    added: bool,
    file: Path,
) -> RunSummary:
    n_valid = len(next(iter(sample.vectors.values())))
    known = {name: error for name, error in metrics["relative_errors"].items() if error is not None}
    errors = ", ".join(f"{name} {error:.3f}" for name, error in known.items())
    told = ", ".join(
        f"{name} {found['accuracy']:.1%}" for name, found in metrics["categories"].items()
    )
    message = (
        f"codebook {codebook.codebook_id} {config.name!r} "
        f"{'appended' if added else 'was there already'}: {codebook.width} bytes a SID; on "
        f"{metrics['rows_held_out']:,} held-out rows of {n_valid:,} relative error {errors}"
        f"{f'; accuracy {told}' if told else ''}; page in {file}"
    )
    return RunSummary(
        message,
        codebook_id=codebook.codebook_id,
        inputs={"embeddings": embeddings.label},
        rows_in=sample.rows_drawn,
        rows_out=n_valid,
        rows_rejected=sample.rows_drawn - n_valid,
        metrics=metrics,
    )

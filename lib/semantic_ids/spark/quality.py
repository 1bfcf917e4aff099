"""The quality audit: SIDs counted, a sample measured, a page put in its folder."""

import logging
from pathlib import Path
from typing import Any

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.report import Page, Quality, Shown, quality_headline, quality_page
from semantic_ids.spark.gate import hold_to, verdict_ending, verdict_metrics
from semantic_ids.spark.quality_draw import Drawn, draw_items
from semantic_ids.spark.quality_fused import measure_fused
from semantic_ids.spark.quality_inputs import QualityInputs
from semantic_ids.spark.quality_measures import measure
from semantic_ids.spark.quality_new import find_new_items
from semantic_ids.spark.report_folder import write_page
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sid_counts import count_items
from semantic_ids.spark.times import utc_text

__all__ = ["audit_quality"]

log = logging.getLogger("semantic_ids")


def audit_quality(config: AuditQuality, inputs: QualityInputs, run_id: str) -> RunSummary:
    """Measure the SIDs of a codebook and write the page.

    Raises
    ------
    TableError
        If the codebook has no item, SIDs that it never assigns or two of one item, an item_id that
        is null or no UTF-8, or no embedding of its length.
    ConfigError
        If the report's folder cannot be written; what stood there stays.
    """
    counts = count_items(inputs)
    log.info("audit_quality: %s items counted", f"{counts.n_items:,}")
    drawn = draw_items(
        inputs,
        counts,
        size=config.sample_items,
        binary_dtype=config.binary_dtype,
        label=config.label,
        categories=config.categories,
    )
    new = find_new_items(inputs, drawn.item_ids)
    log.info("audit_quality: measuring a sample of %s items", f"{drawn.n_sample:,}")
    shown = _shown(inputs, drawn, run_id)
    fused = measure_fused(inputs, drawn, binary_dtype=config.binary_dtype, n_queries=config.queries)
    quality = measure(config, inputs.filed, counts, drawn, new=new, shown=shown, fused=fused)
    page = quality_page(quality)
    files = write_page(Path(config.report.folder), page, config.report.formats)
    return hold_to(config.require, _summary(quality, page, inputs, files[0]), page, files[0])


def _shown(inputs: QualityInputs, drawn: Drawn, run_id: str) -> Shown:
    codebook = inputs.codebook
    return Shown(
        codebook_id=codebook.codebook_id,
        name=inputs.filed.name,
        stages=inputs.stages_in_words(),
        collection=inputs.collection,
        tables=tuple((source.name, source.label) for source in inputs.given()),
        run_id=run_id,
        measured_at=utc_text(),
        n_drawn=drawn.n_sample,
        n_valid=int(drawn.in_sample.sum()),
        n_missing=drawn.n_missing,
    )


def _summary(quality: Quality, page: Page, inputs: QualityInputs, file: Path) -> RunSummary:
    relative, recall, found = quality.errors.relative, quality.recall, quality.collisions
    metrics = {
        **verdict_metrics(page),
        "relative_error": list(relative) if relative else None,
        "cosine": quality.errors.cosine,
        "effective_bits": [byte.use.entropy_bits for byte in quality.bytes_],
        "sid_bits": found.entropy_bits,
        "sharing_share": found.sharing_share,
        "needless_share": quality.needless_share,
        "recall": recall.mean if recall else None,
        **_of_fused(quality),
        "drift": {each.who: each.ratio.ratio for each in quality.drifts if each.ratio},
    }
    return RunSummary(
        f"{quality_headline(quality)}; page in {file}{verdict_ending(page)}",
        codebook_id=quality.shown.codebook_id,
        inputs={source.name: source.label for source in inputs.given()},
        rows_in=quality.shown.n_drawn,
        rows_out=quality.shown.n_valid,
        rows_rejected=quality.shown.n_drawn - quality.shown.n_valid,
        metrics=metrics,
    )


def _of_fused(quality: Quality) -> dict[str, Any]:
    """Give the figures of each collection and category of a fused codebook."""
    fused = quality.fused
    if fused is None:
        return {}
    categories = {
        each.name: {"accuracy": each.accuracy, "cross_entropy": each.cross_entropy}
        for each in fused.categories
    }
    errors = {each.name: each.relative_error for each in fused.collections}
    return {"relative_errors": errors, "categories": categories}

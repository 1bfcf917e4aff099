"""The churn audit: items and events of both sides counted, a sample measured, a page written."""

import logging
from pathlib import Path

import pyarrow as pa

from semantic_ids.audit_configs import AuditChurn
from semantic_ids.report import (
    Churn,
    Compared,
    Counts,
    Page,
    SideShown,
    UserChurn,
    churn_headline,
    churn_page,
)
from semantic_ids.spark.churn_events import count_events
from semantic_ids.spark.churn_inputs import ChurnInputs, Side, files_there
from semantic_ids.spark.churn_items import PairedItems, count_items, draw_pairs
from semantic_ids.spark.churn_measures import Names, measure_churn
from semantic_ids.spark.drawing import look_up_readable
from semantic_ids.spark.gate import hold_to, verdict_ending, verdict_metrics
from semantic_ids.spark.report_folder import write_page
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.times import utc_text

__all__ = ["audit_churn"]

log = logging.getLogger("semantic_ids")


def audit_churn(config: AuditChurn, inputs: ChurnInputs, run_id: str) -> RunSummary:
    """Compare two states of SIDs and write the page.

    Raises
    ------
    TableError
        If a side has no item or event of its codebook, SIDs that it never assigns or two of one
        item, or files of its version are gone.
    ConfigError
        If the report's folder cannot be written; what stood there stays.
    """
    with files_there(inputs):
        items = count_items(inputs)
        log.info(
            "audit_churn: %s items before and %s after counted",
            f"{items.n_before:,}",
            f"{items.n_after:,}",
        )
        pairs = draw_pairs(inputs, items.n_both, config.sample_items)
        names = _names(config, inputs, pairs)
        events: tuple[Counts | None, UserChurn | None] = (None, None)
        if inputs.after.sequences:
            events = count_events(inputs)
    log.info("audit_churn: measuring a sample of %s items", f"{len(pairs.before):,}")
    compared = _compared(inputs, len(pairs.before), run_id)
    churn = measure_churn(config, inputs, (items, *events), pairs, names=names, compared=compared)
    page = churn_page(churn)
    files = write_page(Path(config.report.folder), page, config.report.formats)
    return hold_to(config.require, _summary(churn, page, inputs, files[0]), page, files[0])


def _names(config: AuditChurn, inputs: ChurnInputs, pairs: PairedItems) -> Names:
    """Look up titles and categories of the sample, null where there are none."""
    wanted = {"label": config.label} if config.label else {}
    wanted |= {f"category_{place}": name for place, name in enumerate(config.categories)}
    n_items = len(pairs.before)
    if not wanted or inputs.labels is None or not n_items:
        return [None] * n_items, [pa.nulls(n_items, pa.string()) for _ in config.categories]
    found = look_up_readable(inputs.labels, pairs.item_ids, wanted)
    titles = found["label"].to_pylist() if config.label else [None] * n_items
    columns = [found[name].combine_chunks() for name in wanted if name != "label"]
    return titles, columns


def _compared(inputs: ChurnInputs, n_sample: int, run_id: str) -> Compared:
    return Compared(
        before=_shown(inputs.before),
        after=_shown(inputs.after),
        tables=tuple((name, source.label) for name, source in inputs.given()),
        run_id=run_id,
        measured_at=utc_text(),
        n_sample=n_sample,
    )


def _shown(side: Side) -> SideShown:
    version = side.item_sids.delta_version
    return SideShown(
        codebook_id=side.codebook.codebook_id,
        name=side.filed.name,
        stages=side.stages_in_words(),
        version=side.item_sids.version if version is None else f"version {version}",
    )


def _summary(churn: Churn, page: Page, inputs: ChurnInputs, file: Path) -> RunSummary:
    items, events = churn.items, churn.events
    metrics = {
        **verdict_metrics(page),
        "before": churn.compared.before.codebook_id,
        "items": _numbers(items),
        "events": _numbers(events) if events else None,
        "mean_distance": churn.moves.mean if churn.moves else None,
        "neighbours_kept": churn.recall.mean if churn.recall else None,
    }
    return RunSummary(
        f"{churn_headline(churn)}; page in {file}{verdict_ending(page)}",
        codebook_id=churn.compared.after.codebook_id,
        inputs={name: source.label for name, source in inputs.given()},
        rows_in=items.n_before + items.n_after,
        rows_out=items.n_both,
        metrics=metrics,
    )


def _numbers(counts: Counts) -> dict[str, int | list[int] | None]:
    return {
        "before": counts.n_before,
        "after": counts.n_after,
        "moved": counts.n_moved,
        "new": counts.n_new,
        "gone": counts.n_gone,
        "first_bytes": list(counts.first_bytes),
    }

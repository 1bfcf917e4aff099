"""A quality audit as a page."""

from semantic_ids.report.page import Page
from semantic_ids.report.quality import Quality, Shown
from semantic_ids.report.quality_fused import fused_sections
from semantic_ids.report.quality_rules import findings, percent
from semantic_ids.report.quality_sample import (
    drift_sections,
    error_section,
    neighbour_section,
    purity_sections,
)
from semantic_ids.report.quality_symbols import symbol_sections

__all__ = ["quality_headline", "quality_page"]


def quality_page(quality: Quality) -> Page:
    """Give the page: the answer, the verdict and its rules, then each measure."""
    sections = (
        *fused_sections(quality.fused),
        error_section(quality),
        *symbol_sections(quality),
        *([neighbour_section(quality.recall)] if quality.recall else []),
        *purity_sections(quality.purities),
        *drift_sections(quality.drifts),
    )
    return Page(
        job="audit_quality",
        title=f"How good the SIDs of codebook {quality.shown.name} are",
        headline=f"{quality_headline(quality)}.",
        facts=_facts(quality.shown, quality.collisions.n_items),
        sections=sections,
        findings=findings(quality),
        not_measured=quality.not_measured,
    )


def quality_headline(quality: Quality) -> str:
    """Say in one sentence, without its full stop, what a SID keeps."""
    width, relative, recall = quality.width, quality.errors.relative, quality.recall
    kept = []
    if relative:
        kept.append(f"{percent(1 - relative[-1])} of the embeddings' variance")
    if recall:
        kept.append(f"{percent(recall.mean)} of an item's {recall.k} nearest neighbours")
    bytes_ = "1 byte" if width == 1 else f"{width} bytes"
    keep = f"{bytes_} an item keep{'s' if width == 1 else ''} {' and '.join(kept)}; "
    found = quality.collisions
    items = "1 item" if found.n_items == 1 else f"{found.n_items:,} items"
    return (
        f"{keep if kept else ''}{percent(found.sharing_share)} of the {items} share their SID "
        "with another"
    )


def _facts(shown: Shown, n_items: int) -> tuple[tuple[str, str], ...]:
    invalid = shown.n_drawn - shown.n_valid - shown.n_missing
    gaps = [
        f"{n:,} {what}"
        for n, what in (
            (shown.n_missing, "are not in embeddings"),
            (invalid, "have no embedding that the codebook takes"),
        )
        if n
    ]
    return (
        ("Codebook", f"{shown.name} ({shown.codebook_id}): {shown.stages}, of {shown.collection}"),
        ("Items", f"{n_items:,}, all counted for symbols and collisions"),
        (
            "Sample",
            f"{shown.n_drawn:,} items drawn by hash of item_id for all else"
            + (f"; {' and '.join(gaps)}" if gaps else ""),
        ),
        *((name, label) for name, label in shown.tables),
        ("Run", f"{shown.run_id}, {shown.measured_at} UTC"),
    )

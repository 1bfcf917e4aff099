"""When churn is good, to be watched, or to be acted on."""

from collections.abc import Iterator

from semantic_ids.report.churn import Churn, Counts
from semantic_ids.report.page import Finding
from semantic_ids.report.quality_rules import FEW_ITEMS, above, below, percent

__all__ = ["churn_findings"]

# docs/audits/churn.md says what these rest on
MOVED = (0.05, 0.25)
GONE = (0.01, 0.10)
NEIGHBOURS = (0.30, 0.15)


def churn_findings(churn: Churn) -> tuple[Finding, ...]:
    """Give a finding for each rule whose value was measured."""
    found = [*_neighbours(churn), *_counts("items", churn.items)]
    if churn.events:
        found += _counts("events", churn.events)
    return tuple(found)


def _counts(noun: str, counts: Counts) -> Iterator[Finding]:
    if counts.moved_share is not None:
        yield Finding(
            above(counts.moved_share, MOVED),
            f"{noun} moved: act above {percent(MOVED[1])}, watch above {percent(MOVED[0])}",
            f"{percent(counts.moved_share)} of the {noun} on both sides have another SID: what was "
            "learned of the old ones does not hold for them.",
        )
    if counts.gone_share is not None:
        yield Finding(
            above(counts.gone_share, GONE),
            f"{noun} gone: act above {percent(GONE[1])}, watch above {percent(GONE[0])}",
            f"{percent(counts.gone_share)} of the {noun} before are there no more.",
        )


def _neighbours(churn: Churn) -> Iterator[Finding]:
    """Judge two codebooks; the items of one that moved are judged by their number."""
    recall = churn.recall
    if churn.compared.is_one_codebook or recall is None or recall.n_items < FEW_ITEMS:
        return
    yield Finding(
        below(recall.mean, NEIGHBOURS),
        f"neighbours: act below {percent(NEIGHBOURS[1])} kept, watch below "
        f"{percent(NEIGHBOURS[0])}",
        f"{percent(recall.mean)} of an item's {recall.k} nearest by the codebook before are among "
        "its nearest by the codebook after.",
    )

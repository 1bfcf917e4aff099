"""A churn audit as a page."""

from semantic_ids.report.churn import Churn, Counts, SideShown
from semantic_ids.report.churn_counts import event_sections, item_sections
from semantic_ids.report.churn_rules import churn_findings
from semantic_ids.report.churn_sample import sample_sections
from semantic_ids.report.page import Page
from semantic_ids.report.quality_rules import percent

__all__ = ["churn_headline", "churn_page"]


def churn_page(churn: Churn) -> Page:
    """Give the page: the answer, the verdict and its rules, then items, the sample and events."""
    compared = churn.compared
    what = compared.after.name
    if compared.is_one_codebook:
        title = f"What moved in the SIDs of codebook {what}"
    else:
        title = f"What moved from codebook {compared.before.name} to {what}"
    return Page(
        job="audit_churn",
        title=title,
        headline=f"{churn_headline(churn)}.",
        facts=_facts(churn),
        sections=(*item_sections(churn), *sample_sections(churn), *event_sections(churn)),
        findings=churn_findings(churn),
        not_measured=churn.not_measured,
    )


def churn_headline(churn: Churn) -> str:
    """Say in one sentence, without its full stop, what moved."""
    items, said = churn.items, ""
    if items.moved_share is not None:
        said = f"{percent(items.moved_share)} of {_count(items.n_both, 'item')} moved; "
    elif churn.recall:
        said = (
            f"Items keep {percent(churn.recall.mean)} of their {churn.recall.k} nearest neighbours"
        )
        if churn.moves:
            said += f" and move by {churn.moves.mean:.2f} radii on average"
        said += "; "
    said += _new_and_gone(items, "item")
    if churn.events:
        said += "; "
        if churn.events.moved_share is not None:
            said += f"{percent(churn.events.moved_share)} of the events moved, "
        said += _new_and_gone(churn.events, "event")
    return said


def _new_and_gone(counts: Counts, noun: str) -> str:
    return f"{_count(counts.n_new, noun)} new, {counts.n_gone:,} gone"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _facts(churn: Churn) -> tuple[tuple[str, str], ...]:
    compared, items = churn.compared, churn.items
    if compared.is_one_codebook:
        sides = [
            ("Codebook", _codebook(compared.after)),
            ("Before", f"item_sids at {compared.before.version}"),
            ("After", f"item_sids at {compared.after.version}"),
        ]
    else:
        sides = [("Before", _codebook(compared.before)), ("After", _codebook(compared.after))]
    return (
        *sides,
        (
            "Items",
            f"{items.n_before:,} before and {items.n_after:,} after, all compared by item_id",
        ),
        *_of_events(churn.events),
        (
            "Sample",
            f"{compared.n_sample:,} of the {items.n_both:,} items on both sides, drawn by hash of "
            "item_id, for distances, neighbours and categories",
        ),
        *compared.tables,
        ("Run", f"{compared.run_id}, {compared.measured_at} UTC"),
    )


def _codebook(side: SideShown) -> str:
    return f"{side.name} ({side.codebook_id}): {side.stages}"


def _of_events(events: Counts | None) -> tuple[tuple[str, str], ...]:
    if events is None:
        return ()
    return (
        (
            "Events",
            f"{events.n_before:,} before and {events.n_after:,} after, all compared by user and "
            "time",
        ),
    )

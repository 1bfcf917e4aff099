"""A churn audit as a page."""

from semantic_ids.report.churn import Churn, Compared, Counts, SideShown
from semantic_ids.report.churn_counts import count_sections
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
        facts=_facts(compared),
        sections=(
            *count_sections("items", churn.items, churn.users),
            *sample_sections(churn),
            *(count_sections("events", churn.events, churn.users) if churn.events else ()),
        ),
        findings=churn_findings(churn),
        not_measured=churn.not_measured,
    )


def churn_headline(churn: Churn) -> str:
    """Say in one sentence, without its full stop, what moved."""
    items, parts = churn.items, []
    if items.moved_share is not None:
        parts.append(f"{percent(items.moved_share)} of {_items(items.n_both)} have another SID")
    if not churn.compared.is_one_codebook and churn.recall:
        parts.append(
            f"items keep {percent(churn.recall.mean)} of their {churn.recall.k} nearest neighbours"
        )
    if not churn.compared.is_one_codebook and churn.moves:
        parts.append(f"move by {churn.moves.mean:.2f} radii of the catalogue on average")
    said = " and ".join(parts)
    new_and_gone = f"{_are(items.n_new)} new and {_are(items.n_gone)} gone"
    events = f"; {_events(churn.events)}" if churn.events else ""
    return f"{said}{'; ' if said else ''}{new_and_gone}{events}"

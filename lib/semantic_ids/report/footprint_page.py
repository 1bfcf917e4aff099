"""A footprint as a page."""

from collections.abc import Iterator

from semantic_ids.report.footprint import Footprint, Sample
from semantic_ids.report.footprint_compared import compared_sections
from semantic_ids.report.footprint_growth import LEAST_DAYS, LEAST_MOMENTS, History
from semantic_ids.report.footprint_rules import findings
from semantic_ids.report.footprint_serving import serving_sections
from semantic_ids.report.footprint_tables import table_sections
from semantic_ids.report.page import Page
from semantic_ids.report.table_size import TableSize

__all__ = ["footprint_headline", "footprint_page"]


def footprint_page(footprint: Footprint) -> Page:
    """Give the page: the answer, the verdict and its rules, then each measure."""
    return Page(
        job="audit_footprint",
        title="What items and events weigh on disk",
        headline=f"{_capital(footprint_headline(footprint))}.",
        facts=tuple(_facts(footprint)),
        sections=(
            *compared_sections(footprint),
            *serving_sections(footprint),
            *table_sections(footprint),
        ),
        findings=findings(footprint),
        not_measured=tuple(_not_measured(footprint)),
    )


def footprint_headline(footprint: Footprint) -> str:
    """Say in one sentence, without its full stop, what an event costs, or else what an item does.

    Against the alternatives, where there are such.
    """
    comparison = footprint.events
    if comparison is None:
        sizes = (f"{t.name} {t.bytes_per_unit:,.2f} per {t.unit}" for t in footprint.tables)
        return f"bytes on disk: {', '.join(sizes)}"
    ours, *others = comparison.arms
    said = [f"{ours.title} {comparison.bytes_per_unit(ours):,.2f}"]
    for arm in others:
        size = f"{comparison.bytes_per_unit(arm):,.2f}"
        said.append(f"{arm.title} {size} ({comparison.ratio(arm):,.1f}x)")
    return f"bytes per event on disk: {', '.join(said)}"


def _facts(footprint: Footprint) -> Iterator[tuple[str, str]]:
    if footprint.sample:
        yield "Sample", _sample(footprint.sample)
        if footprint.sample.codebook_id:
            yield "Codebook", _codebook(footprint, footprint.sample.codebook_id)
        yield "Written as", footprint.settings
    for table in footprint.tables:
        yield table.name, f"{table.location}@{table.version}"
    yield "Run", f"{footprint.run_id}, {footprint.measured_at} UTC"


def _codebook(footprint: Footprint, codebook_id: str) -> str:
    name = footprint.codebook_names.get(codebook_id)
    return f"{name} ({codebook_id})" if name else codebook_id


def _sample(sample: Sample) -> str:
    users = "1 user" if sample.n_users == 1 else f"{sample.n_users:,} users"
    events = "1 event" if sample.n_events == 1 else f"{sample.n_events:,} events"
    if sample.is_whole:
        text = f"none: all {events} of {users} in {sample.source}"
    else:
        text = (
            f"{events} of {users}, whole users drawn by hash of user_id from the "
            f"{sample.n_events_total:,} events of {sample.source}"
        )
    if sample.n_left_out:
        text += (
            f"; {sample.n_left_out:,} events of these users are left out: their items lack a SID "
            "or an embedding"
        )
    return f"{text}; in the order of user, time and item, one row a user"


def _not_measured(footprint: Footprint) -> Iterator[str]:
    """Say what the inputs given leave open, and which inputs would answer it."""
    names = {arm.name for arm in footprint.events.arms} if footprint.events else set()
    if not footprint.events:
        yield "Bytes per event: give sequences, or events with item_sids."
    elif "item_ids" not in names:
        yield "Item ids, and alternatives per item: give events with item_sids."
    if "float32" not in names:
        yield (
            "int8, float16 and float32 embeddings: give embeddings and collection, with events "
            "and item_sids."
        )
    for name in ("sequences", "item_sids", "embeddings"):
        if footprint.table(name) is None:
            yield f"What the table {name} weighs: give {name}."
    for table in footprint.tables:
        if table.name != "embeddings" and not (table.history and table.history.is_long_enough):
            yield _short_history(table)
    if not footprint.codebook_names:
        yield "What people call the codebooks, and whether they assign these SIDs: give codebooks."
    if not footprint.ne:
        yield (
            "NE gain per byte: runs holds no result of evaluate_ne; run that job with the same "
            "runs table, and give runs here."
        )
    yield from footprint.not_measured


def _short_history(table: TableSize) -> str:
    history = table.history or History("version", 0, 0.0)
    noun = history.kind if history.n_found == 1 else f"{history.kind}s"
    return (
        f"When {table.name} will have grown to the target: its history is too short, "
        f"{history.n_found} {noun} over {history.n_days:.1f} days; {LEAST_MOMENTS} with rows over "
        f"{LEAST_DAYS:.0f} days are needed."
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]

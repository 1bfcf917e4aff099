"""The footprint audit: tables measured, alternatives written, a report put in its folder."""

import datetime
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from semantic_ids.audit_configs import AuditFootprint
from semantic_ids.report import Footprint, Sample, TableSize, headline, to_json, to_markdown
from semantic_ids.spark.footprint_arms import (
    ARM_FILES,
    SETTINGS,
    distribution,
    fits_float16,
    write_event_arms,
    write_item_arms,
    write_timestamps,
)
from semantic_ids.spark.footprint_draw import draw_events, draw_segments, read_vectors
from semantic_ids.spark.footprint_inputs import (
    Inputs,
    SequenceTotals,
    count_rows,
    count_sequences,
    sid_layout,
)
from semantic_ids.spark.footprint_sample import EventSample, from_events, from_segments
from semantic_ids.spark.footprint_sizes import measure_table
from semantic_ids.spark.report_folder import staged_files
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sources import Source

__all__ = ["audit_footprint"]

log = logging.getLogger("semantic_ids")

MARKDOWN, JSON = "footprint.md", "footprint.json"


@dataclass(frozen=True)
class _Drawn:
    """The sample, the table it comes from, the events of that table, and their codebook."""

    sample: EventSample
    source: str
    n_events_total: int
    codebook_id: str


def audit_footprint(config: AuditFootprint, inputs: Inputs, run_id: str) -> RunSummary:
    """Measure the tables, write the alternatives and the report.

    Raises
    ------
    TableError
        If a table is empty, or its rows are not what its name says.
    ConfigError
        If the report's folder cannot be written; what stood there stays.
    """
    totals = count_sequences(inputs.sequences) if inputs.sequences else None
    tables = _measure(inputs, totals)
    sizes = (f"{table.name} {table.size_bytes:,} bytes" for table in tables)
    log.info("audit_footprint: %s", ", ".join(sizes))
    drawn = _draw(config, inputs, totals)
    measured_at = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}"
    footprint = Footprint(run_id, measured_at, SETTINGS, tables)
    folder = Path(config.report.folder)
    with staged_files(folder, ARM_FILES) as scratch:
        if drawn:
            footprint = _compare(footprint, drawn, scratch)
        (scratch / MARKDOWN).write_text(to_markdown(footprint), encoding="utf-8")
        (scratch / JSON).write_text(to_json(footprint), encoding="utf-8")
    return _summary(footprint, inputs, drawn, folder / MARKDOWN)


def _measure(inputs: Inputs, totals: SequenceTotals | None) -> tuple[TableSize, ...]:
    tables = []
    if inputs.sequences and totals:
        rows, events = totals.n_segments, totals.n_events
        tables.append(measure_table(inputs.sequences, unit="event", n_rows=rows, n_units=events))
    for source in (inputs.item_sids, inputs.embeddings):
        if source:
            rows = count_rows(source)
            tables.append(measure_table(source, unit="item", n_rows=rows, n_units=rows))
    return tuple(tables)


def _draw(config: AuditFootprint, inputs: Inputs, totals: SequenceTotals | None) -> _Drawn | None:
    """Take the sample from events with item_sids, else from sequences, else not at all."""
    if inputs.events and inputs.item_sids:
        return _draw_events(config, inputs.events, inputs.item_sids, inputs.embeddings, totals)
    if inputs.sequences and totals:
        segments = draw_segments(
            inputs.sequences, total=totals.n_events, n_events=config.sample_events
        )
        return _Drawn(
            from_segments(segments), inputs.sequences.label, totals.n_events, totals.codebook_id
        )
    return None


def _draw_events(
    config: AuditFootprint,
    events: Source,
    item_sids: Source,
    embeddings: Source | None,
    totals: SequenceTotals | None,
) -> _Drawn:
    codebook_id, width = sid_layout(item_sids, totals)
    rows, n_events_total = draw_events(
        events, item_sids, codebook_id=codebook_id, n_events=config.sample_events
    )
    vectors = None
    if embeddings and config.collection:
        vectors = read_vectors(
            embeddings,
            config.collection,
            item_ids=rows.column("item_id").unique(),
            binary_dtype=config.binary_dtype,
        )
    sample = from_events(rows, width, vectors)
    return _Drawn(sample, events.label, n_events_total, codebook_id)


def _compare(footprint: Footprint, drawn: _Drawn, folder: Path) -> Footprint:
    sample = drawn.sample
    log.info("audit_footprint: writing %s events each way", f"{len(sample.symbols):,}")
    vectors = sample.items.vectors if sample.items else None
    n_sids, entropy_bytes = distribution(sample.symbols)
    return replace(
        footprint,
        sample=Sample(
            source=drawn.source,
            n_users=sample.n_users,
            n_events=len(sample.symbols),
            n_events_total=drawn.n_events_total,
            n_left_out=sample.n_left_out,
            n_sids=n_sids,
            width=sample.symbols.shape[1],
            entropy_bytes=entropy_bytes,
            timestamps=write_timestamps(sample, folder),
            float16_source=vectors is not None and fits_float16(vectors),
        ),
        events=write_event_arms(sample, folder),
        items=write_item_arms(sample.items, folder) if sample.items else None,
    )


def _summary(
    footprint: Footprint, inputs: Inputs, drawn: _Drawn | None, report: Path
) -> RunSummary:
    sample, events = footprint.sample, footprint.events
    metrics = {arm.name: events.bytes_per_unit(arm) for arm in events.arms} if events else {}
    return RunSummary(
        f"{headline(footprint)}; report in {report}",
        codebook_id=drawn.codebook_id if drawn else None,
        inputs={source.name: source.label for source in inputs.given()},
        rows_in=sample.n_events + sample.n_left_out if sample else None,
        rows_out=sample.n_events if sample else None,
        rows_rejected=sample.n_left_out if sample else None,
        size_bytes=sum(table.size_bytes for table in footprint.tables),
        metrics={"bytes_per_event": metrics},
    )

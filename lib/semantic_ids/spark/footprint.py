"""The footprint audit: tables measured, alternatives written, a page put in its folder."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from semantic_ids.audit_configs import AuditFootprint
from semantic_ids.report import (
    Footprint,
    Page,
    Sample,
    Serving,
    SidLoss,
    TableSize,
    footprint_headline,
    footprint_page,
)
from semantic_ids.spark.footprint_arms import (
    ARM_FILES,
    SETTINGS,
    write_event_arms,
    write_item_arms,
    write_timestamps,
)
from semantic_ids.spark.footprint_draw import draw_events, draw_segments, read_vectors
from semantic_ids.spark.footprint_inputs import (
    Inputs,
    SequenceTotals,
    count_sequences,
    dim_of,
    of_codebook,
)
from semantic_ids.spark.footprint_runs import read_loss
from semantic_ids.spark.footprint_sample import (
    EventSample,
    Vectors,
    from_events,
    from_segments,
)
from semantic_ids.spark.footprint_sids import (
    ComparedSids,
    compared_sids,
    names_of_codebooks,
    require_assigned,
)
from semantic_ids.spark.footprint_tables import items_of, measure_tables
from semantic_ids.spark.footprint_ways import distribution, fits_float16
from semantic_ids.spark.gate import hold_to, verdict_ending, verdict_metrics
from semantic_ids.spark.report_folder import page_files, stage_page, staged_files
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.times import utc_text

__all__ = ["audit_footprint"]

log = logging.getLogger("semantic_ids")


@dataclass(frozen=True)
class _Drawn:
    """The sample, the table it comes from, the events of that table, and their codebook."""

    sample: EventSample
    source: str
    n_events_total: int
    codebook_id: str | None


def audit_footprint(config: AuditFootprint, inputs: Inputs, run_id: str) -> RunSummary:
    """Measure the tables, write the alternatives and the page.

    Raises
    ------
    TableError
        If a table is empty, or its rows are not what its name says.
    ConfigError
        If the report's folder cannot be written; what stood there stays.
    """
    totals = count_sequences(inputs.sequences) if inputs.sequences else None
    compared = compared_sids(inputs, totals)
    drawn = _draw(config, inputs, totals, compared)
    tables = measure_tables(inputs, totals, compared.codebook_id if drawn else None)
    sizes = (f"{table.name} {table.size_bytes:,} bytes" for table in tables)
    log.info("audit_footprint: %s", ", ".join(sizes))
    footprint = Footprint(
        run_id=run_id,
        measured_at=utc_text(),
        settings=SETTINGS,
        price_per_tb_month=config.price_per_tb_month,
        tables=tables,
        serving=_serving(config, inputs, tables, compared),
        codebook_names=names_of_codebooks(inputs.codebooks),
        loss=_loss(config, inputs, compared),
        ne=inputs.ne,
        not_measured=tuple(_gaps(inputs, totals)),
    )
    folder = Path(config.report.folder)
    with staged_files(folder, (*ARM_FILES, *page_files("audit_footprint"))) as scratch:
        if drawn:
            footprint = _compare(footprint, drawn, scratch)
        page = footprint_page(footprint)
        files = stage_page(scratch, page, config.report.formats)
    file = folder / files[0]
    return hold_to(config.require, _summary(footprint, page, inputs, file), page, file)


def _draw(
    config: AuditFootprint,
    inputs: Inputs,
    totals: SequenceTotals | None,
    compared: ComparedSids,
) -> _Drawn | None:
    """Take the sample from events with item_sids, else from sequences, else not at all."""
    if inputs.events and inputs.item_sids and compared.codebook_id and compared.width:
        codebook_id, n_events = compared.codebook_id, config.sample_events
        rows, n_events_total = draw_events(
            inputs.events, inputs.item_sids, codebook_id=codebook_id, n_events=n_events
        )
        sample = from_events(rows, compared.width, _vectors(config, inputs, rows))
        return _Drawn(sample, inputs.events.label, n_events_total, codebook_id)
    if inputs.sequences and totals:
        total = totals.n_events_of_codebook
        its = of_codebook(inputs.sequences, totals.codebook_id)
        sample = from_segments(draw_segments(its, total=total, n_events=config.sample_events))
        require_assigned(inputs.sequences, sample, compared)
        return _Drawn(sample, inputs.sequences.label, total, totals.codebook_id)
    return None


def _vectors(config: AuditFootprint, inputs: Inputs, events: pa.Table) -> Vectors | None:
    """Read the embeddings of the items of some events, where there is a table of them."""
    if not (inputs.embeddings and config.collection):
        return None
    return read_vectors(
        inputs.embeddings,
        config.collection,
        item_ids=events.column("item_id").unique(),
        binary_dtype=config.binary_dtype,
    )


def _serving(
    config: AuditFootprint, inputs: Inputs, tables: tuple[TableSize, ...], compared: ComparedSids
) -> Serving | None:
    if compared.width is None:
        return None
    dim, collection = compared.dim_of(config.collection), config.collection
    if dim is None and inputs.embeddings and collection:
        dim = dim_of(inputs.embeddings, collection, binary_dtype=config.binary_dtype)
    n_items = items_of(tables, compared.codebook_id)
    return Serving(compared.width, dim, n_items, config.learned_rows, config.learned_dim)


def _loss(config: AuditFootprint, inputs: Inputs, compared: ComparedSids) -> SidLoss | None:
    if compared.codebook_id is None:
        return None
    spark = inputs.given()[0].rows.sparkSession
    return read_loss(spark, config.runs, compared.codebook_id, config.collection)


def _gaps(inputs: Inputs, totals: SequenceTotals | None) -> list[str]:
    if totals and totals.n_codebooks > 1 and not inputs.events:
        return [
            f"Bytes per event of the other codebooks: sequences holds SIDs of "
            f"{totals.n_codebooks:,}, and those of most events, {totals.codebook_id}, are compared."
        ]
    return []


def _compare(footprint: Footprint, drawn: _Drawn, folder: Path) -> Footprint:
    sample = drawn.sample
    n_events = len(sample.symbols)
    log.info("audit_footprint: writing %s events each way", f"{n_events:,}")
    vectors = sample.items.vectors if sample.items else None
    n_sids, entropy_bytes = distribution(sample.symbols)
    sampled = min(1.0, (n_events + sample.n_left_out) / drawn.n_events_total)
    items = None
    if sample.items:
        n_items = items_of(footprint.tables, drawn.codebook_id) or len(sample.items.ids)
        share = min(1.0, len(sample.items.ids) / n_items)
        items = write_item_arms(sample.items, folder, sampled=share)
    return replace(
        footprint,
        sample=Sample(
            source=drawn.source,
            codebook_id=drawn.codebook_id,
            n_users=sample.n_users,
            n_events=n_events,
            n_events_total=drawn.n_events_total,
            n_left_out=sample.n_left_out,
            n_sids=n_sids,
            width=sample.symbols.shape[1],
            entropy_bytes=entropy_bytes,
            timestamps=write_timestamps(sample, folder, sampled=sampled),
            float16_source=vectors is not None and fits_float16(vectors),
        ),
        events=write_event_arms(sample, folder, sampled=sampled),
        items=items,
    )


def _summary(footprint: Footprint, page: Page, inputs: Inputs, file: Path) -> RunSummary:
    sample, events = footprint.sample, footprint.events
    sizes = {arm.name: events.bytes_per_unit(arm) for arm in events.arms} if events else {}
    return RunSummary(
        f"{footprint_headline(footprint)}; page in {file}{verdict_ending(page)}",
        codebook_id=sample.codebook_id if sample else None,
        inputs={source.name: source.label for source in inputs.given()},
        rows_in=sample.n_events + sample.n_left_out if sample else None,
        rows_out=sample.n_events if sample else None,
        rows_rejected=sample.n_left_out if sample else None,
        size_bytes=sum(table.size_bytes for table in footprint.tables),
        metrics={
            **verdict_metrics(page),
            "bytes_per_event": sizes,
            "entropy_bytes_per_event": sample.entropy_bytes if sample else None,
        },
    )

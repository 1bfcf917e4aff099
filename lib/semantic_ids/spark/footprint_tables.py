"""The tables of a footprint, each with its columns, days, codebooks and history."""

from collections.abc import Iterator
from dataclasses import replace

from pyspark.sql import Column
from pyspark.sql import functions as F

from semantic_ids.report import TableSize
from semantic_ids.spark.footprint_history import history_of
from semantic_ids.spark.footprint_inputs import Inputs, SequenceTotals, count_rows
from semantic_ids.spark.footprint_parts import parts_of
from semantic_ids.spark.footprint_sizes import measure_table
from semantic_ids.spark.sources import Source

__all__ = ["items_of", "measure_tables"]


def measure_tables(
    inputs: Inputs, totals: SequenceTotals | None, codebook_id: str | None
) -> tuple[TableSize, ...]:
    """Measure the tables given; their growth by the rows of one codebook, or by all.

    Raises
    ------
    TableError
        If one is empty, or a file of it cannot be read.
    """
    return tuple(_measure(inputs, totals, codebook_id))


def _measure(
    inputs: Inputs, totals: SequenceTotals | None, codebook_id: str | None
) -> Iterator[TableSize]:
    if inputs.sequences and totals:
        rows, events = totals.n_segments, totals.n_events
        table = measure_table(inputs.sequences, unit="event", n_rows=rows, n_units=events)
        yield _in_parts(inputs.sequences, table, F.col("n_events"), codebook_id)
    for source in (inputs.item_sids, inputs.embeddings):
        if source:
            rows = count_rows(source)
            table = measure_table(source, unit="item", n_rows=rows, n_units=rows)
            kept = codebook_id if source is inputs.item_sids else None
            yield _in_parts(source, table, F.lit(1), kept)


def _in_parts(
    source: Source, table: TableSize, weight: Column, codebook_id: str | None
) -> TableSize:
    parts = parts_of(source, weight)
    history = history_of(source, weight, codebook_id=codebook_id, days=parts.days)
    return replace(table, days=parts.days, codebooks=parts.codebooks, history=history)


def items_of(tables: tuple[TableSize, ...], codebook_id: str | None) -> int | None:
    """Tell the items of a catalogue: those of a codebook, or the rows of a table of items."""
    for table in tables:
        for part in table.codebooks:
            if table.unit == "item" and part.name == codebook_id:
                return part.n_units
    return max((table.n_units for table in tables if table.unit == "item"), default=None)

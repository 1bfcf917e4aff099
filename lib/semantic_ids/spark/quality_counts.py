"""One pass over the SIDs of a codebook: counts by task, added up by part, in flat memory."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semantic_ids.codebook import Codebook, SidCounts
from semantic_ids.errors import TableError
from semantic_ids.spark.quality_inputs import QualityInputs

__all__ = ["count_items", "count_sids"]

_PARTS = pa.schema([("part", pa.int32()), ("counts", pa.binary())])
_NO_SID = -1  # no codebook assigns it


def count_items(inputs: QualityInputs) -> SidCounts:
    """Count the items of the codebook by what their SIDs are.

    Raises
    ------
    TableError
        If the codebook has no item, or SIDs that it never assigns.
    """
    table, codebook = inputs.item_sids, inputs.codebook
    counts = count_sids(inputs.sids(), codebook)
    for lowest, n_rows in counts.unassigned:
        raise TableError(
            f"item_sids: the SIDs of codebook {codebook.codebook_id} in {table.location} must be "
            f"some that it assigns, got {n_rows:,} others (a null counts as {_NO_SID}), "
            f"the lowest {lowest}"
        )
    if not counts.n_items:
        raise TableError(
            f"item_sids: {table.location} has no SID of codebook {codebook.codebook_id}: "
            "run quantize_items with it first"
        )
    return counts


def count_sids(rows: DataFrame, codebook: Codebook) -> SidCounts:
    """Count rows by `sid`.

    Equal SIDs meet in one task, which counts each once, with its items; then each part of the
    counts, such as the table of two bytes, is added up in one task.
    """
    layout = codebook.layout

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counts = SidCounts(layout)
        for batch in batches:
            counts.add(pc.fill_null(batch.column(0), _NO_SID), batch.column(1))
        yield _to_batch(counts.parts())

    def add_up(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counts, seen = SidCounts(layout), set()
        for batch in batches:
            seen |= _add_to(counts, batch)
        yield _to_batch(part for part in counts.parts() if part[0] in seen)

    grouped = rows.groupBy("sid").agg(F.count(F.lit(1)).alias("n_items"))
    schema = "part int, counts binary"
    parts = grouped.mapInArrow(count, schema).repartition("part").mapInArrow(add_up, schema)
    total = SidCounts(layout)
    for row in parts.toLocalIterator():
        total.add_part(row["part"], bytes(row["counts"]))
    return total


def _add_to(counts: SidCounts, batch: pa.RecordBatch) -> set[int]:
    numbers: list[int] = batch.column(0).to_pylist()
    for number, part in zip(numbers, batch.column(1), strict=True):
        counts.add_part(number, part.as_py())
    return set(numbers)


def _to_batch(parts: Iterable[tuple[int, bytes]]) -> pa.RecordBatch:
    rows = [{"part": number, "counts": counts} for number, counts in parts]
    return pa.RecordBatch.from_pylist(rows, _PARTS)

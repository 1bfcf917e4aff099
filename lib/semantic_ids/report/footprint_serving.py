"""The sections of a footprint about what follows downstream: memory of a service, NE per byte."""

from collections.abc import Iterator

from semantic_ids.report.footprint import Footprint, NeRun, Serving
from semantic_ids.report.footprint_growth import TARGETS
from semantic_ids.report.page import Chart, Column, Section, Table, Value

__all__ = ["serving_sections"]

_SYMBOLS = 256
_FLOAT32, _FLOAT16, _INT8, _SID = 4, 2, 1, 8


def serving_sections(footprint: Footprint) -> Iterator[Section]:
    """Give the sections for which there are values."""
    if footprint.serving:
        yield _serving(footprint.serving)
    if footprint.ne:
        yield _ne(footprint.ne)


def _serving(serving: Serving) -> Section:
    columns = (
        Column("what", "what a service keeps in memory"),
        Column("of", "of"),
        Column("size_bytes", "for the items here", "bytes"),
        Column("target_bytes", "for 10⁹ items", "bytes"),
    )
    notes = [
        "Decode tables are computed from the codebook and are the same for any number of items. "
        "The SIDs themselves need not be kept where events bring them.",
        "An optimiser keeps two more values for each of a learned table while it trains; decode "
        "tables are not trained.",
    ]
    if serving.dim is None:
        notes.append(
            "Decode tables are left out, for want of the length of a decoded vector: give "
            "codebooks, or embeddings and collection."
        )
    return Section(
        "serving",
        "What serving needs in memory",
        "What must be in memory to turn an item into a vector: decode tables do not grow with the "
        "catalogue, the others do or make items share rows.",
        Table(columns, tuple(_memory(serving))),
        Chart("barh", "what", ("target_bytes",), "bytes in memory for 10⁹ items", log_y=True),
        tuple(notes),
    )


def _memory(serving: Serving) -> Iterator[tuple[Value, ...]]:
    dim = serving.dim
    if dim is not None:
        tables = serving.width * _SYMBOLS * dim * _FLOAT32
        yield "decode tables", f"{serving.width} x 256 rows of {dim:,} float32", tables, tables
    yield _per_item(serving, "SIDs of all items", "a bigint each", _SID)
    hashed = serving.learned_rows * serving.learned_dim * _FLOAT32
    values = f"{serving.learned_dim:,} float32"
    yield "learned table, hashed", f"{serving.learned_rows:,} rows of {values}", hashed, hashed
    row_bytes = serving.learned_dim * _FLOAT32
    yield _per_item(serving, "learned table, a row an item", f"rows of {values}", row_bytes)
    if dim is None:
        return
    for kind, size, scale in (("int8", _INT8, 4), ("float16", _FLOAT16, 0), ("float32", 4, 0)):
        of = f"{dim:,} values" + (" and a scale" if scale else "")
        yield _per_item(serving, f"{kind} vectors of all items", of, dim * size + scale)


def _per_item(serving: Serving, what: str, of: str, each: int) -> tuple[Value, ...]:
    here = None if serving.n_items is None else serving.n_items * each
    return what, of, here, TARGETS["item"] * each


def _ne(run: NeRun) -> Section:
    columns = (
        Column("arm", "what a model is fed"),
        Column("ne_gain", "NE gain", "number"),
        Column("bytes_per_event", "bytes per event", "bytes"),
        Column("gain_per_byte", "NE gain per byte", "number"),
    )
    rows = tuple(
        (
            arm.name,
            arm.ne_gain,
            arm.bytes_per_event,
            arm.ne_gain / arm.bytes_per_event if arm.bytes_per_event else None,
        )
        for arm in run.arms
    )
    of = f" of codebook {run.codebook_id}" if run.codebook_id else ""
    return Section(
        "ne",
        "What a byte of history gains",
        "NE gain by the bytes of an event: the longer the bar, the more a model gains for what is "
        "stored.",
        Table(columns, rows),
        Chart("barh", "arm", ("gain_per_byte",), "NE gain per byte of an event"),
        (f"As run {run.run_id} of evaluate_ne{of} measured both.",),
    )

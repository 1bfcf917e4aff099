"""The sections of a footprint about the tables as they stand: columns, days, codebooks, growth."""

from collections.abc import Iterator, Mapping

from semantic_ids.report.footprint import Footprint
from semantic_ids.report.footprint_growth import TARGETS, project
from semantic_ids.report.page import Chart, Column, Section, Table, Value
from semantic_ids.report.table_size import Part, TableSize

__all__ = ["table_sections"]

_SHARED = "A file of several counts for each by its rows."


def table_sections(footprint: Footprint) -> Iterator[Section]:
    """Give the sections in order; those of days, codebooks and growth only where there are such."""
    tables = footprint.tables
    if tables:
        yield _tables(tables)
    yield from map(_columns, tables)
    yield from (_days(table) for table in tables if table.days)
    names = footprint.codebook_names
    yield from (_codebooks(table, names) for table in tables if table.codebooks)
    growing = [table for table in tables if table.history and table.history.is_long_enough]
    if growing:
        yield _growth(growing)
    yield from map(_history, growing)


def _tables(tables: tuple[TableSize, ...]) -> Section:
    columns = (
        Column("table", "table"),
        Column("n_rows", "rows", "count"),
        Column("n_units", "events or items", "count"),
        Column("size_bytes", "on disk", "bytes"),
        Column("bytes_per_unit", "per event or item", "bytes"),
        Column("n_files", "files", "count"),
        Column("mean_file_bytes", "a file on average", "bytes"),
        Column("deleted_share", "deleted rows in files", "share"),
    )
    rows = tuple(
        (
            table.name,
            table.n_rows,
            table.n_units,
            table.size_bytes,
            table.bytes_per_unit,
            table.n_files,
            table.size_bytes / table.n_files,
            table.deleted_share,
        )
        for table in tables
    )
    return Section(
        "tables",
        "What the tables weigh",
        "The files of the version named above, all columns included, as the file system gives "
        "their sizes.",
        Table(columns, rows),
        Chart("barh", "table", ("size_bytes",), "bytes on disk"),
        ("Files of older versions, the Delta log and checksum files are not counted.",),
    )


def _columns(table: TableSize) -> Section:
    unit = table.unit
    columns = (
        Column("column", "column"),
        Column("size_bytes", "on disk", "bytes"),
        Column("share", "of the table", "share"),
        Column(f"bytes_per_{unit}", f"per {unit}", "bytes"),
    )
    sizes = [*table.columns.items(), ("footers and indexes", table.rest_bytes)]
    sizes += [(f"{name} (in folder names)", 0) for name in table.folder_columns]
    rows = tuple(
        (name, size, size / table.size_bytes, size / table.n_units) for name, size in sizes
    )
    return Section(
        f"columns_{table.name}",
        f"Where the bytes of {table.name} are",
        "A column's bytes are those of its compressed chunks, from the Parquet footers; all rows "
        "add up to the table.",
        Table(columns, rows),
        Chart("barh", "column", (f"bytes_per_{unit}",), f"bytes per {unit}"),
    )


def _days(table: TableSize) -> Section:
    unit = table.unit
    return Section(
        f"days_{table.name}",
        f"The bytes of {table.name} by day",
        f"A day whose bytes per {unit} stand out has small files, short histories or other "
        f"{unit}s than its neighbours.",
        _parts("ds", "ds", table.days, unit),
        Chart("bar", "ds", ("size_bytes",), "bytes on disk"),
        (
            "ds is the day that a row is filed under: a full build files everything under its "
            f"newest day. {_SHARED}",
        ),
    )


def _codebooks(table: TableSize, names: Mapping[str, str]) -> Section:
    parts = _parts("codebook_id", "codebook", table.codebooks, table.unit)
    if names:
        columns = (*parts.columns, Column("name", "called"))
        rows = tuple((*row, names.get(str(row[0]))) for row in parts.rows)
        parts = Table(columns, rows)
    return Section(
        f"codebooks_{table.name}",
        f"The bytes of {table.name} by codebook",
        "Each row is what one codebook's SIDs weigh: a codebook that no name means any more can "
        "be deleted from the table.",
        parts,
        Chart("barh", "codebook_id", ("size_bytes",), "bytes on disk"),
        (_SHARED,),
    )


def _parts(name: str, title: str, parts: tuple[Part, ...], unit: str) -> Table:
    columns = (
        Column(name, title),
        Column(f"n_{unit}s", f"{unit}s", "count"),
        Column("size_bytes", "on disk", "bytes"),
        Column(f"bytes_per_{unit}", f"per {unit}", "bytes"),
        Column("n_files", "files", "count"),
    )
    return Table(columns, tuple((part.name, *_part(part)) for part in parts))


def _part(part: Part) -> tuple[Value, ...]:
    each = part.size_bytes / part.n_units if part.n_units else None
    return part.n_units, part.size_bytes, each, part.n_files


def _growth(tables: list[TableSize]) -> Section:
    columns = (
        Column("table", "table"),
        Column("n_units", "events or items now", "count"),
        Column("units_per_day", "more a day", "number"),
        Column("bytes_per_day", "bytes more a day", "bytes"),
        Column("target", "target", "count"),
        Column("years", "years until then", "number"),
        Column("days", "days of history", "number"),
        Column("moments", "its moments", "count"),
    )
    rows = []
    for table in tables:
        target = TARGETS[table.unit]
        found = project(table.history, target) if table.history else None
        if found is None or table.history is None:
            continue
        rates = (found.units_per_day, found.bytes_per_day, target, found.years)
        moments = table.history.moments
        rows.append((table.name, moments[-1].n_units, *rates, table.history.days, len(moments)))
    return Section(
        "growth",
        "When there will be 10¹² events and 10⁹ items",
        "A straight line through the first and the last moment of the table's own history; a dash "
        "for the years says that it does not grow.",
        Table(columns, tuple(rows)),
        None,
        ("Look at the history below before believing it: a line holds only if that is straight.",),
    )


def _history(table: TableSize) -> Section:
    unit, history = table.unit, table.history
    columns = (
        Column("moment", "moment"),
        Column("n_units", f"{unit}s", "count"),
        Column("size_bytes", "bytes of the table", "bytes"),
        Column("day", "day of the history", "number"),
    )
    moments = history.moments if history else ()
    rows = tuple((m.label, m.n_units, m.size_bytes, m.day - moments[0].day) for m in moments)
    kind = "Delta versions" if history and history.kind == "version" else "days, added up"
    return Section(
        f"history_{table.name}",
        f"How {table.name} grew",
        f"The {unit}s in the table at its moments ({kind}): the projection is the line between "
        "the two ends.",
        Table(columns, rows),
        Chart("line", "day", ("n_units",), f"{unit}s in the table"),
    )

"""A page as Markdown, the same numbers without the pictures."""

from collections.abc import Iterator

from semantic_ids.report.markdown import bullet, escaped, grid
from semantic_ids.report.numbers import shown
from semantic_ids.report.page import Column, Finding, Page, Section, Table, Value
from semantic_ids.report.texts import shorten

__all__ = ["to_markdown"]

_CELL_COLUMNS = 120


def to_markdown(page: Page) -> str:
    """Give the page as GitHub-flavoured Markdown: the answer first, then what it rests on.

    Texts in tables are cut to 120 columns; CSV and JSON hold them whole.
    """
    parts = [f"# {escaped(page.title)}", f"**{escaped(page.headline)}**"]
    if page.verdict:
        parts.append(f"Verdict: {_finding(page.verdict)}")
        parts.append(bullet([_finding(finding) for finding in page.findings]))
    if page.facts:
        parts.append(bullet([f"{escaped(name)}: {escaped(value)}" for name, value in page.facts]))
    for section in page.sections:
        parts += _section(section)
    if page.not_measured:
        parts += ["## Not measured", bullet([escaped(each) for each in page.not_measured])]
    return "\n\n".join(parts) + "\n"


def _finding(finding: Finding) -> str:
    return f"**{finding.word}**: {escaped(finding.measured)} (Rule: {escaped(finding.rule)})"


def _section(section: Section) -> Iterator[str]:
    yield f"## {escaped(section.title)}"
    yield escaped(section.reading)
    yield _table(section.table) if section.table.rows else "No rows."
    if section.notes:
        yield bullet([escaped(note) for note in section.notes])


def _table(values: Table) -> str:
    columns = values.columns
    header = [escaped(column.title) for column in columns]
    rows = [
        [_cell(value, column) for value, column in zip(row, columns, strict=True)]
        for row in values.rows
    ]
    numbers = [place for place, column in enumerate(columns) if column.kind != "text"]
    return grid(header, rows, right=numbers)


def _cell(value: Value, column: Column) -> str:
    return escaped(shorten(shown(value, column.kind), _CELL_COLUMNS))

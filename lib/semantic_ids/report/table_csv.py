"""A table as CSV (RFC 4180) that a spreadsheet opens without running any of it."""

import csv
import io
import re

from semantic_ids.report.page import Table, Value
from semantic_ids.report.texts import clean

__all__ = ["to_csv"]

# What a spreadsheet takes for a formula, at the start of a text, and in a locale whose separator is
# no comma also behind a semicolon, tab or line end within it (OWASP, "CSV Injection").
_SIGNS = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(f"[\\s\"']*{_SIGNS}|[\t\r\n]")
_FORMULA_WITHIN = re.compile(f"([;\t\r\n])(?=[ \"']*{_SIGNS})")
_LINE_PARTS = re.compile("([\t\r\n])")


def to_csv(table: Table) -> str:
    """Give the column names and the values as measured, with line ends of CR LF.

    None is an empty field. A text that a spreadsheet would take for a formula (it begins with
    = + - @, tab or line end) gets an apostrophe; numbers are left as they are.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([_harmless(column.name) for column in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return lines.getvalue()


def _cell(value: Value) -> Value:
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    quiet = "".join(part if part in "\t\r\n" else clean(part) for part in _LINE_PARTS.split(text))
    apostrophe = "'" if _FORMULA.match(quiet) else ""
    return apostrophe + _FORMULA_WITHIN.sub(r"\1'", quiet)

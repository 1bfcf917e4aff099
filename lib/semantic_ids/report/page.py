"""What every audit ends in: a page of a verdict, sections, tables and charts, as plain values."""

import math
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Chart", "Column", "Finding", "Page", "Section", "Table", "Value", "Word", "worst"]

Value: TypeAlias = str | int | float | None
"""A cell; None where there is nothing to say. Floats are finite."""

Word: TypeAlias = Literal["good", "watch", "act"]

Kind: TypeAlias = Literal["text", "count", "number", "share", "bytes"]

_WORDS: tuple[Word, ...] = ("good", "watch", "act")
_KEY = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        The key in CSV and JSON: lower case with underscores, the unit last.
    title : str
        What people read above it.
    kind : str
        text; count, an integer; number, a float; share, in [0, 1] and shown in per cent; bytes.
    """

    name: str
    title: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows of values, one for each column.

    Parameters
    ----------
    columns : tuple of Column
        Their names differ.
    rows : tuple of tuples
        Values as measured, not rounded.

    Raises
    ------
    ValueError
        If two columns have one name, a row is of another length, or a value is none of str, int,
        finite float and None.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"columns: names must differ, got {names}")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row must have {len(self.columns)} values, got {len(row)}")
            for column, value in zip(self.columns, row, strict=True):
                _require_value(column.name, value)

    def values(self, name: str) -> tuple[Value, ...]:
        """Give a column's values by its name."""
        place = [column.name for column in self.columns].index(name)
        return tuple(row[place] for row in self.rows)


@dataclass(frozen=True)
class Chart:
    """A picture of the table beside it.

    Parameters
    ----------
    kind : str
        line, bar (one bar a row and y, side by side), or barh (lying bars, for long names).
    x : str
        The column along the axis, by name.
    y : tuple of str
        The columns drawn, by name; of one unit.
    y_title : str
        What the values are, with their unit.
    log_x, log_y : bool
        Whether an axis is logarithmic.
    """

    kind: Literal["line", "bar", "barh"]
    x: str
    y: tuple[str, ...]
    y_title: str
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Section:
    """One question of an audit, answered by a table.

    Parameters
    ----------
    key : str
        Unique within the page: the anchor, the key in JSON, and the name of the CSV.
    title : str
    reading : str
        One sentence that says how to read the table and the chart.
    table : Table
    chart : Chart, optional
    notes : tuple of str
        What else a reader must know, a sentence or two each.

    Raises
    ------
    ValueError
        If the key is not of lower-case letters, digits and underscores, or the chart names a
        column that the table lacks.
    """

    key: str
    title: str
    reading: str
    table: Table
    chart: Chart | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError(f"key: must be like symbols_per_byte, got {self.key!r}")
        if self.chart:
            names = {column.name for column in self.table.columns}
            if absent := {self.chart.x, *self.chart.y} - names:
                raise ValueError(f"{self.key}: the chart names no column of it: {sorted(absent)}")


@dataclass(frozen=True)
class Finding:
    """A rule, and what was measured against it.

    Parameters
    ----------
    word : str
        good, watch or act.
    rule : str
        The rule with its bounds, such as "act above 0.5, watch above 0.3".
    measured : str
        A sentence with the value.
    """

    word: Word
    rule: str
    measured: str


@dataclass(frozen=True)
class Page:
    """All that one audit says. Texts hold no markup: a renderer escapes them.

    Parameters
    ----------
    job : str
        Such as audit_quality; the name of its files.
    title : str
    headline : str
        The answer in one sentence.
    facts : tuple of (str, str)
        What the figures rest on: run, time, tables with their versions, sample.
    sections : tuple of Section
    findings : tuple of Finding
        Empty where the audit judges nothing.
    not_measured : tuple of str
        What the inputs left open, and which input would answer it.

    Raises
    ------
    ValueError
        If two sections have one key.
    """

    job: str
    title: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...] = ()
    not_measured: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        keys = [section.key for section in self.sections]
        if len(set(keys)) < len(keys):
            raise ValueError(f"sections: keys must differ, got {keys}")

    @property
    def verdict(self) -> Finding | None:
        """The first of the worst findings, or None where there is none."""
        return worst(self.findings)


def worst(findings: tuple[Finding, ...]) -> Finding | None:
    """Give the first of the worst findings."""
    return max(findings, key=lambda finding: _WORDS.index(finding.word), default=None)


def _require_value(name: str, value: object) -> None:
    if not isinstance(value, str | int | float | None):
        kind = type(value).__name__
        raise ValueError(f"{name}: a value must be str, int, float or None, got a {kind}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: a value must be finite or None, got {value}")

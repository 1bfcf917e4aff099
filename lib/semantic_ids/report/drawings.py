"""What a chart shows: the rows and values of a table that have a place on its axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from semantic_ids.report.numbers import compact, shown
from semantic_ids.report.page import Chart, Column, Kind, Table, Value
from semantic_ids.report.texts import clean, shorten

__all__ = ["Drawing", "Series", "drawing_of"]

_MOST_ROWS = {"line": 5_000, "bar": 300, "barh": 20}
_LABEL_COLUMNS = {"line": 14, "bar": 14, "barh": 42}
_LEGEND_COLUMNS, _TITLE_COLUMNS = 36, 54
_EXACT = 2**53  # a larger integer is drawn as a float, as numpy may not take it for a number
_LARGEST = 1e300  # an axis adds a margin, which must be finite


@dataclass(frozen=True)
class Series:
    """One line, or one colour of bars: as many values as places, in the order of places."""

    title: str
    places: list[float]
    values: list[float]


@dataclass(frozen=True)
class Drawing:
    """What a chart shows.

    Parameters
    ----------
    labels : list of str or None
        What stands at places 0, 1, ... along the axis; None where places are values of x.
    log_x, log_y : bool
        Whether places, and values, stand on a logarithmic axis; both are positive then.
    """

    kind: Literal["line", "bar", "barh"]
    x_title: str
    x_kind: Kind
    labels: list[str] | None
    y_title: str
    y_kind: Kind
    series: list[Series]
    log_x: bool
    log_y: bool

    @property
    def values(self) -> list[float]:
        """Those of all series."""
        return [value for series in self.series for value in series.values]


def drawing_of(chart: Chart, table: Table) -> Drawing:
    """Choose what is drawn.

    Values that are None, no numbers, or not positive on a logarithmic axis are skipped, and so
    are rows after the 5,000th of a line, the 300th of bars and the 20th of lying bars: the title
    says so.
    """
    columns = {column.name: column for column in table.columns}
    x = columns[chart.x]
    most = _MOST_ROWS[chart.kind]
    names = table.values(chart.x)[:most]
    is_scale = chart.kind == "line" and x.kind != "text"
    places = [_drawn(name, chart.log_x) for name in names] if is_scale else [*range(len(names))]
    is_cut = len(table.rows) > most
    part = f" (the first {most:,} of {len(table.rows):,} rows)" if is_cut else ""
    return Drawing(
        kind=chart.kind,
        x_title=shorten(clean(x.title), _TITLE_COLUMNS),
        x_kind=x.kind,
        labels=None if is_scale else [_label(name, x, chart.kind) for name in names],
        y_title=shorten(clean(chart.y_title), _TITLE_COLUMNS - len(part)) + part,
        y_kind=columns[chart.y[0]].kind,
        series=[
            _series(columns[name], places, table.values(name)[:most], chart.log_y)
            for name in chart.y
        ],
        log_x=chart.log_x and is_scale,
        log_y=chart.log_y,
    )


def _series(
    column: Column, places: Sequence[float | None], values: Sequence[Value], is_log: bool
) -> Series:
    points = [
        (place, height)
        for place, height in zip(places, (_drawn(value, is_log) for value in values), strict=True)
        if place is not None and height is not None
    ]
    points.sort(key=lambda point: point[0])
    title = shorten(clean(column.title), _LEGEND_COLUMNS)
    return Series(title, [place for place, _ in points], [height for _, height in points])


def _drawn(value: Value, is_log: bool) -> float | None:
    """Give a value as an axis has it; None where it has no place for it."""
    if not isinstance(value, int | float) or abs(value) > _LARGEST:
        return None
    if is_log and value < 1 / _LARGEST:
        return None
    return value if abs(value) < _EXACT else float(value)


def _label(name: Value, column: Column, kind: str) -> str:
    short = compact(name, column.kind) if isinstance(name, float) else shown(name, column.kind)
    return shorten(short, _LABEL_COLUMNS[kind])

"""Lines and bars with matplotlib: laid out by hand, so that no font's width decides a margin."""

from typing import TYPE_CHECKING, Any

from semantic_ids.report.axes import label_rows, label_values
from semantic_ids.report.drawings import Drawing
from semantic_ids.report.numbers import NOTHING, shown
from semantic_ids.report.svg import INK, SERIES
from semantic_ids.report.texts import columns_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure_of"]

# In points, as all lengths here. On a phone a chart is about as wide, on a desk up to 512 px.
_WIDTH = 420.0
_COLUMN = 7.0  # about the width of a character
_LINE = 19.0
_GAP = 10.0
_PLOT_HEIGHT = 190.0
_BAR, _BAR_LABEL = 11.0, 17.0
_SWATCH = 22.0
_MARKED_POINTS = 40
_GAPLESS_BARS = 80
_MARKERS = "os^DvP"
_DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 2, 2)), (0, (9, 3)), (0, (1, 2)))


def figure_of(drawing: Drawing) -> "Figure":
    """Draw, inside `quiet_matplotlib`."""
    from matplotlib.figure import Figure

    is_lying = drawing.kind == "barh"
    legend = _legend_places(drawing)
    top = _LINE + _GAP + (_LINE * (1 + legend[-1][1]) if legend else 0)
    bottom = _LINE if is_lying else 2 * _LINE + 4
    plot = _row_height(drawing) * len(drawing.labels or ()) if is_lying else _PLOT_HEIGHT
    height = top + plot + bottom
    figure = Figure(figsize=(_WIDTH / 72, height / 72))
    figure.patch.set_visible(False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.patch.set_visible(False)
    left, right = (_lie if is_lying else _stand)(axes, drawing)
    width = _WIDTH - left - right
    axes.set_position((left / _WIDTH, bottom / height, width / _WIDTH, plot / height))
    figure.text(0, 1 - 13 / height, drawing.y_title, weight="bold")
    for number, (place, row) in enumerate(legend):
        _draw_legend(figure, drawing, number, place, height - 13 - _LINE * (row + 1))
    if not is_lying:
        figure.text((left + width / 2) / _WIDTH, 6 / height, drawing.x_title, ha="center")
    return figure


def _stand(axes: "Axes", drawing: Drawing) -> tuple[float, float]:
    """Draw lines or standing bars; give the margins left and right."""
    n_series = len(drawing.series)
    width = (0.8 if len(drawing.labels or ()) <= _GAPLESS_BARS else 1.0) / n_series
    for number, series in enumerate(drawing.series):
        if drawing.kind == "line":
            axes.plot(series.places, series.values, **_line_style(drawing, number))
        else:
            shift = (number - (n_series - 1) / 2) * width
            places = [place + shift for place in series.places]
            axes.bar(places, series.values, width, color=_colour(number))
    columns = label_values(
        axes,
        "y",
        drawing.values,
        kind=drawing.y_kind,
        is_log=drawing.log_y,
        from_zero=drawing.kind == "bar",
    )
    axes.grid(axis="y")
    if drawing.kind == "bar" and any(value < 0 for value in drawing.values):
        axes.axhline(0, color=INK, linewidth=0.8)
    if drawing.labels is None:
        places = [place for series in drawing.series for place in series.places]
        widest = label_values(axes, "x", places, kind=drawing.x_kind, is_log=drawing.log_x)
    else:
        widest = label_rows(axes, drawing.labels, room=(_WIDTH - 60) / _COLUMN)
    return max(columns * _COLUMN + _GAP, widest * _COLUMN / 2), max(_GAP, widest * _COLUMN / 2)


def _lie(axes: "Axes", drawing: Drawing) -> tuple[float, float]:
    """Draw lying bars, each below its label: long names have the whole width."""
    height = _row_height(drawing)
    labels = drawing.labels or []
    for number, series in enumerate(drawing.series):
        below = _BAR_LABEL + number * _BAR
        tops = [place * height + below for place in series.places]
        axes.barh(tops, series.values, _BAR - 1, align="edge", color=_colour(number))
    style: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "baseline"}
    for row, label in enumerate(labels):
        axes.text(0, row * height + _BAR_LABEL - 5, label, **style)
    if len(drawing.series) > 1:
        axes.grid(axis="x")
    else:
        values = dict(zip(drawing.series[0].places, drawing.series[0].values, strict=True))
        for row in range(len(labels)):
            said = shown(values[row], drawing.y_kind) if row in values else NOTHING
            axes.text(1, row * height + _BAR_LABEL - 5, said, ha="right", **style)
    label_values(
        axes,
        "x",
        drawing.values,
        kind=drawing.y_kind,
        is_log=drawing.log_y,
        from_zero=True,
    )
    axes.set_ylim(len(labels) * height, 0)
    axes.yaxis.set_visible(False)
    return 1.4 * _GAP, 2 * _GAP


def _row_height(drawing: Drawing) -> float:
    return _BAR_LABEL + len(drawing.series) * _BAR + 6


def _line_style(drawing: Drawing, number: int) -> dict[str, Any]:
    is_marked = len(drawing.series[number].places) <= _MARKED_POINTS
    return {
        "color": _colour(number),
        "marker": _MARKERS[number % len(_MARKERS)] if is_marked else "",
        "linestyle": _DASHES[(number + number // len(SERIES)) % len(_DASHES)],
    }


def _colour(number: int) -> str:
    return SERIES[number % len(SERIES)]


def _legend_places(drawing: Drawing) -> list[tuple[float, int]]:
    """Give (points from the left, row) of each series' name, row after row; none for one series."""
    if len(drawing.series) == 1:
        return []
    places, left, row = [], 0.0, 0
    for series in drawing.series:
        width = _SWATCH + 2 * _GAP + columns_of(series.title) * _COLUMN
        if left and left + width > _WIDTH:
            left, row = 0.0, row + 1
        places.append((left, row))
        left += width
    return places


def _draw_legend(
    figure: "Figure", drawing: Drawing, number: int, left: float, bottom: float
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    height = figure.get_figheight() * 72
    if drawing.kind == "line":
        middle = (bottom + 4) / height
        along = [(left + part * _SWATCH) / _WIDTH for part in (0, 0.5, 1)]
        style = _line_style(drawing, number)
        figure.add_artist(Line2D(along, [middle] * 3, markevery=[1], **style))
    else:
        corner = (left / _WIDTH, (bottom - 1) / height)
        size = (_BAR / _WIDTH, _BAR / height)
        figure.add_artist(Rectangle(corner, *size, color=_colour(number)))
    text = left + (_SWATCH if drawing.kind == "line" else _BAR) + 6
    figure.text(text / _WIDTH, bottom / height, drawing.series[number].title)

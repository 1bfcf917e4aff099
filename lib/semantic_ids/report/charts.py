"""A section's chart as SVG. matplotlib is loaded when the first one is drawn."""

from semantic_ids.report.drawings import drawing_of
from semantic_ids.report.figures import figure_of
from semantic_ids.report.page import Section
from semantic_ids.report.svg import inline_svg, quiet_matplotlib
from semantic_ids.report.texts import clean

__all__ = ["draw"]


def draw(section: Section) -> str | None:
    """Draw a section's chart for use inside HTML; the same section gives the same text.

    Returns
    -------
    str or None
        None where there is no chart, or it would show fewer than two values.
    """
    if section.chart is None:
        return None
    drawing = drawing_of(section.chart, section.table)
    if len(drawing.values) < 2:
        return None
    title = f"{clean(section.title)}: {drawing.y_title} by {drawing.x_title}"
    with quiet_matplotlib(section.key):
        return inline_svg(figure_of(drawing), key=section.key, title=title)

"""A page as one HTML file that asks nothing of a network: styles, script, pictures and CSV inside.

Its own policy forbids every request, and every script but the one whose hash it names.
"""

from semantic_ids.report.charts import draw
from semantic_ids.report.packaged import in_base64, render_packaged
from semantic_ids.report.page import Page, Table
from semantic_ids.report.table_csv import to_csv

__all__ = ["to_html"]

_ROWS_SHOWN = 20
# Longer texts are cut, and open at a click; a heading has the whole in its title.
_COLUMNS = {
    "heading_columns": 120,
    "cell_columns": 80,
    "fact_columns": 300,
    "sentence_columns": 1_000,
}


def to_html(page: Page) -> str:
    """Give the page as HTML; the same page gives the same text.

    Raises
    ------
    ImportError
        If the extra `report` is not installed.
    """
    return render_packaged(
        "page",
        page=page,
        charts={section.key: draw(section) for section in page.sections},
        csv_link=_csv_link,
        rows_shown=_ROWS_SHOWN,
        **_COLUMNS,
    )


def _csv_link(table: Table) -> str:
    text = to_csv(table).encode("utf-8", errors="replace")
    return f"data:text/csv;charset=utf-8;base64,{in_base64(text)}"

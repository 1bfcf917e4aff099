"""A page as one HTML file that asks nothing of a network: styles, script, pictures and CSV inside.

Its own policy forbids every request, and every script but the one whose hash it names.
"""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from semantic_ids.report.charts import draw
from semantic_ids.report.numbers import shown
from semantic_ids.report.page import Page, Table
from semantic_ids.report.table_csv import to_csv
from semantic_ids.report.texts import clean, shorten

if TYPE_CHECKING:
    from jinja2 import Template

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
    script = _packaged("page.js")
    return _template().render(
        page=page,
        charts={section.key: draw(section) for section in page.sections},
        rows_shown=_ROWS_SHOWN,
        style=_packaged("page.css"),
        script=script,
        script_hash=_base64(hashlib.sha256(script.encode()).digest()),
        **_COLUMNS,
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"clean": clean, "shorten": shorten, "shown": shown, "csv": _csv_link}
    return environment.from_string(_packaged("page.html.j2"))


def _packaged(name: str) -> str:
    """Read a file that lies beside this one, in a folder or in a zip."""
    return files("semantic_ids.report").joinpath(name).read_text(encoding="utf-8")


def _csv_link(table: Table) -> str:
    text = to_csv(table).encode("utf-8", errors="replace")
    return f"data:text/csv;charset=utf-8;base64,{_base64(text)}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

"""The formats of a page, by the names that configurations use."""

from typing import Literal, TypeAlias

from semantic_ids.report.html import to_html
from semantic_ids.report.page import Page
from semantic_ids.report.page_json import to_json
from semantic_ids.report.page_markdown import to_markdown

__all__ = ["Format", "file_name", "render"]

Format: TypeAlias = Literal["html", "markdown", "json"]

_SUFFIXES = {"html": "html", "markdown": "md", "json": "json"}
_RENDERERS = {"html": to_html, "markdown": to_markdown, "json": to_json}


def file_name(job: str, form: Format) -> str:
    """Name the file of a job's page, such as audit_quality.html."""
    return f"{job}.{_SUFFIXES[form]}"


def render(page: Page, form: Format) -> str:
    """Give a page in one of its formats."""
    return _RENDERERS[form](page)

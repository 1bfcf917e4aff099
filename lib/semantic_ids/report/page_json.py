"""A page as JSON: every value as measured."""

import json
from dataclasses import asdict
from typing import Any

from semantic_ids.report.page import Page, Section

__all__ = ["to_json"]

FORMAT = 1


def to_json(page: Page) -> str:
    """Give the page as strict JSON text (RFC 8259), a table's rows as objects."""
    values = {
        "format": FORMAT,
        "job": page.job,
        "title": page.title,
        "headline": page.headline,
        "verdict": asdict(page.verdict) if page.verdict else None,
        "findings": [asdict(finding) for finding in page.findings],
        "facts": [{"name": name, "value": value} for name, value in page.facts],
        "sections": [_section(section) for section in page.sections],
        "not_measured": page.not_measured,
    }
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _section(section: Section) -> dict[str, Any]:
    columns = section.table.columns
    names = [column.name for column in columns]
    return {
        "key": section.key,
        "title": section.title,
        "reading": section.reading,
        "columns": [asdict(column) for column in columns],
        "rows": [dict(zip(names, row, strict=True)) for row in section.table.rows],
        "notes": section.notes,
    }

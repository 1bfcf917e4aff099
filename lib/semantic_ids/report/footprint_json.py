"""A footprint as JSON: every measured number, and the quotients that the Markdown shows."""

import json
from typing import Any

from semantic_ids.report.footprint import (
    Arm,
    Comparison,
    Footprint,
    Sample,
    TableSize,
    headline,
    not_measured,
)

__all__ = ["to_json"]

FORMAT = 1


def to_json(footprint: Footprint) -> str:
    """Give the report as JSON text; bytes are integers, quotients are not rounded."""
    values = {
        "format": FORMAT,
        "run_id": footprint.run_id,
        "measured_at": footprint.measured_at,
        "headline": headline(footprint),
        "tables": [_table(table) for table in footprint.tables],
        "sample": _sample(footprint.sample) if footprint.sample else None,
        "settings": footprint.settings,
        "per_event": _arms(footprint.events) if footprint.events else [],
        "per_item": _arms(footprint.items) if footprint.items else [],
        "not_measured": not_measured(footprint),
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _table(table: TableSize) -> dict[str, Any]:
    return {
        "name": table.name,
        "location": table.location,
        "version": table.version,
        "files": table.n_files,
        "bytes": table.size_bytes,
        "rows": table.n_rows,
        "rows_in_files": table.n_stored_rows,
        "unit": table.unit,
        "units": table.n_units,
        "bytes_per_row": table.size_bytes / table.n_rows,
        "bytes_per_unit": table.bytes_per_unit,
        "columns": [
            {"name": name, "bytes": size, "bytes_per_unit": size / table.n_units}
            for name, size in table.columns.items()
        ],
        "folder_columns": list(table.folder_columns),
        "rest_bytes": table.rest_bytes,
    }


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "source": sample.source,
        "users": sample.n_users,
        "events": sample.n_events,
        "events_in_source": sample.n_events_total,
        "events_left_out": sample.n_left_out,
        "distinct_sids": sample.n_sids,
        "width": sample.width,
        "entropy_bytes_per_event": sample.entropy_bytes,
        "timestamps": {
            "file": sample.timestamps.file,
            "bytes": sample.timestamps.size_bytes,
            "bytes_per_event": sample.timestamps.size_bytes / sample.n_events,
        },
        "float16_source": sample.float16_source,
    }


def _arms(comparison: Comparison) -> list[dict[str, Any]]:
    return [_arm(arm, comparison) for arm in comparison.arms]


def _arm(arm: Arm, comparison: Comparison) -> dict[str, Any]:
    unit = comparison.unit
    return {
        "name": arm.name,
        "title": arm.title,
        "detail": arm.detail,
        "file": arm.file,
        "bytes": arm.size_bytes,
        f"bytes_per_{unit}": comparison.bytes_per_unit(arm),
        "ratio": comparison.ratio(arm),
        "raw_bytes": arm.raw_bytes,
        f"raw_bytes_per_{unit}": comparison.raw_bytes_per_unit(arm),
        "raw_ratio": comparison.raw_ratio(arm),
    }

"""Measured values in, Markdown and JSON out. Pure: no Spark, no files."""

from semantic_ids.report.footprint import Arm, Comparison, Footprint, Sample, TableSize, headline
from semantic_ids.report.footprint_json import to_json
from semantic_ids.report.footprint_markdown import to_markdown

__all__ = [
    "Arm",
    "Comparison",
    "Footprint",
    "Sample",
    "TableSize",
    "headline",
    "to_json",
    "to_markdown",
]

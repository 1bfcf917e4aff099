"""Measured values in, pages out: HTML, Markdown and JSON. Pure: no Spark, no files written."""

from semantic_ids.report.footprint import Arm, Comparison, Footprint, Sample, TableSize, headline
from semantic_ids.report.footprint_json import to_json
from semantic_ids.report.footprint_markdown import to_markdown
from semantic_ids.report.formats import Format, file_name, render
from semantic_ids.report.ne import ArmScore, Interval, NeReport, RegimeScore, SliceScore
from semantic_ids.report.ne_page import ne_headline, ne_page
from semantic_ids.report.page import (
    Chart,
    Column,
    Finding,
    Kind,
    Page,
    Section,
    Table,
    Value,
    Word,
    worst,
)
from semantic_ids.report.quality import (
    ByteUse,
    CategoryPurity,
    DigitUse,
    Drift,
    Quality,
    SharedSid,
    Shown,
)
from semantic_ids.report.quality_page import quality_headline, quality_page

__all__ = [
    "Arm",
    "ArmScore",
    "ByteUse",
    "CategoryPurity",
    "Chart",
    "Column",
    "Comparison",
    "DigitUse",
    "Drift",
    "Finding",
    "Footprint",
    "Format",
    "Interval",
    "Kind",
    "NeReport",
    "Page",
    "Quality",
    "RegimeScore",
    "Sample",
    "Section",
    "SharedSid",
    "Shown",
    "SliceScore",
    "Table",
    "TableSize",
    "Value",
    "Word",
    "file_name",
    "headline",
    "ne_headline",
    "ne_page",
    "quality_headline",
    "quality_page",
    "render",
    "to_json",
    "to_markdown",
    "worst",
]

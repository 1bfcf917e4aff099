"""Measured values in, pages out: HTML, Markdown and JSON. Pure: no Spark, no files written."""

from semantic_ids.report.browse import Catalogue, PrefixCounts, browse_headline
from semantic_ids.report.browse_html import browse_to_html
from semantic_ids.report.churn import (
    CategoryChurn,
    Churn,
    Compared,
    Counts,
    MovedItem,
    SideShown,
    UserChurn,
)
from semantic_ids.report.churn_page import churn_headline, churn_page
from semantic_ids.report.footprint import (
    Arm,
    Comparison,
    Footprint,
    NeArm,
    NeRun,
    Sample,
    Serving,
    SidLoss,
)
from semantic_ids.report.footprint_growth import History, Moment, is_long
from semantic_ids.report.footprint_page import footprint_headline, footprint_page
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
from semantic_ids.report.quality_fused import CollectionFit, FusedQuality
from semantic_ids.report.quality_page import quality_headline, quality_page
from semantic_ids.report.table_size import Part, TableSize
from semantic_ids.report.training import Training, training_page

__all__ = [
    "Arm",
    "ArmScore",
    "ByteUse",
    "Catalogue",
    "CategoryChurn",
    "CategoryPurity",
    "Chart",
    "Churn",
    "CollectionFit",
    "Column",
    "Compared",
    "Comparison",
    "Counts",
    "DigitUse",
    "Drift",
    "Finding",
    "Footprint",
    "Format",
    "FusedQuality",
    "History",
    "Interval",
    "Kind",
    "Moment",
    "MovedItem",
    "NeArm",
    "NeReport",
    "NeRun",
    "Page",
    "Part",
    "PrefixCounts",
    "Quality",
    "RegimeScore",
    "Sample",
    "Section",
    "Serving",
    "SharedSid",
    "Shown",
    "SidLoss",
    "SideShown",
    "SliceScore",
    "Table",
    "TableSize",
    "Training",
    "UserChurn",
    "Value",
    "Word",
    "browse_headline",
    "browse_to_html",
    "churn_headline",
    "churn_page",
    "file_name",
    "footprint_headline",
    "footprint_page",
    "is_long",
    "ne_headline",
    "ne_page",
    "quality_headline",
    "quality_page",
    "render",
    "training_page",
    "worst",
]

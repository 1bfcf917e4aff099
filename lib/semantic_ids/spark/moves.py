"""Rows that are few beside a table: how they meet it."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

__all__ = ["few", "held"]

_FEW_ROWS = 2_000_000


def few(rows: DataFrame, n_rows: int) -> DataFrame:
    """Send few rows to all tasks of a join, so that the other side stays where it is."""
    return F.broadcast(rows) if n_rows <= _FEW_ROWS else rows


def held(rows: DataFrame, n_rows: int) -> DataFrame:
    """Hold few rows on the driver: Spark drops what it keeps of a table once that is written to."""
    if n_rows > _FEW_ROWS:
        return rows
    return rows.sparkSession.createDataFrame(rows.toArrow(), rows.schema)

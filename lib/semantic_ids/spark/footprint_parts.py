"""What each day and each codebook weighs in a table: its files, shared by the rows in them."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from semantic_ids.report import Part
from semantic_ids.spark.sources import UNVERSIONED, Source

__all__ = ["Parts", "parts_of"]

_PARTS = ("ds", "codebook_id")


@dataclass(frozen=True)
class Parts:
    """A table's days and codebooks; empty where it lacks the column, or is no table of files."""

    days: tuple[Part, ...] = ()
    codebooks: tuple[Part, ...] = ()


def parts_of(source: Source, weight: Column) -> Parts:
    """Count each day and each codebook, and share each file's bytes among those in it.

    Parameters
    ----------
    source : Source
    weight : Column
        The events or items of a row.
    """
    columns = [column for column in _PARTS if column in source.rows.columns]
    if source.version == UNVERSIONED or not columns:
        return Parts()
    file = F.col("_metadata.file_path").alias("file")
    size = F.col("_metadata.file_size").alias("size_bytes")
    named = [F.coalesce(F.col(c).cast("string"), F.lit("null")).alias(c) for c in columns]
    rows = source.rows.select(*named, file, size, weight.alias("n_units"))
    counted = rows.groupBy("file", "size_bytes", *columns).agg(
        F.count(F.lit(1)).alias("n_rows"), F.sum("n_units").alias("n_units")
    )
    of_file = counted.groupBy("file").agg(F.sum("n_rows").alias("file_rows"))
    share = F.col("size_bytes") * F.col("n_rows") / F.col("file_rows")
    shared = counted.join(of_file, on="file", how="inner").withColumn("share", share).cache()
    try:
        found = {column: _sum_up(shared, column) for column in columns}
    finally:
        shared.unpersist()
    return Parts(found.get("ds", ()), found.get("codebook_id", ()))


def _sum_up(shared: DataFrame, column: str) -> tuple[Part, ...]:
    rows = (
        shared.groupBy(column)
        .agg(F.countDistinct("file"), F.sum("n_units"), F.sum("share"))
        .orderBy(column)
        .collect()
    )
    return tuple(Part(row[0], row[1], int(row[2] or 0), row[3]) for row in rows)

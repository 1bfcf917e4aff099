"""Where tables are: paths by the rules of Hadoop, or names in the catalogue."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameReader, SparkSession

from semantic_ids.errors import TableError
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of, with_settings

__all__ = [
    "hadoop_path",
    "is_delta",
    "is_path",
    "load_delta",
    "locate",
    "open_delta",
    "opening",
    "read_delta",
    "require_vacant",
    "require_writable",
]

# Delta refuses versions that a VACUUM might have emptied, whether one ran or not
_ONLY_A_WEEK = "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration"


def is_path(table: str) -> bool:
    """Tell a path from a catalogue name: a path holds a slash."""
    return "/" in table


def locate(spark: SparkSession, table: str) -> str:
    """Give a path its scheme and its folder, by the rules of Hadoop; leave a name as it is."""
    if not is_path(table):
        return table
    path, files = hadoop_path(spark, table)
    return str(files.makeQualified(path).toString())


def hadoop_path(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Give Hadoop's own path, and the file system that it is in."""
    hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]  # py4j
    found = hadoop.Path(path)
    return found, found.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())


@contextmanager
def opening(name: str, table: str) -> Iterator[None]:
    """Say in one sentence that Spark cannot open a table, and why.

    Raises
    ------
    TableError
        In place of what Spark raises.
    """
    try:
        yield
    except SPARK_ERRORS as error:
        raise TableError(f"{name}: {table!r} cannot be opened: {sentence_of(error)}") from None


def is_delta(spark: SparkSession, name: str, path: str) -> bool:
    """Say whether a Delta table stands at a path."""
    with opening(name, path):
        return bool(DeltaTable.isDeltaTable(spark, locate(spark, path)))


def open_delta(spark: SparkSession, table: str) -> DeltaTable:
    """Open a Delta table by path or by name."""
    if is_path(table):
        return DeltaTable.forPath(spark, locate(spark, table))
    return DeltaTable.forName(spark, table)


def read_delta(spark: SparkSession, table: str, version: int) -> DataFrame:
    """Read a version of a Delta table by path or by name, however old, if its files still stand."""
    with with_settings(spark, {_ONLY_A_WEEK: "false"}):
        return load_delta(spark.read.option("versionAsOf", version), locate(spark, table))


def load_delta(reader: DataFrameReader, place: str) -> DataFrame:
    """Read a Delta table by its full path or by name, with the options that the reader has."""
    return reader.format("delta").load(place) if is_path(place) else reader.table(place)


def require_vacant(spark: SparkSession, name: str, table: str) -> None:
    """Refuse a place for a new table that holds other files, or a name without its schema.

    Raises
    ------
    TableError
        If it is one of these.
    """
    if not is_path(table):
        schema = table.rpartition(".")[0]
        if schema and not spark.catalog.databaseExists(schema):
            raise TableError(f"{name}: the catalogue has no schema {schema!r}")
        return
    found = spark.read.format("binaryFile").options(
        recursiveFileLookup="true", __globPaths__="false"
    )
    try:
        files = found.load(locate(spark, table))
    except AnalysisException:
        return
    if files.select("path").head(1):
        raise TableError(f"{name}: {table!r} holds files that are not a Delta table")


def require_writable(spark: SparkSession, name: str, path: str) -> None:
    """Refuse a path where no table can be written, before any work is done.

    Raises
    ------
    TableError
        If what stands there or above it is a file, or a local folder that we may not write to.
    """
    place, files = hadoop_path(spark, path)
    while not files.exists(place):
        place = place.getParent()
    here = str(place.toUri().getPath())
    if not files.getFileStatus(place).isDirectory():
        raise TableError(f"{name}: {path!r} must be a folder in folders, but {here!r} is a file")
    if files.getScheme() == "file" and not os.access(here, os.W_OK | os.X_OK):
        raise TableError(f"{name}: {path!r} cannot be written: no permission for {here!r}")

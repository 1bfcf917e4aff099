"""Tables to read: Delta or Parquet, by path or catalogue name, fixed at one version."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from semantic_ids.errors import TableError, nearest
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of

__all__ = ["UNVERSIONED", "Source", "is_delta", "is_path", "locate", "open_source", "opening"]


UNVERSIONED = "unversioned"


@dataclass(frozen=True)
class Source:
    """A table to read, fixed at one version: a later writer does not change what is read."""

    name: str
    location: str
    version: str
    rows: DataFrame

    @property
    def label(self) -> str:
        """Its place and version, for logs and lineage."""
        return f"{self.location}@{self.version}"

    def type_of(self, column: str) -> DataType:
        """Give a column's type, or say that it is absent."""
        if column not in self.rows.columns:
            hint = nearest(column, self.rows.columns)
            raise TableError(f"{self.name}: {self.location} has no column {column!r}; {hint}")
        return self.rows.schema[column].dataType

    def column(self, name: str) -> Column:
        """Give a column by its very name, whatever characters are in it."""
        self.type_of(name)
        return F.col(f"`{name.replace('`', '``')}`")

    def require(self, column: str, types: Sequence[type[DataType]], rule: str) -> DataType:
        """Give a column's type if it is one of those allowed."""
        found = self.type_of(column)
        if not isinstance(found, tuple(types)):
            raise TableError(
                f"{self.name}: column {column!r} must be {rule}, got {found.simpleString()}"
            )
        return found


def is_path(table: str) -> bool:
    """Tell a path from a catalogue name: a path holds a slash."""
    return "/" in table


def locate(spark: SparkSession, table: str) -> str:
    """Give a path its scheme and its folder, by the rules of Hadoop; leave a name as it is."""
    if not is_path(table):
        return table
    hadoop = spark.sparkContext._jvm.org.apache.hadoop.fs  # type: ignore[union-attr]  # py4j
    path = hadoop.Path(table)
    configuration = spark.sparkContext._jsc.hadoopConfiguration()
    return str(path.getFileSystem(configuration).makeQualified(path).toString())


def open_source(spark: SparkSession, name: str, table: str) -> Source:
    """Open a Delta or Parquet table by path, or any table by its catalogue name.

    Parameters
    ----------
    spark : SparkSession
    name : str
        The configuration key, for messages.
    table : str
        A path or a catalogue name.

    Raises
    ------
    TableError
        If there is no such table.
    """
    with opening(name, table):
        return (_open_path if is_path(table) else _open_catalogue)(spark, name, table)


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


def _open_path(spark: SparkSession, name: str, table: str) -> Source:
    path = locate(spark, table)
    if is_delta(spark, name, table):
        version = _latest(DeltaTable.forPath(spark, path))
        rows = spark.read.format("delta").option("versionAsOf", version).load(path)
        return Source(name, path, f"delta:{version}", rows)
    try:
        rows = spark.read.parquet(path)
    except SPARK_ERRORS as error:
        condition = error.getCondition() if isinstance(error, AnalysisException) else None
        if condition == "PATH_NOT_FOUND":
            raise TableError(f"{name}: there is no table at {table!r}") from None
        why = "no Parquet" if condition == "UNABLE_TO_INFER_SCHEMA" else sentence_of(error)
        rule = "must be a Delta table or a Parquet file or folder"
        raise TableError(f"{name}: {table!r} {rule}, found {why}") from None
    return Source(name, path, _files_version(spark, rows), rows)


def _open_catalogue(spark: SparkSession, name: str, table: str) -> Source:
    if not spark.catalog.tableExists(table):
        rule = "a path must hold a slash, such as ./tables"
        raise TableError(f"{name}: the catalogue has no table {table!r} ({rule})")
    if spark.catalog.getTable(table).tableType in ("VIEW", "TEMPORARY"):
        return Source(name, table, UNVERSIONED, spark.read.table(table))
    try:
        version = _latest(DeltaTable.forName(spark, table))
    except AnalysisException:
        rows = spark.read.table(table)
        return Source(name, table, _files_version(spark, rows), rows)
    rows = spark.read.option("versionAsOf", version).table(table)
    return Source(name, table, f"delta:{version}", rows)


def is_delta(spark: SparkSession, name: str, path: str) -> bool:
    """Say whether a Delta table stands at a path."""
    with opening(name, path):
        return bool(DeltaTable.isDeltaTable(spark, locate(spark, path)))


def _latest(table: DeltaTable) -> int:
    return int(table.history(1).select("version").collect()[0][0])


def _files_version(spark: SparkSession, rows: DataFrame) -> str:
    """Identify Parquet input by the names, sizes and times of its files."""
    files = rows.inputFiles()
    if not files:
        return UNVERSIONED
    listed = (
        spark.read.format("binaryFile")
        .load([unquote(file) for file in files])
        .select("path", "length", F.unix_micros("modificationTime"))
        .collect()
    )
    digest = hashlib.sha256(json.dumps(sorted(map(tuple, listed))).encode())
    return f"files:{digest.hexdigest()[:16]}"

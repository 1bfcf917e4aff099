"""Tables to read: Delta or Parquet, by path or catalogue name, fixed at one version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructType

from semantic_ids.errors import TableError, nearest
from semantic_ids.spark.places import (
    is_delta,
    is_path,
    load_delta,
    locate,
    open_delta,
    opening,
    read_delta,
)
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of
from semantic_ids.spark.snapshots import (
    StoredFile,
    digest_of,
    latest_version,
    list_files,
    snapshot_of,
    stored_names,
    table_id,
    whole_files,
)

__all__ = ["UNVERSIONED", "Source", "open_source", "quoted"]

UNVERSIONED = "unversioned"
_GLOB = "__globPaths__"  # off: a path means itself, whatever characters are in it


def quoted(column: str) -> str:
    """Write a column's name so that it means itself, whatever characters are in it."""
    return f"`{column.replace('`', '``')}`"


@dataclass(frozen=True)
class Source:
    """A table to read, fixed at one version: a later writer does not change what is read.

    Parameters
    ----------
    name : str
        The configuration key, for messages.
    location : str
        A path with its scheme, or a name in the catalogue.
    version : str
        `delta:` and a number, `files:` and the digest of the listing, or UNVERSIONED.
    rows : DataFrame
    listing : tuple, optional
        The files of Parquet input.
    """

    name: str
    location: str
    version: str
    rows: DataFrame
    listing: tuple[StoredFile, ...] | None = None

    @property
    def label(self) -> str:
        """Its place and version, for logs and lineage."""
        return f"{self.location}@{self.version}"

    @property
    def delta_version(self) -> int | None:
        """The number of a Delta version; None for any other source."""
        kind, _, number = self.version.partition(":")
        return int(number) if kind == "delta" else None

    @cached_property
    def n_rows(self) -> int:
        """Count its rows, once."""
        return self.rows.count()

    def identity(self, columns: Iterable[str]) -> str | None:
        """Give what tells a Delta table, and these columns, from others later in their place.

        A column that is renamed leaves its files as they are, and another may take its name.
        """
        if self.delta_version is None:
            return None
        snapshot = snapshot_of(self.rows)
        names = stored_names(snapshot)
        stored = [f"{name}={names[name]}" for name in sorted(set(columns) & names.keys())]
        return " ".join([table_id(snapshot), *stored])

    def files(self) -> list[str] | None:
        """List the URIs of the Parquet files that are exactly its rows, if there are such."""
        if self.delta_version is not None:
            return whole_files(self.rows)
        return None if self.listing is None else list(self.rows.inputFiles())

    def read_version(self, number: int) -> DataFrame:
        """Read another version of a Delta table, however old, if its files still stand."""
        return read_delta(self.rows.sparkSession, self.location, number)

    def read_feed(self, after: int) -> DataFrame:
        """Read what a Delta table's change data feed says of the versions after one, up to its own.

        Raises
        ------
        Spark's errors
            If the feed was not kept of some version; for files that are gone, once it is read.
        """
        reader = self.rows.sparkSession.read.options(
            readChangeFeed="true", startingVersion=after + 1, endingVersion=self.delta_version or 0
        )
        return load_delta(reader, self.location)

    def type_of(self, column: str) -> DataType:
        """Give a column's type, or say that it is absent."""
        if column not in self.rows.columns:
            hint = nearest(column, self.rows.columns)
            raise TableError(f"{self.name}: {self.location} has no column {column!r}; {hint}")
        if "${" in column:  # Hadoop puts a setting in its place, finds no such column, gives nulls
            raise TableError(f"{self.name}: a column's name must not hold ${{, got {column!r}")
        return self.rows.schema[column].dataType

    def column(self, name: str) -> Column:
        """Give a column by its very name, whatever characters are in it."""
        self.type_of(name)
        return F.col(quoted(name))

    def require(self, column: str, types: Sequence[type[DataType]], rule: str) -> DataType:
        """Give a column's type if it is one of those allowed."""
        found = self.type_of(column)
        if not isinstance(found, tuple(types)):
            raise TableError(
                f"{self.name}: column {column!r} must be {rule}, got {found.simpleString()}"
            )
        return found

    def require_schema(self, schema: StructType) -> None:
        """Refuse a table that lacks a column of a schema, or has it in another type."""
        for field in schema:
            self.require(field.name, [type(field.dataType)], field.dataType.simpleString())


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


def _open_path(spark: SparkSession, name: str, table: str) -> Source:
    path = locate(spark, table)
    if is_delta(spark, name, table):
        version = latest_version(open_delta(spark, table))
        return Source(name, path, f"delta:{version}", read_delta(spark, path, version))
    try:
        rows = spark.read.option(_GLOB, "false").parquet(path)
    except SPARK_ERRORS as error:
        condition = error.getCondition() if isinstance(error, AnalysisException) else None
        if condition == "PATH_NOT_FOUND":
            raise TableError(f"{name}: there is no table at {table!r}") from None
        why = "no Parquet" if condition == "UNABLE_TO_INFER_SCHEMA" else sentence_of(error)
        rule = "must be a Delta table or a Parquet file or folder"
        raise TableError(f"{name}: {table!r} {rule}, found {why}") from None
    return _listed(name, path, rows)


def _open_catalogue(spark: SparkSession, name: str, table: str) -> Source:
    if not spark.catalog.tableExists(table):
        rule = "a path must hold a slash, such as ./tables"
        raise TableError(f"{name}: the catalogue has no table {table!r} ({rule})")
    if spark.catalog.getTable(table).tableType in ("VIEW", "TEMPORARY"):
        return Source(name, table, UNVERSIONED, spark.read.table(table))
    try:
        version = latest_version(open_delta(spark, table))
    except AnalysisException:
        return _listed(name, table, spark.read.table(table))
    return Source(name, table, f"delta:{version}", read_delta(spark, table, version))


def _listed(name: str, location: str, rows: DataFrame) -> Source:
    """Identify Parquet input by the names, sizes and times of its files."""
    listing = tuple(list_files(rows.sparkSession, rows))
    if not listing:
        return Source(name, location, UNVERSIONED, rows)
    return Source(name, location, f"files:{digest_of(listing)}", rows, listing)

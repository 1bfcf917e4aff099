"""Tables of ours: created with their invariants, replaced or appended to in one commit."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from semantic_ids.errors import TableError
from semantic_ids.spark.sources import is_delta, is_path, locate, opening

__all__ = ["Commit", "Output", "label_rejects", "rejects_in"]

_ROW_CHANGES = ("WRITE", "DELETE", "UPDATE", "MERGE", "RESTORE", "TRUNCATE", "REPLACE", "STREAMING")


_REJECTED = "rejected: "


def label_rejects(by_reason: Mapping[str, int]) -> dict[str, int]:
    """Label counts by reason as a commit's `rows` hold them, in the order of the reasons."""
    return {f"{_REJECTED}{reason}": n for reason, n in sorted(by_reason.items())}


def rejects_in(rows: Mapping[str, int]) -> dict[str, int]:
    """Give the counts by reason among a commit's `rows`."""
    labels = [label for label in rows if label.startswith(_REJECTED)]
    return {label.removeprefix(_REJECTED): rows[label] for label in labels}


@dataclass(frozen=True)
class Commit:
    """What one of our commits says of itself: which work it is, from what, and how many rows."""

    key: str
    inputs: Mapping[str, Any]
    rows: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """Give the text stored as the commit's userMetadata."""
        return json.dumps({"key": self.key, "inputs": self.inputs, "rows": self.rows})


@dataclass(frozen=True)
class Output:
    """A Delta table of ours: its schema, partitions, invariants and properties."""

    name: str
    table: str
    schema: StructType
    partition_by: tuple[str, ...] = ()
    constraints: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)

    def check(self, spark: SparkSession) -> None:
        """Refuse a table that stands here with other columns or is none of ours."""
        with opening(self.name, self.table):
            if self.exists(spark):
                self._require_ours(self._open(spark))
            else:
                self._require_vacant(spark)

    def _open(self, spark: SparkSession) -> DeltaTable:
        if is_path(self.table):
            return DeltaTable.forPath(spark, locate(spark, self.table))
        return DeltaTable.forName(spark, self.table)

    def _require_ours(self, existing: DeltaTable) -> None:
        found = {f.name: f.dataType.simpleString() for f in existing.toDF().schema}
        wanted = {f.name: f.dataType.simpleString() for f in self.schema}
        if found != wanted:
            raise TableError(
                f"{self.name}: the table {self.table!r} has columns {_columns(found)}; "
                f"this job writes {_columns(wanted)}"
            )
        kept = existing.detail().select("properties").collect()[0][0]
        for name, value in self.properties.items():
            if kept.get(name) != value:
                raise TableError(
                    f"{self.name}: the table {self.table!r} has {name}={kept.get(name)}; "
                    f"this job writes {value}"
                )

    def _require_vacant(self, spark: SparkSession) -> None:
        if not is_path(self.table):
            schema = self.table.rpartition(".")[0]
            if schema and not spark.catalog.databaseExists(schema):
                raise TableError(f"{self.name}: the catalogue has no schema {schema!r}")
            return
        found = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        try:
            files = found.load(locate(spark, self.table))
        except AnalysisException:
            return
        if files.select("path").head(1):
            raise TableError(f"{self.name}: {self.table!r} holds files that are not a Delta table")

    def create(self, spark: SparkSession) -> DeltaTable:
        """Create the table, invariants included, in one commit; leave a standing one alone."""
        place = locate(spark, self.table)
        builder = DeltaTable.createIfNotExists(spark)
        builder = builder.location(place) if is_path(place) else builder.tableName(place)
        builder = builder.addColumns(self.schema)
        if self.partition_by:
            builder = builder.partitionedBy(*self.partition_by)
        for name, rule in self.constraints.items():
            builder = builder.property(f"delta.constraints.{name}", rule)
        for name, value in self.properties.items():
            builder = builder.property(name, value)
        return builder.execute()

    def exists(self, spark: SparkSession) -> bool:
        """Say whether the table stands."""
        if is_path(self.table):
            return is_delta(spark, self.name, self.table)
        return bool(spark.catalog.tableExists(self.table))

    def commits(self, spark: SparkSession) -> Iterator[Commit]:
        """Give our commits, newest first, back to where somebody else changed rows."""
        if not self.exists(spark):
            return
        history = self._open(spark).history().orderBy(F.desc("version"))
        for row in history.select("operation", "userMetadata").toLocalIterator():
            said = _parse(row["userMetadata"] or "")
            if "key" in said:
                yield Commit(said["key"], said["inputs"], said["rows"])
            elif row["operation"].startswith(_ROW_CHANGES):
                return

    def replace(self, rows: DataFrame, where: str | None, commit: Commit) -> None:
        """Put rows in place of those that meet a condition (all, if none), in one commit."""
        writer = (
            rows.select(*self.schema.names)
            .write.format("delta")
            .mode("overwrite")
            .option("compression", "zstd")
            .option("partitionOverwriteMode", "static")  # whatever the cluster's default
            .option("userMetadata", commit.to_json())
        )
        self._save(rows.sparkSession, writer.option("replaceWhere", where) if where else writer)

    def append(self, rows: DataFrame) -> None:
        """Add rows in one commit."""
        writer = rows.select(*self.schema.names).write.format("delta").mode("append")
        self._save(rows.sparkSession, writer.option("compression", "zstd"))

    def _save(self, spark: SparkSession, writer: DataFrameWriter) -> None:
        place = locate(spark, self.table)
        if is_path(place):
            writer.save(place)
        else:
            writer.saveAsTable(place)


def _parse(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _columns(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in types.items())

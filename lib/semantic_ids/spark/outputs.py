"""Tables of ours: created with their invariants, replaced or appended to in one commit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, DataFrameWriter, Row, SparkSession
from pyspark.sql.types import StructType

from semantic_ids.errors import TableError
from semantic_ids.spark.commits import HARMLESS, AnotherRunError, Commit, Turn, parse_commit
from semantic_ids.spark.history import History
from semantic_ids.spark.places import (
    is_delta,
    is_path,
    locate,
    open_delta,
    opening,
    read_delta,
    require_vacant,
    require_writable,
)
from semantic_ids.spark.snapshots import latest_version, property_of, snapshot_of

__all__ = ["Output"]


@dataclass(frozen=True)
class Output:
    """A Delta table of ours: its schema, partitions, invariants and properties."""

    name: str
    table: str
    schema: StructType
    partition_by: tuple[str, ...] = ()
    constraints: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)  # of a new table; may be changed
    _known: History = field(default_factory=History, init=False, repr=False, compare=False)

    def check(self, spark: SparkSession) -> None:
        """Refuse a table that stands here with other columns or is none of ours.

        Raises
        ------
        TableError
            For that, or where nothing can be written at its path.
        """
        if is_path(self.table) and "`" in self.table:  # Delta writes it into SQL as it is
            raise TableError(f"{self.name}: a table's path must not hold `, got {self.table!r}")
        with opening(self.name, self.table):
            if self.exists(spark):
                self._require_ours(self.open_table(spark))
            else:
                require_vacant(spark, self.name, self.table)
        if is_path(self.table):
            require_writable(spark, self.name, locate(spark, self.table))

    def open_table(self, spark: SparkSession) -> DeltaTable:
        """Open the table to change it."""
        return open_delta(spark, self.table)

    def folder(self, spark: SparkSession) -> str:
        """Say where the table's files are; one that the catalogue does not know yet is created."""
        if is_path(self.table):
            return locate(spark, self.table)
        return str(self.create(spark).detail().select("location").collect()[0][0])

    def _require_ours(self, existing: DeltaTable) -> None:
        found = {f.name: f.dataType.simpleString() for f in existing.toDF().schema}
        wanted = {f.name: f.dataType.simpleString() for f in self.schema}
        if found != wanted:
            raise TableError(
                f"{self.name}: the table {self.table!r} has columns {_columns(found)}; "
                f"this job writes {_columns(wanted)}"
            )
        snapshot = snapshot_of(existing.toDF())
        for name, value in self.properties.items():
            kept = property_of(snapshot, name)
            if kept != value:
                raise TableError(
                    f"{self.name}: the table {self.table!r} has {name}={kept}; "
                    f"this job writes {value}"
                )

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
        for name, value in {**self.defaults, **self.properties}.items():
            builder = builder.property(name, value)
        return builder.execute()

    def exists(self, spark: SparkSession) -> bool:
        """Say whether the table stands."""
        if is_path(self.table):
            return is_delta(spark, self.name, self.table)
        return bool(spark.catalog.tableExists(self.table))

    def commits(self, spark: SparkSession) -> Iterator[Commit]:
        """Give our commits, newest first, back to where somebody else changed rows."""
        for row in self._history(spark):
            commit = parse_commit(row)
            if commit:
                yield commit
            elif row["operation"] not in HARMLESS:
                return

    def _history(self, spark: SparkSession) -> Iterator[Row]:
        return self._known.commits(self.open_table(spark)) if self.exists(spark) else iter(())

    def turn(self, spark: SparkSession, key: str) -> Turn:
        """Take the turn to write the next commit of a key; do so before reading what it rests on.

        Runs that saw the same newest commit of the key hold the same number, and Delta takes it
        once. Commits that the log has forgotten were below its oldest version.
        """
        number = 0
        for row in self._history(spark):
            number = row["version"]
            commit = parse_commit(row)
            if commit and commit.key == key:
                return Turn(key, number + 1)
        return Turn(key, number)

    def read(self, spark: SparkSession, version: int | None = None) -> DataFrame:
        """Read the table at a version, the newest one if none is given; writes do not change it."""
        if version is None:
            version = latest_version(self.open_table(spark))
        return read_delta(spark, self.table, version)

    def replace(
        self, rows: DataFrame, where: str | None, commit: Commit, *, turn: Turn | None = None
    ) -> None:
        """Put rows in place of those that meet a condition (all, if none), in one commit.

        Raises
        ------
        AnotherRunError
            If another run used the turn, or changed the same rows meanwhile.
        """
        self._save(rows.sparkSession, self._overwriting(rows, where), commit, turn)

    def rearrange(self, rows: DataFrame, where: str, commit: Commit, *, turn: Turn) -> None:
        """Put rows that say the same in place of those that meet a condition, in one commit.

        Raises
        ------
        AnotherRunError
            If another run used the turn.
        """
        writer = self._overwriting(rows, where).option("dataChange", "false")
        self._save(rows.sparkSession, writer, commit, turn)

    def _overwriting(self, rows: DataFrame, where: str | None) -> DataFrameWriter:
        writer = self._writer(rows, "overwrite").option("partitionOverwriteMode", "static")
        return writer.option("replaceWhere", where) if where else writer

    def append(
        self, rows: DataFrame, commit: Commit | None = None, *, turn: Turn | None = None
    ) -> None:
        """Add rows in one commit.

        Raises
        ------
        AnotherRunError
            If another run used the turn.
        """
        self._save(rows.sparkSession, self._writer(rows, "append"), commit, turn)

    def _writer(self, rows: DataFrame, mode: str) -> DataFrameWriter:
        writer = rows.select(*self.schema.names).write.format("delta").mode(mode)
        return writer.option("compression", "zstd")

    def _save(
        self,
        spark: SparkSession,
        writer: DataFrameWriter,
        commit: Commit | None,
        turn: Turn | None,
    ) -> None:
        if commit:
            writer = writer.option("userMetadata", commit.to_json())
        if turn:
            writer = writer.option("txnAppId", turn.key).option("txnVersion", str(turn.number))
        place = locate(spark, self.table)
        if is_path(place):
            writer.save(place)
        else:
            writer.saveAsTable(place)
        if commit and turn:
            self.version_of(spark, commit)

    def version_of(self, spark: SparkSession, commit: Commit) -> int:
        """Find our commit: Delta leaves out in silence what comes too late.

        Raises
        ------
        AnotherRunError
            If it is not there.
        """
        said = commit.to_json()
        for row in self._history(spark):
            if row["userMetadata"] == said:
                return int(row["version"])
        raise self.overtaken()

    def overtaken(self) -> AnotherRunError:
        """Give the error of a run whose turn another one used."""
        return AnotherRunError(
            f"{self.name}: another run wrote to {self.table!r} first; "
            "this one wrote nothing there, run it again"
        )


def _columns(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in types.items())

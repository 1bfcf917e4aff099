"""The files behind a version of a source: Delta's own snapshot, or a listing of Parquet files."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from semantic_ids.spark.places import hadoop_path

__all__ = [
    "StoredFile",
    "digest_of",
    "files_of",
    "keep_listing",
    "latest_version",
    "list_files",
    "log_paths",
    "only_files",
    "property_of",
    "read_listing",
    "read_log",
    "rows_of_files",
    "snapshot_of",
    "stored_files",
    "stored_names",
    "table_id",
    "uris_of",
    "whole_files",
]

StoredFile = tuple[str, int, int]  # of a Parquet source: URI without escapes, bytes, time in us
_FOLDER = "_semantic_ids"  # VACUUM and readers pass over names that begin so


def snapshot_of(rows: DataFrame) -> Any:
    """Give Delta's own snapshot behind a DataFrame that reads one version of a table."""
    leaf = rows._jdf.queryExecution().analyzed().collectLeaves().head()
    return leaf.relation().location().getSnapshot()


def table_id(snapshot: Any) -> str:
    """Give what tells a Delta table from another one that later stands in its place."""
    return str(snapshot.metadata().id())


def latest_version(table: DeltaTable) -> int:
    """Give the number of a table's newest version."""
    return int(snapshot_of(table.toDF()).version())


def property_of(snapshot: Any, name: str) -> str | None:
    """Give a property of a table, None where it is not set."""
    kept = snapshot.metadata().configuration().get(name)
    return str(kept.get()) if kept.isDefined() else None


def stored_names(snapshot: Any) -> dict[str, str]:
    """Map the columns that a table's files know by another name, by column mapping, to that."""
    fields = json.loads(snapshot.metadata().schemaString())["fields"]
    names = {f["name"]: f["metadata"].get("delta.columnMapping.physicalName") for f in fields}
    return {name: stored for name, stored in names.items() if stored and stored != name}


def stored_files(spark: SparkSession, snapshot: Any) -> dict[tuple[str, str | None], int]:
    """Map a snapshot's files, each with its deletion vector, to their bytes."""
    files = DataFrame(snapshot.allFiles().toDF(), spark)
    listed = files.select("path", F.to_json("deletionVector"), "size").collect()
    return {(row[0], row[1]): row[2] for row in listed}


def log_paths(snapshot: Any, uris: Iterable[str]) -> list[str]:
    """Write paths of a snapshot's files, as `_metadata.file_path` has them, as its log does."""
    folder = snapshot.deltaLog().dataPath().toUri().getRawPath().rstrip("/")
    depth = len(folder.split("/"))
    return ["/".join(urlsplit(uri).path.split("/")[depth:]) for uri in uris]


def files_of(snapshot: Any, paths: Iterable[str]) -> Any:
    """Give Delta's own descriptions of some files of a snapshot; paths as the log writes them."""
    literals = ", ".join("'" + p.replace("\\", "\\\\").replace("'", "\\'") + "'" for p in paths)
    return snapshot.allFiles().filter(f"path in ({literals})" if literals else "false").collect()


def rows_of_files(spark: SparkSession, snapshot: Any, paths: Iterable[str]) -> DataFrame:
    """Read some files of a snapshot, as the table reads them; paths as the log writes them."""
    scala = spark.sparkContext._jvm.scala  # type: ignore[union-attr]  # py4j
    wrap = getattr(getattr(scala.collection.immutable, "ArraySeq$"), "MODULE$").unsafeWrapArray
    files = wrap(files_of(snapshot, paths))
    log = snapshot.deltaLog()
    return DataFrame(log.createDataFrame(snapshot, files, False, scala.Option.empty()), spark)


def read_log(spark: SparkSession, snapshot: Any, versions: range, actions: str) -> DataFrame:
    """Read actions from the log of a snapshot's table: a row each, and the `version` it is of."""
    folder = snapshot.deltaLog().logPath().toString()
    version = F.col("_metadata.file_name").substr(1, 20).cast("int")
    log = spark.read.schema(actions).option("__globPaths__", "false")
    files = [f"{folder}/{number:020}.json" for number in versions]
    return log.json(files).select("*", version.alias("version"))


def whole_files(rows: DataFrame) -> list[str] | None:
    """List the files, as URIs, that hold exactly a Delta version's rows under its column names.

    None where deletion vectors hide rows, or columns have other names in the files.
    """
    snapshot = snapshot_of(rows)
    if snapshot.metadata().columnMappingMode().name() != "none":
        return None
    if not snapshot.allFiles().filter("deletionVector is not null").isEmpty():
        return None
    return [quote(uri, safe="/:@") for uri in rows.inputFiles()]


def list_files(spark: SparkSession, rows: DataFrame) -> list[StoredFile]:
    """List the files of Parquet input: where they are, their sizes and times."""
    files = [unquote(uri) for uri in rows.inputFiles()]
    if not files:
        return []
    listed = (
        spark.read.format("binaryFile")
        .option("__globPaths__", "false")
        .load(files)
        .select("path", "length", F.unix_micros("modificationTime"))
    )
    return sorted({(row[0], row[1], row[2]) for row in listed.collect()})


def uris_of(spark: SparkSession, files: Sequence[str]) -> list[str]:
    """Write the files of a listing as URIs."""
    return [hadoop_path(spark, file)[0].toUri().toString() for file in files]


def only_files(rows: DataFrame, uris: Sequence[str]) -> DataFrame:
    """Keep the rows of some files of Parquet input; the others are not opened."""
    return rows.where(F.col("_metadata.file_path").isin(list(uris)))


def digest_of(listing: Sequence[StoredFile]) -> str:
    """Give the digest by which a listing is known."""
    return hashlib.sha256(_text(listing)).hexdigest()[:16]


def _text(listing: Sequence[StoredFile]) -> bytes:
    return json.dumps(sorted(listing)).encode()


def keep_listing(spark: SparkSession, folder: str, listing: Sequence[StoredFile]) -> None:
    """Keep a listing in a table's folder under its digest: once written it never changes."""
    path, files = hadoop_path(spark, _place(folder, digest_of(listing)))
    if files.exists(path):
        return
    unfinished = path.suffix(".unfinished")
    out = files.create(unfinished, True)
    try:
        out.write(bytearray(gzip.compress(_text(listing), mtime=0)))
    finally:
        out.close()
    files.rename(unfinished, path)


def read_listing(spark: SparkSession, folder: str, digest: str) -> list[StoredFile] | None:
    """Read a listing by its digest; None where it is gone or damaged."""
    path, files = hadoop_path(spark, _place(folder, digest))
    if not files.exists(path):
        return None
    found = spark.read.format("binaryFile").option("__globPaths__", "false")
    content = found.load(path.toString()).select("content").collect()[0][0]
    try:
        listing = [(each[0], each[1], each[2]) for each in json.loads(gzip.decompress(content))]
    except (OSError, EOFError, ValueError):
        return None
    return listing if digest_of(listing) == digest else None


def _place(folder: str, digest: str) -> str:
    return f"{folder}/{_FOLDER}/{digest}.json.gz"

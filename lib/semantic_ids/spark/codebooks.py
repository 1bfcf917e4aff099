"""The codebooks table: append only, an id never changes meaning."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    IntegerType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from semantic_ids.codebook import Codebook, load, save
from semantic_ids.errors import TableError
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.releases import now_after, released_codebook
from semantic_ids.spark.sources import Source, open_source

__all__ = [
    "FiledCodebook",
    "append_codebook",
    "codebooks_output",
    "open_codebook",
    "open_filed",
    "read_codebook",
    "require_codebooks",
]

_SCHEMA = StructType(
    [
        StructField("codebook_id", StringType()),
        StructField("name", StringType()),
        StructField("created_at", TimestampType()),
        StructField("spec", StringType()),
        StructField("width", IntegerType()),
        StructField("n_digits", IntegerType()),
        StructField("collections", MapType(StringType(), IntegerType())),
        StructField("lineage", StringType()),
        StructField("metrics", StringType()),
        StructField("payload", BinaryType()),
    ]
)
_ID = re.compile(r"[0-9a-f]{32}")


def codebooks_output(table: str) -> Output:
    """Describe the codebooks table."""
    constraints = {"width_in_bytes": "width between 1 and 8"}
    return Output("codebooks", table, _SCHEMA, constraints=constraints)


def append_codebook(
    spark: SparkSession,
    output: Output,
    *,
    codebook: Codebook,
    name: str,
    lineage: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> bool:
    """Add a codebook unless its id and name are there already; say whether it was added.

    It is the newest of its name even where the clock went backwards.
    """
    table = output.create(spark)
    row = (
        codebook.codebook_id,
        name,
        now_after(_newest_us(table.toDF(), name)),
        json.dumps(codebook.spec.to_dict()),
        codebook.width,
        codebook.n_digits,
        dict(codebook.collections),
        json.dumps(lineage),
        json.dumps(metrics),
        bytearray(save(codebook)),
    )
    new = spark.createDataFrame([row], _SCHEMA)
    result = (
        table.alias("old")
        .merge(new.alias("new"), "old.codebook_id = new.codebook_id and old.name = new.name")
        .whenNotMatchedInsertAll()
        .execute()
    )
    return bool(result.select("num_inserted_rows").collect()[0][0])


def _newest_us(codebooks: DataFrame, name: str) -> int | None:
    newest = F.max(F.unix_micros("created_at"))
    found: int | None = codebooks.where(F.col("name") == name).agg(newest).collect()[0][0]
    return found


class NamesCodebook(Protocol):
    """A configuration that says which codebook a job works with."""

    @property
    def codebooks(self) -> str:
        """The table that holds it."""

    @property
    def codebook(self) -> str:
        """Its codebook_id, or a name."""

    @property
    def releases(self) -> str | None:
        """The table that says what a name means."""


@dataclass(frozen=True)
class FiledCodebook:
    """A codebook, and what its row in the table says of it.

    Parameters
    ----------
    codebook : Codebook
    name : str
    lineage, metrics : mapping
        As fit_codebook wrote them; empty where nothing was written.
    """

    codebook: Codebook
    name: str
    lineage: Mapping[str, Any]
    metrics: Mapping[str, Any]


def open_codebook(spark: SparkSession, config: NamesCodebook) -> Codebook:
    """Read the codebook that a configuration means, as `open_filed` does."""
    return open_filed(spark, config).codebook


def open_filed(spark: SparkSession, config: NamesCodebook) -> FiledCodebook:
    """Read the codebook that a configuration means, and what is filed with it.

    An id means itself. A name means its current release where there is a releases table, else the
    newest codebook of that name.

    Raises
    ------
    TableError
        If a table or the codebook is not there, or the name has no release.
    ArtefactError
        If the stored bytes do not give the id that they are filed under.
    """
    wanted = config.codebook
    if config.releases and not _ID.fullmatch(wanted):
        wanted = released_codebook(open_source(spark, "releases", config.releases), wanted)
    return _read(open_source(spark, "codebooks", config.codebooks), wanted)


def read_codebook(source: Source, codebook: str) -> Codebook:
    """Read a codebook by its id, or the newest one of a name, and check its bytes against its id.

    Raises
    ------
    TableError
        If the table holds no such codebook.
    ArtefactError
        If the stored bytes do not give the id that they are filed under.
    """
    return _read(source, codebook).codebook


def require_codebooks(source: Source) -> None:
    """Check that a table has the columns of a codebooks table.

    Raises
    ------
    TableError
        If it lacks one, or has it of another type.
    """
    for field in _SCHEMA:
        source.require(field.name, [type(field.dataType)], field.dataType.simpleString())


def _read(source: Source, codebook: str) -> FiledCodebook:
    require_codebooks(source)
    by_id = _ID.fullmatch(codebook) is not None
    key = "codebook_id" if by_id else "name"
    found = (
        source.rows.where(F.col(key) == codebook)
        .orderBy(F.desc("created_at"))
        .select("codebook_id", "name", "lineage", "metrics", "payload")
        .head(1)
    )
    if not found:
        kind = "codebook_id" if by_id else "codebook named"
        raise TableError(f"codebook: {source.location} has no {kind} {codebook!r}")
    row = found[0]
    loaded = load(bytes(row["payload"] or b""), expected_id=row["codebook_id"])
    return FiledCodebook(loaded, row["name"], _json(row, "lineage"), _json(row, "metrics"))


def _json(row: Row, column: str) -> dict[str, Any]:
    try:
        said = json.loads(row[column] or "{}")
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise TableError(
            f"codebooks: {column} of {row['codebook_id']} must be a JSON object, "
            f"got {row[column][:80]!r}"
        )
    return said

"""The tables of an experiment: opened and checked."""

from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import unquote

from pyspark.sql import SparkSession
from pyspark.sql.types import BooleanType, NumericType, StringType

from semantic_ids.codebook import Codebook
from semantic_ids.errors import ConfigError, TableError
from semantic_ids.ne_configs import EvaluateNe
from semantic_ids.spark.codebooks import open_codebook
from semantic_ids.spark.places import open_delta
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source, open_source
from semantic_ids.spark.vectors import require_embedding

__all__ = ["NeInputs", "open_inputs", "require_torch"]

_READER_SCHEMES = {"s3a": "s3", "s3n": "s3"}


@dataclass(frozen=True)
class NeInputs:
    """The codebook, the tables, each fixed at one version, and the collections of items."""

    codebook: Codebook
    sequences: Source
    events: Source
    item_sids: Source
    embeddings: Source
    collections: tuple[str, ...]

    def sequences_place(self) -> tuple[str, int, str]:
        """Give the path of the sequences as readers without Spark name it, version, codebook_id."""
        table = open_delta(self.sequences.rows.sparkSession, self.sequences.location)
        uri = str(table.detail().select("location").collect()[0][0])
        scheme, _, rest = uri.partition(":")
        path = f"{_READER_SCHEMES.get(scheme, scheme)}:{rest}"
        if scheme == "file":
            path = unquote("/" + rest.lstrip("/"))
        return path, self.sequences.delta_version or 0, self.codebook.codebook_id

    def given(self) -> list[Source]:
        """List the tables."""
        return [self.sequences, self.events, self.item_sids, self.embeddings]


def require_torch() -> None:
    """Refuse, before any work, to train without what models are trained with.

    Raises
    ------
    ConfigError
        If the extra `torch` is missing.
    """
    missing = [name for name in ("torch", "deltalake", "xxhash") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"evaluate_ne: training needs {' and '.join(missing)}: install semantic-ids[torch]"
        )


def open_inputs(spark: SparkSession, config: EvaluateNe) -> NeInputs:
    """Open the codebook and the tables, and check that they go together.

    Raises
    ------
    TableError
        If one is missing or has no column of a name and type needed, or if sequences hold SIDs of
        another codebook, or of several.
    """
    names = ("sequences", "events", "item_sids", "embeddings")
    sources = {name: open_source(spark, name, getattr(config, name)) for name in names}
    codebook = open_codebook(spark, config)
    collections = tuple(config.collections or codebook.collections)
    inputs = NeInputs(codebook, **sources, collections=collections)
    for collection in collections:
        require_embedding(inputs.embeddings, collection)
    if config.label:
        rule = "0 or 1, a number or a boolean"
        inputs.events.require(config.label, [NumericType, BooleanType], rule)
    _check_sequences(inputs)
    return inputs


def _check_sequences(inputs: NeInputs) -> None:
    sequences, codebook_id = inputs.sequences, inputs.codebook.codebook_id
    if sequences.delta_version is None:
        raise TableError(f"sequences: {sequences.location} must be a Delta table")
    sequences.require("codebook_id", [StringType], "string")
    rows = sequences.rows.select("codebook_id").distinct().limit(3).collect()
    found = sorted(str(row[0]) for row in rows)
    if not found:
        raise TableError(f"sequences: {sequences.location} is empty")
    if len(found) > 1:
        raise TableError(
            f"sequences: {sequences.location} must hold SIDs of one codebook, "
            f"got {' and '.join(found[:2])}"
        )
    if found != [codebook_id]:
        raise TableError(
            f"codebook: must be that of {sequences.location}, {found[0]}, got {codebook_id}"
        )
    user_id = id_type(inputs.events, "user_id").simpleString()
    kind = sequences.type_of("user_id").simpleString()
    if user_id != kind:
        raise TableError(f"events: user_id must be {kind} as in sequences, got {user_id}")

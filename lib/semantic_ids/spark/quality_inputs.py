"""The tables of a quality audit: opened, and their columns checked."""

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    LongType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.codebook import Codebook
from semantic_ids.errors import TableError
from semantic_ids.spark.codebooks import FiledCodebook, open_filed
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source, open_source
from semantic_ids.spark.vectors import require_embedding

__all__ = ["QualityInputs", "is_numeric", "open_inputs"]

_NAMES = (StringType, NumericType, BooleanType, DateType, TimestampType, TimestampNTZType)


@dataclass(frozen=True)
class QualityInputs:
    """The codebook and the tables, each fixed at one version.

    Parameters
    ----------
    filed : FiledCodebook
    item_sids, embeddings : Source
    labels : Source
        Where labels and categories are: the embeddings, if no other table is given.
    item_id : DataType
        The type of item ids in item_sids.
    """

    filed: FiledCodebook
    item_sids: Source
    embeddings: Source
    labels: Source
    item_id: DataType

    @property
    def codebook(self) -> Codebook:
        """The codebook whose SIDs are judged."""
        return self.filed.codebook

    @property
    def collection(self) -> str:
        """The codebook's collection; of a fused one's, the first by name."""
        return min(self.codebook.collections)

    def given(self) -> list[Source]:
        """List the tables, each once."""
        tables = [self.item_sids, self.embeddings]
        return tables if self.labels is self.embeddings else [*tables, self.labels]

    def sids(self) -> DataFrame:
        """Select item_id and sid of the codebook's items."""
        of_codebook = F.col("codebook_id") == self.codebook.codebook_id
        item_id = F.col("item_id").cast(self.item_id)
        return self.item_sids.rows.where(of_codebook).select(item_id, "sid")


def open_inputs(spark: SparkSession, config: AuditQuality) -> QualityInputs:
    """Open the codebook and the tables that the configuration names.

    Raises
    ------
    TableError
        If a table or the codebook is missing, or has no column of a name and type needed.
    """
    filed = open_filed(spark, config)
    item_sids = open_source(spark, "item_sids", config.item_sids)
    embeddings = open_source(spark, "embeddings", config.embeddings)
    labels = open_source(spark, "labels", config.labels) if config.labels else embeddings
    inputs = QualityInputs(filed, item_sids, embeddings, labels, id_type(item_sids, "item_id"))
    item_sids.require("sid", [LongType], "bigint")
    item_sids.require("codebook_id", [StringType], "string")
    for collection in filed.codebook.collections:
        require_embedding(embeddings, collection)
    for source in (embeddings, labels):
        found = id_type(source, "item_id")
        if found != inputs.item_id:
            raise TableError(
                f"{source.name}: item_id must be {inputs.item_id.simpleString()} as in "
                f"{item_sids.location}, got {found.simpleString()}"
            )
    for column in (*([config.label] if config.label else []), *config.categories):
        labels.require(column, _NAMES, "text, a number, a boolean, a date or a time")
    return inputs


def is_numeric(source: Source, column: str) -> bool:
    """Say whether a column holds numbers."""
    return isinstance(source.type_of(column), NumericType)

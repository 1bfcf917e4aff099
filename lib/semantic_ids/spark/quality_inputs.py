"""The tables of a quality audit: opened, and their columns checked."""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.spark.sid_inputs import SidInputs, open_sids, require_names
from semantic_ids.spark.sources import Source, open_source
from semantic_ids.spark.vectors import require_embedding

__all__ = ["QualityInputs", "open_inputs"]


@dataclass(frozen=True)
class QualityInputs(SidInputs):
    """The codebook and the tables, each fixed at one version.

    Parameters
    ----------
    embeddings : Source
    labels : Source
        Where labels and categories are: the embeddings, if no other table is given.
    """

    embeddings: Source
    labels: Source

    @property
    def collection(self) -> str:
        """The codebook's one collection."""
        (collection,) = self.codebook.collections
        return collection

    def given(self) -> list[Source]:
        """List the tables, each once."""
        tables = [self.item_sids, self.embeddings]
        return tables if self.labels is self.embeddings else [*tables, self.labels]


def open_inputs(spark: SparkSession, config: AuditQuality) -> QualityInputs:
    """Open the codebook and the tables that the configuration names.

    Raises
    ------
    TableError
        If a table or the codebook is missing, or has no column of a name and type needed.
    """
    sids = open_sids(spark, config)
    embeddings = open_source(spark, "embeddings", config.embeddings)
    labels = open_source(spark, "labels", config.labels) if config.labels else embeddings
    inputs = QualityInputs(sids.filed, sids.item_sids, sids.item_id, embeddings, labels)
    require_embedding(embeddings, inputs.collection)
    require_names(embeddings, [], sids)
    require_names(labels, [config.label, *config.categories], sids)
    return inputs

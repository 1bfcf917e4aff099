"""The tables of the browse page: opened, and their columns checked."""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from semantic_ids.audit_configs import BrowseItems
from semantic_ids.spark.sid_inputs import SidInputs, open_sids, require_names
from semantic_ids.spark.sources import Source, open_source

__all__ = ["BrowseInputs", "open_browse_inputs"]


@dataclass(frozen=True)
class BrowseInputs(SidInputs):
    """The codebook and the tables, each fixed at one version.

    Parameters
    ----------
    labels : Source or None
        Where titles and categories are.
    """

    labels: Source | None

    def given(self) -> list[Source]:
        """List the tables."""
        return [self.item_sids, *([self.labels] if self.labels else [])]


def open_browse_inputs(spark: SparkSession, config: BrowseItems) -> BrowseInputs:
    """Open the codebook and the tables that the configuration names.

    Raises
    ------
    TableError
        If a table or the codebook is missing, or has no column of a name and type needed.
    """
    sids = open_sids(spark, config)
    labels = open_source(spark, "labels", config.labels) if config.labels else None
    if labels:
        require_names(labels, [config.label, config.category], sids)
    return BrowseInputs(sids.filed, sids.item_sids, sids.item_id, labels)

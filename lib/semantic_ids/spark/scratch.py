"""Intermediate rows kept on the executors' disks for the length of a run."""

from contextlib import ExitStack

from pyspark import StorageLevel
from pyspark.sql import DataFrame

__all__ = ["Scratch"]


class Scratch(ExitStack):
    """Keep what is computed once and read several times; let go of it at the end.

    Examples
    --------
    >>> with Scratch() as scratch:
    ...     counted = scratch.keep(rows.groupBy("item_id").count())
    """

    def keep(self, rows: DataFrame) -> DataFrame:
        """Mark rows to be kept from their first use on."""
        kept = rows.persist(StorageLevel.DISK_ONLY)
        self.callback(kept.unpersist)
        return kept

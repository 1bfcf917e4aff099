"""A codebook's rows in the tables: those that stand, and those that a run leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from semantic_ids.spark.commits import Commit

__all__ = ["Result", "Standing"]


@dataclass(frozen=True)
class Standing:
    """A codebook's rows as the newest commit to item_sids and the one beside it left them.

    Parameters
    ----------
    commit : Commit
    sids : DataFrame
        item_id, sid.
    rejects : DataFrame
        item_id, reason, run_id.
    in_step : bool
        False where rejected_items holds what a run left that ended before its commit to item_sids.
    """

    commit: Commit
    sids: DataFrame
    rejects: DataFrame
    in_step: bool

    def rows(self) -> DataFrame:
        """Give the item_id of each row that the source had."""
        return self.sids.select("item_id").unionAll(self.rejects.select("item_id"))


@dataclass(frozen=True)
class Result:
    """What a run leaves in the tables, as far as it differs from what stands.

    Parameters
    ----------
    rows : mapping of str to int
        in, out, kept, and rejects by reason.
    outcome : str
        For the summary.
    sids : DataFrame, optional
        item_id, sid: all rows, sorted by item_id in each partition.
    moves : DataFrame, optional
        item_id, old_sid, sid: only what moved, where all rows are not given.
    counts : mapping of str to int
        Of the moves: inserted, replaced, removed.
    rejects : DataFrame, optional
        item_id, reason, run_id: all rows, unless they are as they were.
    """

    rows: Mapping[str, int]
    outcome: str
    sids: DataFrame | None = None
    moves: DataFrame | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    rejects: DataFrame | None = None

    def n_moved(self) -> int:
        """Count the rows of the table that change or go."""
        return self.counts["replaced"] + self.counts["removed"]

"""A codebook's rows in the tables: those that stand, and those that a run leaves."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame

from semantic_ids.spark.commits import Commit

__all__ = ["Moves", "Result", "Standing"]


@dataclass(frozen=True)
class Standing:
    """A codebook's rows as the newest commit to item_sids and the one beside it left them.

    Parameters
    ----------
    commit : Commit
    sids : DataFrame
        item_id, sid, and their `PLACE` in the table.
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
class Moves:
    """What becomes of the SIDs, and the counts after it.

    Parameters
    ----------
    rows : DataFrame
        item_id, old_sid, sid, `PLACE` of old_sid: items whose SID is another, is new (old_sid null)
        or goes (sid null).
    counts : mapping of str to int
        inserted, replaced, removed.
    net_kept : int
        By how many more are kept without a row in the source.
    n_rejects : int
        Rejects of the changed items, before and now.
    """

    rows: DataFrame
    counts: dict[str, int]
    net_kept: int
    n_rejects: int

    def n_new(self) -> int:
        """Count the SIDs that a table gets."""
        return self.counts["inserted"] + self.counts["replaced"]

    def n_gone(self) -> int:
        """Count the rows of a table that change or go."""
        return self.counts["replaced"] + self.counts["removed"]


@dataclass(frozen=True)
class Result:
    """What a run leaves in the tables: all SIDs, or what moved of them.

    Parameters
    ----------
    rows : mapping of str to int
        in, out, kept, moved, and rejects by reason.
    outcome : str
        For the summary.
    sids : DataFrame, optional
        item_id, sid: all rows, sorted by item_id in each partition.
    moves : Moves, optional
    rejects : DataFrame, optional
        item_id, reason, run_id: all rows, unless they are as they were.
    """

    rows: Mapping[str, int]
    outcome: str
    sids: DataFrame | None = None
    moves: Moves | None = None
    rejects: DataFrame | None = None

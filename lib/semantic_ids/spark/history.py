"""The commits of a Delta table, newest first, and each read once."""

from collections.abc import Iterator
from operator import itemgetter

from delta.tables import DeltaTable
from pyspark.sql import Row

from semantic_ids.spark.snapshots import snapshot_of, table_id

__all__ = ["History"]

_FEW_COMMITS = 20


class History:
    """What has been read of a table's history: commits do not change, so only new ones are."""

    def __init__(self) -> None:
        self._table_id = ""
        self._rows: list[Row] = []  # newest first, without a gap
        self._is_whole = False

    def commits(self, table: DeltaTable) -> Iterator[Row]:
        """Give version, operation and userMetadata of the table's commits as they are now.

        A few are read at first, and all that the log still has once those are used up.
        """
        snapshot = snapshot_of(table.toDF())
        if table_id(snapshot) != self._table_id or not self._go_on(table, snapshot.version()):
            self._table_id, self._rows = table_id(snapshot), _read(table, _FEW_COMMITS)
            self._is_whole = len(self._rows) < _FEW_COMMITS
        seen = self._rows
        yield from seen
        if not self._is_whole:
            self._rows, self._is_whole = _read(table), True
            yield from (row for row in self._rows if row["version"] < seen[-1]["version"])

    def _go_on(self, table: DeltaTable, newest: int) -> bool:
        """Read what came since, and say whether nothing is missing between."""
        n_new = newest - int(self._rows[0]["version"])
        if n_new > 0:
            came = _read(table, n_new)
            if came[-1]["version"] != self._rows[0]["version"] + 1:
                return False
            self._rows = came + self._rows
        return n_new >= 0


def _read(table: DeltaTable, limit: int | None = None) -> list[Row]:
    history = table.history(limit) if limit else table.history()
    rows = history.select("version", "operation", "userMetadata").collect()
    return sorted(rows, key=itemgetter("version"), reverse=True)

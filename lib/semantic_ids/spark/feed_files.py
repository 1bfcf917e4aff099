"""The Parquet files behind a Delta table's change data feed."""

import re

from pyspark.sql import DataFrame

from semantic_ids.spark.encoding import Stored
from semantic_ids.spark.snapshots import read_log, snapshot_of
from semantic_ids.spark.sources import Source

__all__ = ["stored_in_feed"]

_FILE = "struct<path: string, dataChange: boolean, deletionVector: struct<storageType: string>>"
_ACTIONS = f"cdc struct<path: string>, add {_FILE}, remove {_FILE}"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def stored_in_feed(source: Source, after: int, latest: DataFrame) -> Stored | None:
    """Find the files with the rows that came after a version.

    Of a commit with files of changes those are taken, in which `_change_type` says which rows
    came; of any other the data files that it added, all rows of which came.

    Parameters
    ----------
    source : Source
    after : int
    latest : DataFrame
        item_id, version: of which commits the rows are meant.

    Returns
    -------
    Stored or None
        None where there are none; where only deletion vectors tell which rows came; where the
        files name columns otherwise than the table.
    """
    snapshot = snapshot_of(source.rows)
    if snapshot.metadata().columnMappingMode().name() != "none":
        return None
    versions = range(after + 1, (source.delta_version or 0) + 1)
    log = read_log(source.rows.sparkSession, snapshot, versions, _ACTIONS)
    log = log.where("cdc is not null or add.dataChange or remove.dataChange")
    commits: dict[int, list[tuple[str, str, bool]]] = {}
    for row in log.collect():
        ((kind, file),) = [(k, row[k]) for k in ("cdc", "add", "remove") if row[k] is not None]
        marked = kind != "cdc" and file["deletionVector"] is not None
        commits.setdefault(row["version"], []).append((kind, file["path"], marked))
    root = snapshot.deltaLog().dataPath().toUri().toString()
    uris, numbers = [], []
    for version, actions in sorted(commits.items()):
        paths = _paths_that_came(actions)
        if paths is None:
            return None
        uris += [path if _SCHEME.match(path) else f"{root}/{path}" for path in paths]
        numbers += [version] * len(paths)
    return Stored(uris, numbers, latest) if uris else None


def _paths_that_came(actions: list[tuple[str, str, bool]]) -> list[str] | None:
    changes = [path for kind, path, _ in actions if kind == "cdc"]
    if changes:
        return changes
    added = {path for kind, path, _ in actions if kind == "add"}
    removed = {path for kind, path, _ in actions if kind == "remove"}
    marked = any(is_marked for kind, _, is_marked in actions if kind == "add")
    return None if marked or added & removed else sorted(added)

"""A pinned version of a ``sequences`` table: its files and columns, from the Delta log alone."""

import datetime
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from semantic_ids.errors import InputError, TableError, nearest
from semantic_ids.trainers.arguments import check_integer

FORMAT = "1"
COLUMN_TYPES = {
    "user_id": ("long", "string"),
    "n_events": ("integer",),
    "sids": ("binary",),
    "timestamps": ("binary",),
    "codebook_id": ("string",),
}
EVENT_DTYPES = ("|b1", "|i1", "<i2", "<i4", "<i8", "<f4", "<f8")

DateRange = tuple[datetime.date | str, datetime.date | str]


@dataclass(frozen=True)
class Snapshot:
    """One version of a table.

    Parameters
    ----------
    table_id : str
        The table's id in its log, the same wherever the table lies.
    version : int
    log : Table
        A row for each data file, sorted by its path in the log: its `uri` (local files are plain
        paths) and what the log says of it, such as ``partition.ds`` or ``min.user_id``.
    packed : mapping of str to dtype
        ``timestamps`` and the event columns, with the type of an element.
    user_id : pyarrow type
    buckets : int or None
        Number of buckets that users are hashed to, where the table says so.
    """

    table_id: str
    version: int
    log: pa.Table
    packed: Mapping[str, np.dtype[Any]]
    user_id: pa.DataType
    buckets: int | None

    @property
    def files(self) -> dict[str, int | None]:
        """URIs of the data files, as ``rows_by_file``."""
        return rows_by_file(self.log)

    def choose(self, columns: Sequence[str] | None) -> list[str]:
        """Return the packed columns asked for, by default all; raise TableError for others."""
        names = list(self.packed) if columns is None else list(columns)
        check_names(names, self.packed, what="columns")
        return names


def open_snapshot(
    path: str,
    *,
    version: int | None = None,
    ds: DateRange | None = None,
    storage_options: dict[str, str] | None = None,
) -> Snapshot:
    """Read the log of a table and pin a version, by default the latest.

    Raises
    ------
    TableError
        If there is no such table or version, if it is not a ``sequences`` table of this format, or
        if deletion vectors or column mapping keep its files from being read as they are.
    """
    table = open_table(path, "sequences", version=version, storage_options=storage_options)
    _check_columns(table, path)
    packed = _packed_columns(table, path)
    buckets = table.metadata().configuration.get("semantic_ids.buckets")
    log = list_files(table)
    if ds is not None:
        first, last = _dates(ds)
        day = log.column("partition.ds")
        log = log.filter(pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last)))
    return Snapshot(
        table_id=str(table.metadata().id),
        version=table.version(),
        log=log,
        packed=packed,
        user_id=pa.int64() if column_types(table)["user_id"] == "long" else pa.string(),
        buckets=None if buckets is None else int(buckets),
    )


def open_table(
    path: str, name: str, *, version: int | None, storage_options: dict[str, str] | None
) -> DeltaTable:
    """Read the log of a table whose files can be read as they are; `name` is for messages."""
    table = _open(path, name, version=version, storage_options=storage_options)
    _refuse_column_mapping(table, name, path)
    _refuse_deletion_vectors(table, name, path)
    return table


def list_files(table: DeltaTable) -> pa.Table:
    """Return what the log says of each data file, as ``Snapshot.log``."""
    actions = pa.table(table.get_add_actions(flatten=True))
    log = actions.sort_by("path")
    uris = [_located(table.table_uri, path) for path in log.column("path").to_pylist()]
    return log.append_column("uri", pa.array(uris, pa.string()))


def rows_by_file(log: pa.Table) -> dict[str, int | None]:
    """Return how many rows the log says that each data file has; None where it does not."""
    uris = log.column("uri").to_pylist()
    has_counts = "num_records" in log.column_names
    counts = log.column("num_records").to_pylist() if has_counts else [None] * len(uris)
    return dict(zip(uris, counts, strict=True))


def check_names(names: Iterable[str], known: Collection[str], *, what: str) -> None:
    """Raise TableError for the first name that is not known, with the nearest right one."""
    for name in names:
        if name not in known:
            raise TableError(
                f"{what} must be of the table, got {name!r}; {nearest(str(name), known)}"
            )


def _open(
    path: str, name: str, *, version: int | None, storage_options: dict[str, str] | None
) -> DeltaTable:
    if version is not None:
        check_integer("version", version, least=0)
    try:
        return DeltaTable(path, version=version, storage_options=storage_options)
    except TableNotFoundError:
        raise TableError(f"{name} must be a Delta table, found none at {path}") from None
    except (DeltaError, OSError) as error:
        if version is not None:
            latest = _open(path, name, version=None, storage_options=storage_options).version()
            raise TableError(
                f"version must be one that the log of {path} still has (the latest is {latest}), "
                f"got {version}"
            ) from error
        raise TableError(f"{name} must be a readable Delta table, got {path}: {error}") from error


def _refuse_column_mapping(table: DeltaTable, name: str, path: str) -> None:
    mode = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if mode != "none":
        raise TableError(
            f"{name} must be a table without column mapping, got mode {mode!r} in {path}: "
            "its files do not bear the names of its columns"
        )


def _refuse_deletion_vectors(table: DeltaTable, name: str, path: str) -> None:
    """Refuse files with deleted rows in them; the mere permission to have some does no harm."""
    if "deletionVectors" not in (table.protocol().reader_features or ()):
        return
    vectors = pa.RecordBatchReader.from_stream(table.deletion_vectors())
    if any(batch.num_rows for batch in vectors):
        raise TableError(
            f"{name} must be a table without deletion vectors, {path} has some in version "
            f"{table.version()}: run REORG TABLE ... APPLY (PURGE) on it"
        )


def _check_columns(table: DeltaTable, path: str) -> None:
    found = column_types(table)
    for name, types in COLUMN_TYPES.items():
        if name not in found:
            raise TableError(f"{path} must have a column {name!r}; {nearest(name, found)}")
        if found[name] not in types:
            raise TableError(f"{name} must be {' or '.join(types)} in {path}, got {found[name]}")


def _packed_columns(table: DeltaTable, path: str) -> dict[str, np.dtype[Any]]:
    properties = table.metadata().configuration
    if properties.get("semantic_ids.format") != FORMAT:
        raise TableError(
            f"table property semantic_ids.format must be {FORMAT!r} in {path}, "
            f"got {properties.get('semantic_ids.format')!r}"
        )
    found = column_types(table)
    packed = {"timestamps": np.dtype("<i8")}
    for name, dtype in json.loads(properties.get("semantic_ids.event_columns", "{}")).items():
        if found.get(name) != "binary" or dtype not in EVENT_DTYPES:
            raise TableError(
                f"semantic_ids.event_columns of {path} must give binary columns one of the types "
                f"{', '.join(EVENT_DTYPES)}, got {name}: {dtype} on a column of {found.get(name)}"
            )
        packed[name] = np.dtype(dtype)
    return packed


def column_types(table: DeltaTable) -> dict[str, str]:
    """Return Delta's names of the columns' types."""
    return {field.name: getattr(field.type, "type", "nested") for field in table.schema().fields}


def _located(table_uri: str, path: str) -> str:
    """Return where a file is whose path, in a log, is relative to the table or a URI of its own."""
    uri = path if urlsplit(path).scheme else f"{table_uri.rstrip('/')}/{path}"
    return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri


def _dates(ds: DateRange) -> list[datetime.date]:
    if isinstance(ds, str) or len(ds) != 2:
        raise InputError(f"ds must be two dates such as 2024-01-31, got {ds!r}")
    return [_date(value) for value in ds]


def _date(value: datetime.date | str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError:
        raise InputError(f"ds must be two dates such as 2024-01-31, got {value!r}") from None

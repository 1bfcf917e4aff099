"""A pinned version of a ``sequences`` table: its files and columns, from the Delta log alone."""

import datetime
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from semantic_ids.errors import InputError, TableError, nearest

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
    version : int
    files : tuple of str
        URIs of the data files, sorted by ``file_key``; local files are plain paths.
    packed : mapping of str to dtype
        ``timestamps`` and the event columns, with the type of an element.
    """

    version: int
    files: tuple[str, ...]
    packed: Mapping[str, np.dtype[Any]]


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
    table = _open(path, version, storage_options)
    _refuse_column_mapping(table, path)
    _refuse_deletion_vectors(table, path)
    _check_columns(table, path)
    predicate = None if ds is None else [("ds", ">=", _date(ds[0])), ("ds", "<=", _date(ds[1]))]
    files = table.file_uris(file_pruning_predicate=predicate)
    return Snapshot(
        version=table.version(),
        files=tuple(sorted(map(_as_path, files), key=file_key)),
        packed=_packed_columns(table, path),
    )


def file_key(uri: str) -> str:
    """Return what names a file wherever its table lies: partition folders and name."""
    return "/".join(uri.split("/")[-3:])


def check_names(names: Iterable[str], known: Collection[str], *, what: str) -> None:
    """Raise TableError for the first name that is not known, with the nearest right one."""
    for name in names:
        if name not in known:
            raise TableError(f"{what} must be of the table, got {name!r}; {nearest(name, known)}")


def _open(path: str, version: int | None, storage_options: dict[str, str] | None) -> DeltaTable:
    if version is not None and version < 0:
        raise InputError(f"version must be 0 or more, got {version}")
    try:
        return DeltaTable(path, version=version, storage_options=storage_options)
    except TableNotFoundError:
        raise TableError(f"sequences must be a Delta table, found none at {path}") from None
    except (DeltaError, OSError) as error:
        if version is not None:
            latest = _open(path, None, storage_options).version()
            raise TableError(
                f"version must be one that the log of {path} still has (the latest is {latest}), "
                f"got {version}"
            ) from error
        raise TableError(
            f"sequences must be a readable Delta table, got {path}: {error}"
        ) from error


def _refuse_column_mapping(table: DeltaTable, path: str) -> None:
    mode = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if mode != "none":
        raise TableError(
            f"sequences must be a table without column mapping, got mode {mode!r} in {path}: "
            "its files do not bear the names of its columns"
        )


def _refuse_deletion_vectors(table: DeltaTable, path: str) -> None:
    """Refuse files with deleted rows in them; the mere permission to have some does no harm."""
    if "deletionVectors" not in (table.protocol().reader_features or ()):
        return
    vectors = pa.RecordBatchReader.from_stream(table.deletion_vectors())
    if any(batch.num_rows for batch in vectors):
        raise TableError(
            f"sequences must be a table without deletion vectors, {path} has some in version "
            f"{table.version()}: run REORG TABLE ... APPLY (PURGE) on it"
        )


def _check_columns(table: DeltaTable, path: str) -> None:
    found = _column_types(table)
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
    found = _column_types(table)
    packed = {"timestamps": np.dtype("<i8")}
    for name, dtype in json.loads(properties.get("semantic_ids.event_columns", "{}")).items():
        if found.get(name) != "binary" or dtype not in EVENT_DTYPES:
            raise TableError(
                f"semantic_ids.event_columns of {path} must give binary columns one of the types "
                f"{', '.join(EVENT_DTYPES)}, got {name}: {dtype} on a column of {found.get(name)}"
            )
        packed[name] = np.dtype(dtype)
    return packed


def _column_types(table: DeltaTable) -> dict[str, str]:
    return {field.name: getattr(field.type, "type", "nested") for field in table.schema().fields}


def _as_path(uri: str) -> str:
    """Undo the URL encoding that deltalake applies to local paths, too."""
    return uri if "://" in uri else unquote(uri)


def _date(value: datetime.date | str) -> str:
    try:
        return datetime.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise InputError(f"ds must be two dates such as 2024-01-31, got {value!r}") from None

"""Parquet files of a table: opened, held against the log, and what their footers say."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from semantic_ids.errors import TableError


@contextmanager
def open_file(
    uri: str, filesystem: fs.FileSystem | None, *, metadata: pq.FileMetaData | None = None
) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; with its `metadata` at hand the footer is not read again.

    Raises
    ------
    TableError
        If the file is gone or damaged, also where that shows while it is read. Checksums of pages
        are not looked at: what that costs is in docs/performance.md.
    """
    try:
        if filesystem is not None:
            path = unquote(uri.rpartition("://")[-1]) if "://" in uri else uri
        elif "://" in uri:
            filesystem, path = fs.FileSystem.from_uri(uri)
        else:
            filesystem, path = fs.LocalFileSystem(use_mmap=True), uri
        is_local = isinstance(filesystem, fs.LocalFileSystem)
        with filesystem.open_input_file(path) as source:
            yield pq.ParquetFile(
                source,
                metadata=metadata,
                pre_buffer=not is_local,
                coerce_int96_timestamp_unit="us",
            )
    except FileNotFoundError:
        raise TableError(
            f"files of a pinned version must still be there, {uri} is gone: was the table vacuumed?"
        ) from None
    except UnicodeDecodeError as error:
        raise TableError(f"{uri} must hold text in UTF-8, got {error.object[:40]!r}") from None
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{uri} must be a sound Parquet file, got: {error}") from error


def check_columns(
    file: pq.ParquetFile, names: Iterable[str], *, n_rows: int | None, uri: str
) -> None:
    """Raise TableError unless a file has each column once, and the rows that the log says."""
    for name in names:
        n = file.schema_arrow.names.count(name)
        if n != 1:
            raise TableError(f"each file must have one column {name}, got {n} in {uri}")
    found = sum(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups))
    if n_rows is not None and found != n_rows:
        raise TableError(
            f"{uri} must have the {n_rows} rows that the log of the table says, got {found}"
        )


def check_packed(file: pq.ParquetFile, names: Iterable[str], uri: str) -> None:
    """Raise TableError unless a file's n_events are integers and its packed columns are bytes."""
    for name in names:
        kind = file.schema_arrow.field(name).type
        is_right = pa.types.is_integer(kind) if name == "n_events" else _is_bytes(kind)
        if not is_right:
            wanted = "an integer" if name == "n_events" else "binary"
            raise TableError(f"{name} must be {wanted} in {uri}, got {kind}")


def _is_bytes(kind: pa.DataType) -> bool:
    try:
        pa.array([], kind).cast(pa.large_binary())
    except pa.ArrowException:
        return False
    return True


def leaf_index(file: pq.ParquetFile, name: str) -> int:
    """Return the place of a column among a row group's, which has one for each part of a struct."""
    schema = file.metadata.schema
    return next(i for i in range(len(schema)) if schema.column(i).path == name)


def statistics_of(group: pq.RowGroupMetaData, column: int) -> pq.Statistics | None:
    """Return the statistics of a row group's column, None unless they hold for each of its rows."""
    found = group.column(column).statistics
    is_known = found is not None and found.has_min_max and found.null_count == 0
    return found if is_known else None


def bounds_of(group: pq.RowGroupMetaData, column: int) -> tuple[Any, Any] | None:
    """Return the least and the greatest value of a row group's column, None if not known."""
    found = statistics_of(group, column)
    return None if found is None else (found.min, found.max)

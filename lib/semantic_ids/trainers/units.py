"""The units in which a table is shared out: row groups of its files, and their rows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from semantic_ids.errors import TableError
from semantic_ids.trainers.snapshot import check_names

FOOTER_THREADS = 8


class Unit(NamedTuple):
    """A row group of a file, as far as one codebook is concerned.

    `n_rows` counts the codebook's rows, `row_bytes` is the mean size of a row in memory, and a row
    group that `is_mixed` has rows of other codebooks, too.
    """

    file: str
    row_group: int
    codebook_id: str
    n_rows: int
    row_bytes: int
    is_mixed: bool


def list_units(
    files: Sequence[str], columns: Sequence[str], filesystem: fs.FileSystem | None
) -> list[Unit]:
    """List the row groups of files, in order, from their footers.

    Raises
    ------
    TableError
        If a file is gone, damaged, or lacks a column.
    """
    with ThreadPoolExecutor(FOOTER_THREADS) as threads:
        per_file = threads.map(lambda file: _units_of(file, columns, filesystem), files)
        return [unit for units in per_file for unit in units]


def choose_codebook(units: Sequence[Unit], codebook_id: str | None, path: str) -> str | None:
    """Return the codebook to read: the one asked for, or the only one, or None without units."""
    known = sorted({unit.codebook_id for unit in units})
    if codebook_id is not None and units:
        check_names([codebook_id], known, what="codebook_id")
    if codebook_id is None and len(known) > 1:
        raise TableError(
            f"codebook_id must be chosen where a table has several, {path} has {', '.join(known)}"
        )
    return codebook_id or next(iter(known), None)


def read_unit(
    unit: Unit,
    columns: Sequence[str],
    filesystem: fs.FileSystem | None,
    *,
    skip: int,
    rows_per_read: int,
) -> Iterator[pa.RecordBatch]:
    """Read a unit's rows after the first `skip`, from 1 to `rows_per_read` at once."""
    wanted = [*columns, "codebook_id"] if unit.is_mixed else list(columns)
    with _open(unit.file, filesystem) as file:
        for read in file.iter_batches(
            rows_per_read, row_groups=[unit.row_group], columns=wanted, use_threads=False
        ):
            rows = read
            if unit.is_mixed:
                is_wanted = pc.equal(read.column("codebook_id"), unit.codebook_id)
                rows = read.filter(is_wanted).select(columns)
            if skip < rows.num_rows:
                yield rows.slice(skip)
            skip = max(0, skip - rows.num_rows)


def _units_of(file: str, columns: Sequence[str], filesystem: fs.FileSystem | None) -> list[Unit]:
    units = []
    with _open(file, filesystem) as opened:
        names = opened.schema_arrow.names
        for name in (*columns, "codebook_id"):
            if name not in names:
                raise TableError(f"each file must have a column {name}, got {file} without it")
        for i in range(opened.num_row_groups):
            group = opened.metadata.row_group(i)
            rows_of = _rows_by_codebook(opened, i, names.index("codebook_id"))
            for codebook_id, n_rows in rows_of.items():
                row_bytes = group.total_byte_size // group.num_rows + 1
                units.append(Unit(file, i, codebook_id, n_rows, row_bytes, len(rows_of) > 1))
    return units


def _rows_by_codebook(file: pq.ParquetFile, row_group: int, column: int) -> dict[str, int]:
    group = file.metadata.row_group(row_group)
    statistics = group.column(column).statistics
    if (
        statistics is not None
        and statistics.has_min_max
        and statistics.null_count == 0
        and statistics.min == statistics.max
    ):
        return {statistics.min: group.num_rows}
    ids = file.read_row_group(row_group, columns=["codebook_id"]).column(0)
    return {count["values"]: count["counts"] for count in ids.value_counts().to_pylist()}


@contextmanager
def _open(uri: str, filesystem: fs.FileSystem | None) -> Iterator[pq.ParquetFile]:
    try:
        if filesystem is not None:
            path = uri.rpartition("://")[-1]
        elif "://" in uri:
            filesystem, path = fs.FileSystem.from_uri(uri)
        else:
            filesystem, path = fs.LocalFileSystem(use_mmap=True), uri
        is_local = isinstance(filesystem, fs.LocalFileSystem)
        with filesystem.open_input_file(path) as source:
            yield pq.ParquetFile(source, pre_buffer=not is_local)
    except FileNotFoundError:
        raise TableError(
            f"files of a pinned version must still be there, {uri} is gone: was the table vacuumed?"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{uri} must be a sound Parquet file, got: {error}") from error

"""The units in which a table is shared out: row groups of its files, and their rows."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from semantic_ids.errors import TableError
from semantic_ids.trainers.parquet_files import (
    bounds_of,
    check_columns,
    check_packed,
    leaf_index,
    open_file,
)
from semantic_ids.trainers.snapshot import check_names

BYTES_PER_READ = 4 << 20
FOOTER_THREADS = 8
WIDTH_SAMPLE = 64


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
    files: Mapping[str, int | None],
    columns: Sequence[str],
    filesystem: fs.FileSystem | None,
    *,
    by_codebook: bool = True,
) -> list[Unit]:
    """List the row groups of files, in order, from their footers.

    `files` are URIs with the rows that the log gives them, None where it does not say. Where rows
    have no codebook, `by_codebook` is False and the units' codebook_id is empty.

    Raises
    ------
    TableError
        If a file is gone or damaged, has other rows or columns than the table says, or rows whose
        codebook_id is null.
    """
    with ThreadPoolExecutor(FOOTER_THREADS) as threads:
        per_file = threads.map(
            lambda file: units_of(
                file, columns, filesystem, n_rows=files[file], by_codebook=by_codebook
            ),
            files,
        )
        return [unit for units in per_file for unit in units]


def choose_codebook(known: Collection[str], codebook_id: str | None, path: str) -> str | None:
    """Return the codebook to read: the one asked for, or the only one, or None if none is known."""
    ids = sorted(known)
    if codebook_id is not None and ids:
        check_names([codebook_id], ids, what="codebook_id")
    if codebook_id is None and len(ids) > 1:
        raise TableError(
            f"codebook_id must be chosen where a table has several, {path} has {', '.join(ids)}"
        )
    return codebook_id or next(iter(ids), None)


def read_units(
    units: Sequence[Unit],
    columns: Sequence[str],
    filesystem: fs.FileSystem | None,
    *,
    skip: int,
    rows_per_read: int,
) -> Iterator[pa.RecordBatch]:
    """Read the rows of units of one file after the first `skip`, from 1 to `rows_per_read` at once.

    Reads go on over the end of a row group, so that small ones cost no more than large ones.
    """
    is_mixed = any(unit.is_mixed for unit in units)
    wanted = [*columns, "codebook_id"] if is_mixed else list(columns)
    with open_file(units[0].file, filesystem) as file:
        row_groups = [unit.row_group for unit in units]
        for read in file.iter_batches(
            rows_per_read, row_groups=row_groups, columns=wanted, use_threads=False
        ):
            rows = read
            if is_mixed:
                is_wanted = pc.equal(read.column("codebook_id"), units[0].codebook_id)
                rows = read.filter(is_wanted).select(columns)
            if skip < rows.num_rows:
                yield rows.slice(skip)
            skip = max(0, skip - rows.num_rows)


def units_of(
    file: str,
    columns: Sequence[str],
    filesystem: fs.FileSystem | None,
    *,
    n_rows: int | None,
    by_codebook: bool = True,
) -> list[Unit]:
    """List the row groups of one file, as ``list_units``."""
    units = []
    names = (*columns, "codebook_id") if by_codebook else columns
    with open_file(file, filesystem) as opened:
        check_columns(opened, names, n_rows=n_rows, uri=file)
        groups = [opened.metadata.row_group(i) for i in range(opened.num_row_groups)]
        counts = [{"": group.num_rows} for group in groups]
        if by_codebook:
            check_packed(opened, set(columns) - {"user_id"}, file)
            counts = _rows_by_codebook(opened, file)
        for i, (group, rows_of) in enumerate(zip(groups, counts, strict=True)):
            for codebook_id, n in rows_of.items():
                row_bytes = group.total_byte_size // max(1, group.num_rows) + 1
                units.append(Unit(file, i, codebook_id, n, row_bytes, len(rows_of) > 1))
    return units


def _rows_by_codebook(file: pq.ParquetFile, uri: str) -> list[dict[str, int]]:
    """Count the rows of each codebook, for each row group."""
    column = leaf_index(file, "codebook_id")
    found = []
    for i in range(file.num_row_groups):
        group = file.metadata.row_group(i)
        bounds = bounds_of(group, column)
        if bounds is not None and bounds[0] == bounds[1]:
            found.append({bounds[0]: group.num_rows})
        else:
            ids = file.read_row_group(i, columns=["codebook_id"]).column(0)
            counts = ids.value_counts().to_pylist()
            found.append({count["values"]: count["counts"] for count in counts})
    n_nulls = sum(rows_of.get(None, 0) for rows_of in found)
    if n_nulls:
        raise TableError(
            f"codebook_id must not be null, got null in {n_nulls} of {file.metadata.num_rows} rows "
            f"of {uri}"
        )
    return found


def find_width(units: Iterable[Unit], filesystem: fs.FileSystem | None) -> int | None:
    """Return the bytes of a SID, as most of the first segments with events have; None without.

    Most and not the first, so that a damaged segment does not put all others in the wrong.
    """
    reads = (
        rows
        for unit in units
        for rows in read_units(
            [unit], ["n_events", "sids"], filesystem, skip=0, rows_per_read=WIDTH_SAMPLE
        )
    )
    found = Counter(islice(chain.from_iterable(map(_widths_of, reads)), WIDTH_SAMPLE))
    return max(found, key=found.__getitem__, default=None)


def _widths_of(rows: pa.RecordBatch) -> list[int]:
    """Return the bytes for each event of the segments that have events and a whole number."""
    n_events = pc.fill_null(rows.column("n_events"), 0).to_numpy(zero_copy_only=False)
    n_bytes = pc.binary_length(rows.column("sids").cast(pa.large_binary()))
    n_bytes = pc.fill_null(n_bytes, 0).to_numpy(zero_copy_only=False)
    has_some = (n_events > 0) & (n_bytes > 0)
    widths, rests = np.divmod(n_bytes[has_some], n_events[has_some])
    return widths[rests == 0].tolist()  # type: ignore[no-any-return]  # pyarrow has no types

"""Parquet files read by pyarrow, beside Spark: where they are, their row groups, their rows."""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet as pq

from semantic_ids.errors import TableError

__all__ = ["CAME", "CHANGE_TYPE", "FOOTERS", "RowGroup", "balance", "read_footers", "read_rows"]

FOOTERS = "file int, row_group int, rows bigint, size_bytes bigint, broken boolean, problem string"

_FOOTERS = pa.schema(
    [
        ("file", pa.int32()),
        ("row_group", pa.int32()),
        ("rows", pa.int64()),
        ("size_bytes", pa.int64()),
        ("broken", pa.bool_()),
        ("problem", pa.string()),
    ]
)
CHANGE_TYPE = "_change_type"  # a column of Delta's files of changes
CAME = ("insert", "update_postimage")
# Hadoop's schemes to pyarrow's. Not abfs: without credentials pyarrow 26 ends the whole process.
_SCHEMES = {"file": "file", "hdfs": "hdfs", "gs": "gs", "s3": "s3", "s3a": "s3", "s3n": "s3"}
_OPTIONS = {"gs": "?retry_limit_seconds=10"}  # by default it tries for a quarter of an hour
_BUFFER_BYTES = 8 * 2**20  # of each column chunk in memory, however large the row group
_TAIL = 8
_CANNOT_READ = (OSError, pa.ArrowException)


@dataclass(frozen=True)
class RowGroup:
    """One row group of one file, what its columns weigh in it, and the file's commit."""

    uri: str
    index: int
    size_bytes: int
    version: int | None = None


class _UnknownTypeError(Exception):
    """A file stores a column in a way that is left to Spark."""


def open_file(uri: str) -> pa.NativeFile:
    """Open a file by its URI; Hadoop's names of schemes are understood.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If the scheme is left to Spark, or the file cannot be opened from here.
    """
    scheme, colon, rest = uri.partition(":")
    if scheme not in _SCHEMES:
        raise OSError(f"its scheme must be one of {', '.join(_SCHEMES)}, got {scheme!r}")
    known = _SCHEMES[scheme] + colon + rest + _OPTIONS.get(scheme, "")
    file_system, path = pyarrow.fs.FileSystem.from_uri(known)
    return file_system.open_input_file(path)


def read_footers(
    uris: Sequence[str], places: Sequence[int], collections: Sequence[str]
) -> pa.RecordBatch:
    """Describe the row groups of some files, or say why one cannot be read here.

    Parameters
    ----------
    uris : sequence of str
        All files.
    places : sequence of int
        Which of them to read.
    collections : sequence of str
        The embedding columns; item_id is one column more.

    Returns
    -------
    pyarrow.RecordBatch
        One row a row group as in `FOOTERS`, `file` being its place among the uris. For a file
        with a problem one row says what it is, and whether the file itself is broken.
    """
    rows = [row for place in places for row in _footer_rows(uris[place], place, collections)]
    columns = zip(*rows, strict=True) if rows else [[]] * len(_FOOTERS)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, _FOOTERS.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_FOOTERS)


def _footer_rows(uri: str, place: int, collections: Sequence[str]) -> list[tuple[object, ...]]:
    def problem(text: str, *, broken: bool) -> list[tuple[object, ...]]:
        return [(place, None, None, None, broken, text)]

    try:
        file = open_file(uri)
        file.seek(max(0, file.size() - _TAIL))
        magic = file.read()[-4:]
    except _CANNOT_READ as error:
        return problem(f"pyarrow cannot open {unquote(uri)}: {_first_line(error)}", broken=False)
    if magic == b"PARE":
        return problem(f"{unquote(uri)} is encrypted", broken=False)
    try:
        if magic != b"PAR1":
            raise pa.ArrowInvalid("it must end with PAR1, so it is cut short or of another kind")
        footer = pq.ParquetFile(file)
        _check_types(footer.schema_arrow, collections)
    except _UnknownTypeError as error:
        return problem(f"{unquote(uri)} {error}", broken=False)
    except _CANNOT_READ as error:
        return problem(f"{unquote(uri)} is no Parquet file: {_first_line(error)}", broken=True)
    groups = [footer.metadata.row_group(index) for index in range(footer.num_row_groups)]
    sizes = [_size_bytes(group, collections) for group in groups]
    return [
        (place, index, groups[index].num_rows, size, False, None)
        for index, size in enumerate(sizes)
    ]


def _size_bytes(group: pq.RowGroupMetaData, collections: Sequence[str]) -> int:
    chunks = [group.column(number) for number in range(group.num_columns)]
    names = ("item_id", *collections)
    wanted = [c for c in chunks if any(_is_under(c.path_in_schema, name) for name in names)]
    return sum(int(chunk.total_compressed_size) for chunk in wanted)


def _is_under(path: str, column: str) -> bool:
    return path == column or path.startswith(f"{column}.")


def _check_types(schema: pa.Schema, collections: Sequence[str]) -> None:
    kinds = dict.fromkeys(collections, _is_embedding)
    for name, is_known in {"item_id": _is_id, **kinds}.items():
        if len(schema.get_all_field_indices(name)) != 1:
            raise _UnknownTypeError(f"has no column of the very name {name!r}")
        found = schema.field(name).type
        if not is_known(found):
            raise _UnknownTypeError(f"holds {name!r} as {found}")


def _is_id(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_string = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return is_string or (pa.types.is_integer(kind) and not pa.types.is_uint64(kind))


def _is_embedding(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return bool(kind.value_type in (pa.float32(), pa.float64()))
    binaries = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(is_kind(kind) for is_kind in binaries)


def balance(groups: Sequence[RowGroup], n_tasks: int) -> list[list[RowGroup]]:
    """Share row groups out over at most `n_tasks` tasks, the largest first to the lightest task.

    No task weighs more than 4/3 of the best sharing there is (Graham, 1969).
    """
    heap = [(0, 0, task) for task in range(min(n_tasks, len(groups)))]
    tasks: list[list[RowGroup]] = [[] for _ in heap]
    for group in sorted(groups, key=lambda group: (-group.size_bytes, group.uri, group.index)):
        weight, n_groups, lightest = heap[0]
        tasks[lightest].append(group)
        heapq.heapreplace(heap, (weight + group.size_bytes, n_groups + 1, lightest))
    return tasks


def read_rows(
    groups: Sequence[RowGroup],
    collections: Sequence[str],
    *,
    item_id: pa.DataType,
    batch_rows: int,
) -> Iterator[pa.RecordBatch]:
    """Read item_id, in the type asked for, and collections in their order, batch by batch.

    Of files with a version, those of a change feed, only the rows that came, with that `version`.
    Memory is bounded by a batch and a buffer of 8 MiB for each column, whatever the size of a row
    group.

    Raises
    ------
    TableError
        If a file cannot be read: it is there no more, or it is damaged. A changed bit is noticed
        where pages carry checksums, as those do that Spark writes.
    """
    by_file: dict[tuple[str, int | None], list[int]] = {}
    for group in sorted(groups, key=lambda group: (group.uri, group.index)):
        by_file.setdefault((group.uri, group.version), []).append(group.index)
    for (uri, version), indices in by_file.items():
        with _naming(uri), open_file(uri) as opened:
            file = pq.ParquetFile(
                opened,
                pre_buffer=False,
                buffer_size=_BUFFER_BYTES,
                page_checksum_verification=True,
            )
            columns = ["item_id", *collections]
            has_changes = version is not None and CHANGE_TYPE in file.schema_arrow.names
            if has_changes:
                columns.append(CHANGE_TYPE)
            for batch in file.iter_batches(batch_rows, indices, columns, use_threads=False):
                rows = batch
                if has_changes:
                    rows = batch.filter(pc.is_in(batch.column(CHANGE_TYPE), pa.array(CAME)))
                plain = _plain(rows, collections, item_id)
                if version is not None:
                    versions = pa.repeat(pa.scalar(version, pa.int64()), len(plain))
                    plain = plain.append_column("version", versions)
                yield plain


def _plain(rows: pa.RecordBatch, names: Sequence[str], item_id: pa.DataType) -> pa.RecordBatch:
    columns = [rows.column(name) for name in names]
    plain = [
        column.cast(pa.binary()) if pa.types.is_fixed_size_binary(column.type) else column
        for column in columns
    ]
    item_ids = pc.cast(rows.column("item_id"), item_id)
    return pa.RecordBatch.from_arrays([item_ids, *plain], ["item_id", *names])


@contextmanager
def _naming(uri: str) -> Iterator[None]:
    try:
        yield
    except _CANNOT_READ as error:
        raise TableError(f"{unquote(uri)} cannot be read: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else repr(error)

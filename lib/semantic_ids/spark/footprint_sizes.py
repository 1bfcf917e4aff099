"""What the active files of a table weigh: sizes on disk, and columns from Parquet footers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from pyspark.sql import functions as F

from semantic_ids.errors import TableError
from semantic_ids.report import TableSize
from semantic_ids.spark.sources import Source

__all__ = ["active_files", "measure_table", "read_footer"]

_FILES_PER_TASK = 32
_SCHEMA = "column string, size_bytes bigint, n_rows bigint"


def measure_table(source: Source, *, unit: str, n_rows: int, n_units: int) -> TableSize:
    """Measure the files of a table's pinned version; footers are read on executors.

    Parameters
    ----------
    source : Source
    unit : str
        "event" or "item".
    n_rows, n_units : int
        Rows of the table, and the events or items in them.

    Raises
    ------
    TableError
        If a file is missing, or is not Parquet.
    """
    files = active_files(source)
    sizes, n_stored_rows = _sum_footers(source, files)
    in_order = [column for column in source.rows.columns if column in sizes]
    unknown = sorted(column for column in sizes if column and column not in in_order)
    return TableSize(
        name=source.name,
        location=source.location,
        version=source.version,
        n_files=len(files),
        size_bytes=sizes[None],
        n_rows=n_rows,
        n_stored_rows=n_stored_rows,
        unit=unit,
        n_units=n_units,
        columns={column: sizes[column] for column in (*in_order, *unknown)},
        folder_columns=tuple(c for c in source.rows.columns if c not in sizes),
    )


def _sum_footers(source: Source, files: Sequence[str]) -> tuple[dict[str | None, int], int]:
    """Sum sizes by column, and by None for whole files, on executors; and count rows."""
    name = source.name

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for uri in batch.column(0).to_pylist():
                yield read_footer(uri, name)

    tasks = -(-len(files) // _FILES_PER_TASK)
    listed = source.rows.sparkSession.createDataFrame([(uri,) for uri in files], "uri string")
    footers = listed.repartition(tasks).mapInArrow(read, _SCHEMA)
    found = footers.groupBy("column").agg(F.sum("size_bytes"), F.sum("n_rows")).collect()
    return {row[0]: row[1] for row in found}, next(row[2] for row in found if row[0] is None)


def active_files(source: Source) -> list[str]:
    """List the files of a table's version as URIs without escapes.

    Delta gives them so; Spark's own sources escape spaces and percent signs.
    """
    files = source.rows.inputFiles()
    return list(files) if source.version.startswith("delta:") else [unquote(uri) for uri in files]


def read_footer(uri: str, name: str) -> pa.RecordBatch:
    """Read the size of one file and of its columns.

    Parameters
    ----------
    uri : str
        Without escapes; any scheme that pyarrow knows.
    name : str
        The table's configuration key, for messages.

    Returns
    -------
    RecordBatch
        column, size_bytes, n_rows: a row with column null for the whole file, and one for each
        top-level column, whose n_rows is 0.
    """
    try:
        filesystem, path = _filesystem_of(uri)
        size_bytes = filesystem.get_file_info(path).size
        footer = pq.read_metadata(path, filesystem=filesystem)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise TableError(
            f"{name}: {uri!r} must be a Parquet file that can be read: {reason}"
        ) from None
    columns = _column_sizes(footer)
    return pa.RecordBatch.from_pydict(
        {
            "column": pa.array([None, *columns], pa.string()),
            "size_bytes": pa.array([size_bytes, *columns.values()], pa.int64()),
            "n_rows": pa.array([footer.num_rows, *[0] * len(columns)], pa.int64()),
        }
    )


def _column_sizes(footer: pq.FileMetaData) -> Counter[str]:
    """Sum compressed chunk sizes by top-level column; a leaf's path starts with its name."""
    names = footer.schema.to_arrow_schema().names
    leaves = [footer.schema.column(place).path for place in range(footer.num_columns)]
    tops = [max((n for n in names if f"{leaf}.".startswith(f"{n}.")), key=len) for leaf in leaves]
    sizes: Counter[str] = Counter()
    for place in range(footer.num_row_groups):
        group = footer.row_group(place)
        for leaf, top in enumerate(tops):
            sizes[top] += group.column(leaf).total_compressed_size
    return sizes


def _filesystem_of(uri: str) -> tuple[pafs.FileSystem, str]:
    """Find the file system of an unescaped URI, and the file's path in it."""
    scheme, _, rest = uri.partition(":")
    if scheme == "file":
        return pafs.LocalFileSystem(), "/" + rest.lstrip("/")
    authority = urlsplit(uri).netloc
    path = rest.removeprefix(f"//{authority}")
    root = f"{_PYARROW_SCHEMES.get(scheme, scheme)}://{authority}/"
    filesystem, base = pafs.FileSystem.from_uri(root)
    return filesystem, base.rstrip("/") + path


_PYARROW_SCHEMES = {"s3a": "s3", "s3n": "s3"}

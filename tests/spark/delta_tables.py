"""Small tables in, tables out, without Spark."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable


def embeddings(ids, vectors, kind=None) -> pa.Table:
    """Give a table of item_id and text: lists of float unless another Arrow type is asked for."""
    kind = kind or pa.list_(pa.float32())
    return pa.table({"item_id": ids, "text": pa.array(list(vectors), kind)})


def read_delta(path) -> pa.Table:
    """Read a Delta table without Spark."""
    return DeltaTable(str(path)).to_pyarrow_dataset().to_table()


def version_of(path) -> int:
    """Give the newest version of a Delta table."""
    return DeltaTable(str(path)).version()


def texts_on_disk(table):
    """Read every file under a table's folder by hand, the log and its checkpoints included."""
    for file in sorted(Path(table).rglob("*")):
        if file.is_file() and file.suffix == ".parquet":
            yield file, str(pq.ParquetFile(file).read().to_pylist())
        elif file.is_file():
            yield file, file.read_bytes().decode("latin-1")

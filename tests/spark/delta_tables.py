"""Small tables in, tables out, without Spark."""

import pyarrow as pa
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

"""Make items.parquet and events.parquet from the full data set: float16 embeddings, zstd.

python examples/online_retail/make.py ../shared/data/online_retail
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def main(source: Path) -> None:
    """Write both files beside this script."""
    here = Path(__file__).parent
    items = pq.read_table(source / "items.parquet").replace_schema_metadata()
    for name in ("text_embedding", "copurchase_embedding"):
        column = items.column(name).combine_chunks()
        rows = np.asarray(column.flatten(), np.float32).reshape(len(column), -1)
        blobs = pa.array([row.tobytes() for row in rows.astype("<f2")], pa.binary())
        items = items.set_column(items.schema.get_field_index(name), name, blobs)
    events = pq.read_table(source / "events.parquet").replace_schema_metadata()
    for name, table in (("items", items), ("events", events)):
        pq.write_table(table, here / f"{name}.parquet", compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Items drawn by hash, and what a table says of them."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from semantic_ids.spark.sources import Source

__all__ = ["hash_bound", "is_numeric", "look_up", "look_up_readable", "sample_bound"]

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def hash_bound(n_wanted: int, n_all: int) -> int:
    """Give the hash below which about so many of all lie; the highest where all are wanted."""
    if n_wanted >= n_all:
        return _HIGHEST
    return _LOWEST + 2**64 * n_wanted // n_all


def sample_bound(size: int, n_all: int) -> int:
    """Give a hash below which `size` of all lie: eight standard deviations more are wanted."""
    return hash_bound(size + 8 * int(size**0.5) + 8, n_all)


def look_up(source: Source, item_ids: pa.ChunkedArray, columns: Mapping[str, Column]) -> pa.Table:
    """Read columns of some items, a row for each item in order.

    Returns
    -------
    Table
        The columns, null where the source lacks the item, and is_known. Of several rows of an item
        the one whose columns have the lowest hash is taken.
    """
    spark = source.rows.sparkSession
    item_id = "bigint" if pa.types.is_integer(item_ids.type) else "string"
    ids = pa.table({"item_id": item_ids.unique()})
    wanted = F.broadcast(spark.createDataFrame(ids, f"item_id {item_id}"))
    named = source.rows.select(
        F.col("item_id").cast(item_id),
        *(column.alias(name) for name, column in columns.items()),
    )
    rows = named.join(wanted, "item_id", "left_semi").withColumn("tie", F.xxhash64(*columns))
    found = rows.toArrow().sort_by([("item_id", "ascending"), ("tie", "ascending")])
    places = pc.index_in(item_ids, found["item_id"].combine_chunks())
    taken = found.select(list(columns)).take(places)
    return taken.append_column("is_known", pc.is_valid(places))


def look_up_readable(
    source: Source, item_ids: pa.ChunkedArray, columns: Mapping[str, str]
) -> pa.Table:
    """Look up columns under our names, each in a type that Arrow and people can read."""
    named = {ours: _readable(source, theirs) for ours, theirs in columns.items()}
    return look_up(source, item_ids, named)


def is_numeric(source: Source, column: str) -> bool:
    """Say whether a column holds numbers."""
    return isinstance(source.type_of(column), NumericType)


def _readable(source: Source, name: str) -> Column:
    kind = source.type_of(name).typeName()
    if kind in ("array", "binary"):
        return source.column(name)
    if is_numeric(source, name):
        return source.column(name).cast("double")
    return F.make_valid_utf8(source.column(name).cast("string"))

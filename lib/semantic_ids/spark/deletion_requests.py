"""Requests to forget users or items: tables of ids, since an id in a configuration would stay."""

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from semantic_ids.errors import TableError
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import Source

__all__ = ["asked_and_present", "ids_to_forget", "require_gone"]


def ids_to_forget(source: Source, column: str, kind: str) -> DataFrame:
    """Read the ids of a deletion request, each once, in the type that our tables have.

    Raises
    ------
    TableError
        If the ids are of another type, or there is none.
    """
    found = id_type(source, column).simpleString()
    if found != kind:
        raise TableError(
            f"{source.name}: column {column!r} must be {kind} as in our tables, got {found}"
        )
    ids = source.rows.select(F.col(column).cast(kind)).where(F.col(column).isNotNull()).distinct()
    if not ids.head(1):
        raise TableError(f"{source.name}: {source.location} must hold a {column} to forget")
    return ids


def require_gone(ids: DataFrame, source: Source, column: str) -> None:
    """Refuse ids that the source still has: the next run of a job would bring them back.

    Raises
    ------
    TableError
        If there is one.
    """
    left = source.rows.select(F.col(column).cast(ids.schema[0].dataType)).distinct()
    n_left = left.join(F.broadcast(ids), column, "left_semi").count()
    if n_left:
        raise TableError(
            f"{source.name}: {n_left:,} of those to forget are still in {source.location}; "
            "delete them there first"
        )


def asked_and_present(ids: DataFrame, tables: Iterable[DataFrame]) -> str:
    """Say how many ids a request names, and how many of them stand in at least one of our tables.

    Reads the tables' column of ids.
    """
    (column,) = ids.columns
    held = reduce(DataFrame.unionAll, (table.select(column) for table in tables))
    n_present = held.join(F.broadcast(ids), column, "left_semi").distinct().count()
    return f"{ids.count():,} asked for, {n_present:,} present"

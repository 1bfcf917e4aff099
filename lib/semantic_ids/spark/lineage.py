"""The tables of a run by the names that OpenLineage gives them."""

from collections.abc import Mapping
from urllib.parse import unquote

from pyspark.sql import SparkSession

from semantic_ids.spark.places import is_path, locate
from semantic_ids.spark.session import SPARK_ERRORS

__all__ = ["dataset_of", "name_datasets"]

_OBJECT_STORES = {
    "abfs": "abfss",
    "abfss": "abfss",
    "gs": "gs",
    "s3": "s3",
    "s3a": "s3",
    "s3n": "s3",
    "wasbs": "wasbs",
}


def dataset_of(location: str) -> dict[str, str]:
    """Name a place by the rules of OpenLineage (its specification, Naming).

    Where the rules leave a choice, it is that of OpenLineage's own client for Spark: a key in an
    object store has no slash before it, and a store that has several schemes goes by one.

    Parameters
    ----------
    location : str
        A path with its scheme, as Hadoop writes it: nothing in it is escaped.

    Returns
    -------
    dict of str
        `namespace` and `name`.

    Examples
    --------
    >>> dataset_of("s3a://shop/tables/events")
    {'namespace': 's3://shop', 'name': 'tables/events'}
    """
    scheme, _, rest = location.partition(":")
    authority = ""
    if rest.startswith("//"):
        authority, slash, rest = rest.removeprefix("//").partition("/")
        rest = slash + rest
    name = rest.rstrip("/")
    if scheme in _OBJECT_STORES:
        scheme, name = _OBJECT_STORES[scheme], name.lstrip("/")
    return {"namespace": f"{scheme}://{authority}" if authority else scheme, "name": name or "/"}


def name_datasets(spark: SparkSession, tables: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Name tables, each under its key, but for views and what the catalogue does not know yet."""
    places = ((key, _location(spark, table)) for key, table in tables.items())
    return {key: dataset_of(place) for key, place in places if place}


def _location(spark: SparkSession, table: str) -> str | None:
    try:
        if is_path(table):
            return locate(spark, table)
        state = spark._jsparkSession.sessionState()
        name = state.sqlParser().parseTableIdentifier(table)
        return unquote(str(state.catalog().getTableMetadata(name).location().toString()))
    except SPARK_ERRORS:
        return None

"""A deterministic sample of an embeddings table: the same rows whatever the partitioning."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.sql import functions as F

from semantic_ids.errors import TableError
from semantic_ids.spark.sources import Source
from semantic_ids.spark.vectors import lengths_of, parse_vectors

__all__ = ["Sample", "draw_sample"]

_OVERDRAW_SIGMAS = 6


@dataclass(frozen=True)
class Sample:
    """Vectors drawn from a table, in an order of their own.

    Parameters
    ----------
    vectors : ndarray of shape (n, dim), float32
    rows_seen : int
        Rows of the table.
    rows_drawn : int
        Rows of the sample, n valid ones and the rest.
    """

    vectors: npt.NDArray[np.float32]
    rows_seen: int
    rows_drawn: int


def draw_sample(
    source: Source,
    collection: str,
    *,
    size: int,
    seed: int,
    dim: int | None,
    binary_dtype: str,
) -> Sample:
    """Draw the `size` rows whose hash of (item_id, seed) is lowest.

    A threshold on the hash leaves little more than `size` rows to sort, so that no executor
    holds more than its share. Rows that tie (one item_id twice) are ordered by the embedding.

    Raises
    ------
    TableError
        If the table is empty or no row of the sample is a vector.
    """
    rows_seen = source.rows.count()
    if not rows_seen:
        raise TableError(f"{source.name}: {source.location} is empty")
    place = F.xxhash64(F.col("item_id"), F.lit(seed))
    vector = source.column(collection).alias("vector")
    keyed = source.rows.select(place.alias("place"), "item_id", vector)
    drawn = (
        keyed.where(F.col("place") <= _threshold(size, rows_seen))
        .orderBy("place", "item_id", F.xxhash64("vector"))
        .limit(size)
        .select("vector")
        .toArrow()
        .column(0)
        .combine_chunks()
    )
    dim = dim or _commonest_length(lengths_of(drawn, binary_dtype))
    if not dim:
        raise TableError(f"{source.name}: no row of {collection!r} holds an embedding")
    parsed = parse_vectors(drawn, dim, binary_dtype=binary_dtype)
    return Sample(parsed.vectors, rows_seen, len(drawn))


def _threshold(size: int, rows: int) -> int:
    """Give the hash below which at least `size` of `rows` lie, but for odds of one in 10^9."""
    expected = size + _OVERDRAW_SIGMAS * (size**0.5 + _OVERDRAW_SIGMAS)
    share = min(1.0, expected / rows)
    return min(2**63 - 1, int(share * 2**64) - 2**63)


def _commonest_length(lengths: npt.NDArray[np.int64]) -> int:
    present = lengths[lengths > 0]
    return int(np.bincount(present).argmax()) if len(present) else 0

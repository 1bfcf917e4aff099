"""A fused codebook's SIDs against every collection and category of the drawn items."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from semantic_ids.codebook import (
    CategoryFit,
    Head,
    decode,
    measure_category,
    measure_errors,
    neighbour_recall,
    present_rows,
)
from semantic_ids.report import CollectionFit, FusedQuality
from semantic_ids.spark.quality_draw import Drawn
from semantic_ids.spark.quality_inputs import QualityInputs
from semantic_ids.spark.sources import Source
from semantic_ids.spark.vectors import parse_vectors

__all__ = ["measure_fused", "targets_of"]


def measure_fused(
    inputs: QualityInputs, drawn: Drawn, *, binary_dtype: str, n_queries: int
) -> FusedQuality | None:
    """Measure each collection and category of the sample; None for a codebook of one collection."""
    fusion = inputs.codebook.fusion
    if fusion is None:
        return None
    item_ids, sids = drawn.item_ids.slice(0, drawn.n_sample), drawn.sids[: drawn.n_sample]
    names = list(inputs.codebook.collections)
    columns = _read(inputs.embeddings, item_ids, names)
    collections = tuple(
        _collection(inputs, name, column, sids, binary_dtype=binary_dtype, n_queries=n_queries)
        for name, column in zip(names, columns, strict=True)
    )
    there = [name for name in fusion.heads if name in inputs.labels.rows.columns]
    found = dict.fromkeys(there, inputs.labels)
    gaps = [
        f"Category {name}: {inputs.labels.location} has no such column."
        for name in fusion.heads
        if name not in found
    ]
    categories = []
    for name, column in zip(there, _read(inputs.labels, item_ids, there), strict=True):
        fit, gap = _category(inputs, name, fusion.heads[name], column, sids)
        categories += [fit] if fit else []
        gaps += [gap] if gap else []
    return FusedQuality(collections, tuple(categories), tuple(gaps))


def _read(source: Source, item_ids: pa.Array, names: list[str]) -> list[pa.Array]:
    """Read columns of items in their order, null where the source lacks one.

    Of several rows of an item the one whose columns have the lowest hash is taken.
    """
    if not names:
        return []
    spark, columns = source.rows.sparkSession, [source.column(name) for name in names]
    kind = "bigint" if pa.types.is_integer(item_ids.type) else "string"
    wanted = spark.createDataFrame(pa.table({"item_id": item_ids}), f"item_id {kind}")
    ours = [column.alias(f"c{number}") for number, column in enumerate(columns)]
    rows = source.rows.select(F.col("item_id").cast(kind), *ours, F.xxhash64(*columns).alias("tie"))
    found = rows.join(F.broadcast(wanted), "item_id", "left_semi").toArrow()
    found = found.sort_by([("item_id", "ascending"), ("tie", "ascending")])
    places = pc.index_in(item_ids, found["item_id"].combine_chunks())
    return [found[f"c{i}"].combine_chunks().take(places) for i in range(len(names))]


def _collection(
    inputs: QualityInputs,
    name: str,
    column: pa.Array,
    sids: npt.NDArray[np.int64],
    *,
    binary_dtype: str,
    n_queries: int,
) -> CollectionFit:
    part, fusion = inputs.codebook.of(name), inputs.codebook.fusion
    parsed = parse_vectors(column, part.dim, binary_dtype=binary_dtype)
    zero = fusion is not None and fusion.branches[name].zero_is_missing
    has = present_rows(parsed.vectors, zero_is_missing=zero)
    vectors, own = parsed.vectors[has], sids[parsed.valid][has]
    if not len(vectors):
        return CollectionFit(name, 0, len(sids), None, None)
    relative = measure_errors(vectors, own, part).relative
    recall = neighbour_recall(vectors, decode(own, part), n_queries=n_queries)
    return CollectionFit(
        name,
        len(vectors),
        len(sids) - len(vectors),
        relative[-1] if relative else None,
        recall.mean if recall else None,
    )


def _category(
    inputs: QualityInputs, name: str, head: Head, column: pa.Array, sids: npt.NDArray[np.int64]
) -> tuple[CategoryFit | None, str | None]:
    """Measure a category, and say which items are left out."""
    targets, n_unseen = targets_of(head, column)
    known = targets >= 0 if targets.ndim == 1 else ~np.isnan(targets).any(axis=1)
    gap = None
    if n_unseen:
        gap = (
            f"Category {name}: {n_unseen:,} items of the sample have a class that training has "
            "not seen, or no class of the head's; they are left out."
        )
    if not known.any():
        return None, gap or f"Category {name}: no item of the sample has a value."
    return measure_category(sids[known], targets[known], inputs.codebook, name), gap


def targets_of(head: Head, column: pa.Array) -> tuple[npt.NDArray[Any], int]:
    """Give the places of classes, -1 where there is none, or probabilities, NaN where none are.

    Also how many items have a value that the head cannot be asked for.
    """
    values = column.to_pylist()
    if pa.types.is_list(column.type):
        n = len(head.classes)
        fits = [value is not None and len(value) == n and None not in value for value in values]
        rows = [v if fit else [np.nan] * n for v, fit in zip(values, fits, strict=True)]
        given = sum(value is not None for value in values)
        return np.array(rows, np.float64).reshape(len(values), n), given - sum(fits)
    place = {label: number for number, label in enumerate(head.classes)}
    targets = np.array([place.get(value, -1) for value in values], np.int64)
    return targets, int((targets < 0).sum()) - column.null_count

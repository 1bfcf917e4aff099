"""A fused codebook's SIDs against every collection and category of the drawn items."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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
from semantic_ids.spark.drawing import look_up
from semantic_ids.spark.quality_draw import Drawn
from semantic_ids.spark.quality_inputs import QualityInputs
from semantic_ids.spark.vectors import parse_vectors

__all__ = ["measure_fused", "targets_of"]


def measure_fused(
    inputs: QualityInputs, drawn: Drawn, *, binary_dtype: str, n_queries: int
) -> FusedQuality | None:
    """Measure each collection and category of the sample; None for a codebook of one collection."""
    fusion = inputs.codebook.fusion
    if fusion is None:
        return None
    sids = drawn.sids[: drawn.n_sample]
    names = list(inputs.codebook.collections)
    there = [name for name in fusion.heads if name in inputs.labels.rows.columns]
    columns = _look_up(inputs, drawn, names, there)
    collections = tuple(
        _collection(
            inputs, name, columns[0, name], sids, binary_dtype=binary_dtype, n_queries=n_queries
        )
        for name in names
    )
    gaps = [
        f"Category {name}: {inputs.labels.location} has no such column."
        for name in fusion.heads
        if name not in there
    ]
    categories = []
    for name in there:
        fit, gap = _category(inputs, name, fusion.heads[name], columns[1, name], sids)
        categories += [fit] if fit else []
        gaps += [gap] if gap else []
    return FusedQuality(collections, tuple(categories), tuple(gaps))


def _look_up(
    inputs: QualityInputs, drawn: Drawn, collections: list[str], heads: list[str]
) -> dict[tuple[int, str], pa.Array]:
    """Read collections (0) and categories (1) of the sample, in one pass where they stand together.

    Null where a table lacks the item.
    """
    item_ids = pa.chunked_array([drawn.item_ids.slice(0, drawn.n_sample)])
    wanted = {(0, name): inputs.embeddings.column(name) for name in collections}
    beside = {(1, name): inputs.labels.column(name) for name in heads}
    if inputs.labels is inputs.embeddings:
        wanted, beside = wanted | beside, {}
    found: dict[tuple[int, str], pa.Array] = {}
    for source, columns in ((inputs.embeddings, wanted), (inputs.labels, beside)):
        if columns:
            ours = {f"column_{place}": column for place, column in enumerate(columns.values())}
            table = look_up(source, item_ids, ours)
            arrays = (table[name].combine_chunks() for name in ours)
            found |= dict(zip(columns, arrays, strict=True))
    return found


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

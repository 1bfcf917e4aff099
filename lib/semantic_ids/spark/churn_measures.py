"""Counts and a sample of both sides to measured values: every measure is the codebook's."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from semantic_ids.audit_configs import AuditChurn
from semantic_ids.codebook import (
    churn_by_group,
    decode,
    moved_distances,
    neighbour_recall,
    sids_to_bytes,
    summarise_moves,
)
from semantic_ids.errors import InputError, TableError
from semantic_ids.report import CategoryChurn, Churn, Compared, Counts, MovedItem, UserChurn
from semantic_ids.spark.churn_inputs import ChurnInputs, Side
from semantic_ids.spark.churn_items import PairedItems
from semantic_ids.spark.quality_measures import classes_of

__all__ = ["Names", "measure_churn"]

_N_FARTHEST = 20
_LEAST = 10  # of fewer items a category is not told

Floats = npt.NDArray[np.float64]
Names = tuple[Sequence[str | None], Sequence[pa.Array]]
"""Of each item its title, and of each category its values."""


def measure_churn(
    config: AuditChurn,
    inputs: ChurnInputs,
    counts: tuple[Counts, Counts | None, UserChurn | None],
    pairs: PairedItems,
    *,
    names: Names,
    compared: Compared,
) -> Churn:
    """Measure all that counts and a sample tell.

    Raises
    ------
    TableError
        If a side has a SID that its codebook never assigns.
    """
    items, events, users = counts
    titles, columns = names
    before = _decode(inputs.before, pairs.before)
    after = _decode(inputs.after, pairs.after)
    comparable = _places(inputs.before) == _places(inputs.after)
    distances = moved_distances(before, after) if comparable else None
    moved = pairs.before != pairs.after if inputs.is_one_codebook else None
    of_moved = None if distances is None or moved is None else summarise_moves(distances[moved])
    categories = tuple(_categories(config.categories, columns, moved, distances))
    return Churn(
        compared=compared,
        items=items,
        events=events,
        users=users,
        moves=None if distances is None else summarise_moves(distances),
        moves_of_moved=of_moved,
        recall=neighbour_recall(before, after, n_queries=config.queries),
        categories=categories,
        farthest=tuple(_farthest(inputs, pairs, distances, titles)),
        not_measured=tuple(_gaps(config, inputs, len(pairs.before), distances, categories)),
    )


def _places(side: Side) -> dict[str, int]:
    """Give what a side's SIDs decode to: collections, and their dimensions."""
    return dict(side.codebook.collections)


def _decode(side: Side, sids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    try:
        return decode(sids, side.codebook)
    except InputError as error:
        table = side.item_sids
        raise TableError(
            f"{table.name}: the SIDs of {table.label} must be some that codebook "
            f"{side.codebook.codebook_id} assigns: {error}"
        ) from None


def _categories(
    names: Sequence[str],
    columns: Sequence[pa.Array],
    moved: npt.NDArray[np.bool_] | None,
    distances: Floats | None,
) -> Iterator[CategoryChurn]:
    if moved is None and distances is None:
        return
    for name, column in zip(names, columns, strict=True):
        values, in_tenths = classes_of(column)
        known = values.is_valid().to_numpy(zero_copy_only=False)
        encoded = values.drop_null().dictionary_encode()
        groups = churn_by_group(
            encoded.indices.to_numpy(zero_copy_only=False),
            moved=None if moved is None else moved[known],
            distances=None if distances is None else distances[known],
            least=_LEAST,
        )
        if groups:
            texts = _texts(encoded.dictionary, column if in_tenths else None, values)
            told = tuple((texts[group.group], group) for group in groups)
            yield CategoryChurn(name, int(known.sum()), len(texts), in_tenths, told)


def _texts(classes: pa.Array, numbers: pa.Array | None, values: pa.Array) -> list[str]:
    """Write the values of a category for people; a tenth as the range of its numbers."""
    if numbers is None:
        return [_text(value) for value in classes.to_pylist()]
    texts = []
    for tenth in classes:
        of_tenth = pc.min_max(numbers.filter(pc.equal(values, tenth)))
        low, high = (_text(of_tenth[key].as_py()) for key in ("min", "max"))
        texts.append(low if low == high else f"{low} to {high}")
    return texts


def _text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _farthest(
    inputs: ChurnInputs,
    pairs: PairedItems,
    distances: Floats | None,
    titles: Sequence[str | None],
) -> Iterator[MovedItem]:
    if distances is None:
        return
    farthest = np.argsort(-distances, kind="stable")[:_N_FARTHEST]
    for place in farthest[distances[farthest] > 0].tolist():
        yield MovedItem(
            item_id=str(pairs.item_ids[place].as_py()),
            title=titles[place],
            before=_hex(inputs.before, pairs.before[place]),
            after=_hex(inputs.after, pairs.after[place]),
            distance=float(distances[place]),
        )


def _hex(side: Side, sid: np.int64) -> str:
    return sids_to_bytes([sid], side.codebook.width).tobytes().hex(" ")


def _gaps(
    config: AuditChurn,
    inputs: ChurnInputs,
    n_sample: int,
    distances: Floats | None,
    categories: Sequence[CategoryChurn],
) -> Iterator[str]:
    """Say what was asked for in vain, or could be asked for."""
    if not inputs.is_one_codebook:
        yield (
            "Which SIDs moved, and at which byte: SIDs of two codebooks do not compare, so items "
            "are compared by what their SIDs decode to, and events by user and time alone."
        )
    if not n_sample:
        yield "Distances, neighbours and categories: no item is on both sides."
    elif _places(inputs.before) != _places(inputs.after):
        before, after = (_described(side) for side in (inputs.before, inputs.after))
        yield (
            f"Distances, and the categories and items that moved most: the SIDs before decode to "
            f"{before}, those after to {after}."
        )
    elif distances is None:
        yield "Distances: all items of the sample stood in one place before, so there is no radius."
    if n_sample == 1:
        yield "Neighbours: only one item is on both sides."
    told = {category.name for category in categories}
    for name in config.categories:
        if n_sample and name not in told and _places(inputs.before) == _places(inputs.after):
            yield f"Items by {name}: no value of it is that of {_LEAST} items of the sample."
    if not config.categories:
        yield (
            "Categories that moved most: none were given; name their columns in `categories`, and "
            "their table in `labels`."
        )
    if not config.label:
        yield (
            "Titles of items: none were given, so ids are shown; name their column in `label`, and "
            "its table in `labels`."
        )
    if not config.sequences:
        yield (
            "Events in the sequences: none were given; name the tables in `sequences` and "
            "`sequences_before`."
        )


def _described(side: Side) -> str:
    return " and ".join(f"{name} of {dim} values" for name, dim in _places(side).items())

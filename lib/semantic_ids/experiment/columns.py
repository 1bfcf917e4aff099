"""Several embeddings of each item side by side: all of one weight, and some of them missing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from semantic_ids.codebook import present_rows
from semantic_ids.errors import InputError
from semantic_ids.experiment.stream import FloatArray, Int64Array, Mask


@dataclass(frozen=True)
class Column:
    """One collection among the floats of items.

    Parameters
    ----------
    name : str
    place : slice
        Its floats.
    present : ndarray of shape (n_items,), bool
        Which items have it.
    """

    name: str
    place: slice
    present: Mask


def side_by_side(
    given: Mapping[str, FloatArray], seen: Int64Array
) -> tuple[FloatArray, tuple[Column, ...]]:
    """Put collections side by side; one alone stays as it is.

    Of several, each is brought to mean 0 and a total variance of 1 by the items seen in time; it is
    0 where an item lacks it: its row is NaN throughout, or 0 throughout.

    Parameters
    ----------
    given : mapping of str to ndarray of shape (n_items, dim), float32
    seen : ndarray of int64
        Items.

    Returns
    -------
    ndarray of shape (n_items, sum of dims), float32
    tuple of Column

    Raises
    ------
    InputError
        If fewer than two of the items seen have a collection.
    """
    if len(given) == 1:
        ((name, rows),) = given.items()
        return rows, (Column(name, slice(0, rows.shape[1]), np.ones(len(rows), np.bool_)),)
    parts, columns, start = [], [], 0
    for name, rows in given.items():
        present = present_rows(rows, zero_is_missing=True)
        known = rows[seen[present[seen]]]
        if len(known) < 2:
            raise InputError(
                f"collections: two or more items of the first half must have {name}, got "
                f"{len(known)} of {len(seen):,}"
            )
        variance = float(known.var(axis=0, dtype=np.float64).sum())
        scaled = (rows - known.mean(axis=0)) / np.float32(max(variance, 1e-12) ** 0.5)
        parts.append(np.where(present[:, None], scaled, 0).astype(np.float32))
        columns.append(Column(name, slice(start, start + rows.shape[1]), present))
        start += rows.shape[1]
    return np.hstack(parts), tuple(columns)


def by_name(vectors: FloatArray, columns: tuple[Column, ...]) -> dict[str, FloatArray]:
    """Take collections apart again; rows are NaN where an item lacks one."""
    return {
        column.name: np.where(column.present[:, None], vectors[:, column.place], np.float32("nan"))
        for column in columns
    }

"""The rows that a model is trained on: collections and categories, some missing, checked."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook import FusionSpec, present_rows
from semantic_ids.errors import InputError, ShapeError, nearest

FloatArray: TypeAlias = npt.NDArray[np.float32]
Label: TypeAlias = str | int
Classes: TypeAlias = tuple[Label, ...]

MISSING = -1
_SUM_TOLERANCE = 1e-3
_CHUNK_ROWS = 8192
_MAX_HELD_OUT = 8192


@dataclass(frozen=True)
class FusionRows:
    """Items to train on.

    Parameters
    ----------
    vectors : mapping of str to ndarray of shape (n, dim), float32
        By collection.
    present : mapping of str to ndarray of shape (n,), bool
        Which items have the collection.
    targets : mapping of str to ndarray
        By category: int64 of shape (n,), the place of the class, -1 where it is missing; or float32
        of shape (n, n_classes), probabilities, NaN where they are missing.
    classes : mapping of str to tuple of str or int
        By category, in order.
    """

    vectors: Mapping[str, FloatArray]
    present: Mapping[str, npt.NDArray[np.bool_]]
    targets: Mapping[str, npt.NDArray[Any]]
    classes: Mapping[str, Classes]

    def __len__(self) -> int:
        return len(next(iter(self.vectors.values())))

    def part(self, places: slice | npt.NDArray[np.int64]) -> "FusionRows":
        """Return some of the rows."""
        return FusionRows(
            {name: x[places] for name, x in self.vectors.items()},
            {name: x[places] for name, x in self.present.items()},
            {name: x[places] for name, x in self.targets.items()},
            self.classes,
        )

    def digest(self) -> str:
        """Return a hash of all that is in the rows."""
        found = hashlib.sha256(repr(sorted(self.classes.items())).encode())
        for arrays in (self.vectors, self.targets):
            for name, array in sorted(arrays.items()):
                found.update(f"{name} {array.dtype} {array.shape}".encode())
                for start in range(0, len(array), _CHUNK_ROWS):
                    found.update(array[start : start + _CHUNK_ROWS].tobytes())
        return found.hexdigest()

    @classmethod
    def of(
        cls,
        vectors: Mapping[str, npt.ArrayLike],
        categories: Mapping[str, Any],
        spec: FusionSpec,
        *,
        classes: Mapping[str, Sequence[Label]] | None = None,
    ) -> "FusionRows":
        """Check arrays, and find out what is missing.

        Parameters
        ----------
        vectors : mapping of str to array_like of shape (n, dim)
            A row of NaN throughout is missing.
        categories : mapping of str to a sequence of n labels, or an array of shape (n, n_classes)
            Labels are str or int, None where missing; probabilities are NaN where missing.
        classes : mapping of str to sequence, optional
            Names of the columns of probabilities. Default: 0, 1, ...

        Raises
        ------
        InputError, ShapeError
            In one sentence, what is wrong with which of them.
        """
        found = {
            name: _vectors_of(name, _named(vectors, name, "collection"))
            for name in spec.collections
        }
        n = len(next(iter(found.values())))
        present = {}
        for name, array in found.items():
            if len(array) != n:
                raise ShapeError(f"{name}: must have {n} rows as the others, got {len(array)}")
            present[name] = _present(name, array, zero=name in spec.zero_is_missing)
        _check_rows(present, spec)
        targets, names = {}, {}
        for name in spec.categories:
            given = _named(categories, name, "category")
            if len(given) != n:
                raise ShapeError(f"{name}: must have {n} labels, one a row, got {len(given)}")
            targets[name], names[name] = _targets_of(name, given, (classes or {}).get(name))
        return cls(found, present, targets, names)


def _named(values: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in values:
        raise InputError(f"{what} {name!r} is not among the columns: {nearest(name, list(values))}")
    return values[name]


def _vectors_of(name: str, values: npt.ArrayLike) -> FloatArray:
    try:
        array = np.asarray(values, np.float32)
    except ValueError as error:
        raise ShapeError(f"{name}: rows must have one length: {error}") from None
    if array.ndim != 2 or not array.shape[1]:
        raise ShapeError(f"{name}: vectors must have shape (n, dim), got {array.shape}")
    return array


def _present(name: str, array: FloatArray, *, zero: bool) -> npt.NDArray[np.bool_]:
    try:
        blocks = [
            present_rows(array[start : start + _CHUNK_ROWS], zero_is_missing=zero)
            for start in range(0, len(array), _CHUNK_ROWS)
        ]
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    present = np.concatenate([np.zeros(0, np.bool_), *blocks])
    if not present.any():
        raise InputError(f"{name}: at least one row must have a vector, all {len(array)} lack it")
    return present


def _check_rows(present: Mapping[str, npt.NDArray[np.bool_]], spec: FusionSpec) -> None:
    anything = np.any(list(present.values()), axis=0)
    if not anything.all():
        raise InputError(
            "an item must have at least one collection, "
            f"got {int((~anything).sum())} rows that have none"
        )
    n_training = len(anything) - held_out_rows(len(anything), spec)
    if n_training < spec.digits:
        raise InputError(
            f"digits: {spec.digits} needs at least as many rows to train on, got {n_training}"
        )


def held_out_rows(n: int, spec: FusionSpec) -> int:
    """Say how many of n rows are held out: at least one, if there are two, and at most 8,192."""
    return min(max(1, round(n * spec.holdout)), n - 1, _MAX_HELD_OUT)


def _targets_of(
    name: str, given: Any, classes: Sequence[Label] | None
) -> tuple[npt.NDArray[Any], Classes]:
    if isinstance(given, np.ndarray) and given.ndim == 2:
        targets = _soft(name, given)
        names = tuple(classes) if classes else tuple(range(targets.shape[1]))
        if len(names) != targets.shape[1]:
            raise ShapeError(f"{name}: must have {len(names)} columns, got {targets.shape[1]}")
        n_known = int((~np.isnan(targets[:, 0])).sum())
    else:
        labels = [None if value is None else _label(name, value) for value in given]
        counts = Counter(label for label in labels if label is not None)
        names = tuple(sorted(counts, key=lambda label: (isinstance(label, str), label)))
        if len({isinstance(label, str) for label in names}) > 1:
            raise InputError(f"{name}: labels must be all text or all whole numbers, got both")
        place = {label: i for i, label in enumerate(names)}
        targets = np.array([MISSING if x is None else place[x] for x in labels], np.int64)
        n_known = int((targets != MISSING).sum())
    if len(names) < 2:
        raise InputError(f"{name}: a category must have at least two classes, got {list(names)}")
    if len(names) >= n_known:
        raise InputError(
            f"{name}: a category must have more rows than classes, got {n_known} rows of "
            f"{len(names)} classes"
        )
    return targets, names


def _label(name: str, value: Any) -> Label:
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    raise InputError(f"{name}: a label must be text or a whole number, got {value!r}")


def _soft(name: str, given: npt.NDArray[Any]) -> FloatArray:
    targets = given.astype(np.float32)
    known = ~np.isnan(targets).all(axis=1)
    rows = targets[known].astype(np.float64)
    if not (rows >= 0).all():
        raise InputError(f"{name}: probabilities must be at least 0, got {rows.min()}")
    sums = rows.sum(axis=1)
    wrong = np.abs(sums - 1) > _SUM_TOLERANCE
    if wrong.any():
        raise InputError(
            f"{name}: probabilities of a row must sum to 1, got {sums[wrong][0]:.6g} and "
            f"{int(wrong.sum())} such rows of {len(rows)}"
        )
    return targets

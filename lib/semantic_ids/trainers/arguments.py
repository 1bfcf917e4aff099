"""What callers give: checked, and brought into one type."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from torch import Tensor

from semantic_ids.errors import InputError, ShapeError

Values = Literal["sids", "bytes"]
UserIds: TypeAlias = Tensor | npt.NDArray[Any] | Sequence[int] | Sequence[str] | pa.Array
Moments: TypeAlias = Tensor | npt.NDArray[np.int64] | Sequence[int]


def check_values(values: str) -> None:
    """Raise InputError unless batches can have SIDs of this form."""
    if values not in get_args(Values):
        raise InputError(f"values must be 'sids' or 'bytes', got {values!r}")


def check_integer(name: str, value: Any, *, least: int) -> None:
    """Raise InputError unless an argument is an int64 of at least `least`."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise InputError(f"{name} must be a whole number, {least} or more, got {value!r}")
    if value >= 2**63:
        raise InputError(f"{name} must be below 2 ** 63, got {value!r}")


def as_user_ids(user_ids: UserIds, kind: pa.DataType) -> pa.Array:
    """Return users as an array of the table's type.

    Raises
    ------
    InputError
        If they are of another type, or one is null or text that is not UTF-8.
    """
    found = user_ids.numpy(force=True) if isinstance(user_ids, Tensor) else user_ids
    is_kind = pa.types.is_integer if pa.types.is_integer(kind) else _is_text
    try:
        found = found if len(found) else pa.array([], kind)
        ids = found if isinstance(found, pa.Array) else pa.array(found)
        ids = ids.cast(kind) if is_kind(ids.type) else None
        if ids is not None:
            ids.validate(full=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        ids = None
    if ids is None or ids.null_count:
        raise InputError(
            f"user_ids must be {kind} as in the table, none null, got {user_ids!r:.80}"
        )
    return ids


def as_moments(before: Moments, n: int) -> npt.NDArray[np.int64]:
    """Return moments as an array of shape (n,).

    Raises
    ------
    ShapeError
        If they are not n integers.
    InputError
        If one is beyond int64.
    """
    moments = before.numpy(force=True) if isinstance(before, Tensor) else np.asarray(before)
    if moments.shape != (n,) or (moments.dtype.kind not in "iu" and n):
        raise ShapeError(
            f"before must be int64 microseconds of shape ({n},), one for each user, "
            f"got {moments.dtype} {moments.shape}"
        )
    if moments.dtype.kind == "u" and moments.max(initial=0) > np.iinfo(np.int64).max:
        raise InputError(f"before must be int64 microseconds, got {moments.max()}")
    return moments.astype(np.int64)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

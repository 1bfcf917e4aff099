"""What other systems take in place of a SID: prefix ids, tokens, and SIDs that are unique."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook
from semantic_ids.codebook.layout import MAX_WIDTH, VALUES
from semantic_ids.codebook.stage import is_integer
from semantic_ids.codebook.wire import ByteArray, SidArray, bytes_to_sids, sids_to_bytes
from semantic_ids.errors import InputError, ShapeError, SpecError

_LETTERS = "abcdefgh"
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def prefix_ids(sids: npt.ArrayLike, width: int, *, table_size: int | None = None) -> SidArray:
    """Return the integers of the first 1, 2, ..., width bytes: the traditional n-gram ids.

    Parameters
    ----------
    sids : array_like of shape (n,), integers
        The null SID counts as one of bytes 0xFF.
    table_size : int, optional
        Hash each id to [0, table_size), by SplitMix64 of the prefix and its length.

    Returns
    -------
    ndarray of shape (n, width), int64
    """
    symbols = sids_to_bytes(sids, width)
    prefixes = np.stack(
        [bytes_to_sids(symbols[:, :length].copy(), length) for length in range(1, width + 1)],
        axis=1,
    )
    if table_size is None:
        return prefixes
    if not is_integer(table_size, least=1):
        raise InputError(f"table_size must be a whole number of at least 1, got {table_size!r}")
    if table_size >= 2**63:
        raise InputError(f"table_size must be below 2 ** 63, got {table_size}")
    mixed = prefixes.astype(np.uint64) + np.arange(1, width + 1, dtype=np.uint64) * np.uint64(
        0x9E3779B97F4A7C15
    )
    return (split_mix(mixed) % np.uint64(table_size)).astype(np.int64)


def split_mix(numbers: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Mix the bits of 64-bit integers by the last step of SplitMix64, one to one."""
    mixed = numbers.astype(np.uint64)
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(multiplier)
    return mixed ^ (mixed >> np.uint64(31))


def tokens(sids: npt.ArrayLike, width: int) -> list[str]:
    """Spell SIDs for a generative model: ``<a_12><b_7>`` is byte 0 of 12 and byte 1 of 7."""
    symbols = _symbols(sids, width)
    return ["".join(map(_token, range(width), row)) for row in symbols.tolist()]


def token_vocabulary(codebook: Codebook) -> list[str]:
    """List all tokens that the SIDs of a codebook are spelt with, byte after byte."""
    return [
        _token(j, value) for j, byte in enumerate(codebook.layout) for value in range(byte.n_values)
    ]


def _symbols(sids: npt.ArrayLike, width: int) -> ByteArray:
    """Return the bytes of SIDs of which none is null."""
    symbols = sids_to_bytes(sids, width)
    n_null = int((symbols == VALUES - 1).all(axis=1).sum())
    if n_null:
        raise InputError(f"sids must not be null, got {n_null} null SIDs")
    return symbols


def _token(j: int, value: int) -> str:
    return f"<{_LETTERS[j]}_{value}>"


def unique_sids(
    item_ids: Sequence[int] | Sequence[str],
    sids: npt.ArrayLike,
    width: int,
    *,
    assigned: Mapping[int | str, int] | None = None,
) -> SidArray:
    """Append a byte that separates the items of one SID.

    Items of one SID are numbered in the order of their ids, whatever the order of the rows. An item
    in `assigned` keeps its number while its SID stays; others take the lowest that are free.

    Parameters
    ----------
    item_ids : sequence of int or of str
        Each once.
    sids : array_like of shape (n,), integers
        None null.
    width : int
        Bytes of `sids`, at most 6, so that the result is never negative.
    assigned : mapping of item id to unique SID, optional
        What earlier calls returned, of items that are here or not.

    Returns
    -------
    ndarray of shape (n,), int64
        SIDs of ``width + 1`` bytes.

    Raises
    ------
    InputError
        If an item or a value of `assigned` comes twice, a value is none that a call returned, a SID
        is null, or more than 255 items share a SID.
    ShapeError
        If there are not as many SIDs as items.
    """
    if not is_integer(width, least=1) or width > MAX_WIDTH - 2:
        raise SpecError(f"width must be from 1 to {MAX_WIDTH - 2} to append a byte, got {width!r}")
    if len(set(item_ids)) != len(item_ids):
        raise InputError("item_ids must be unique")
    if len({isinstance(item_id, str) for item_id in item_ids}) > 1:
        raise InputError("item_ids must be all integers or all strings, got both")
    prefixes = bytes_to_sids(_symbols(sids, width), width).tolist()
    if len(prefixes) != len(item_ids):
        raise ShapeError(f"sids must be one for each of {len(item_ids)}, got {len(prefixes)}")
    kept = dict(assigned or {})
    taken: dict[int, set[int]] = {}
    for item_id, unique in kept.items():
        is_sid = is_integer(unique, least=0) and unique < VALUES ** (width + 1)
        if not is_sid or unique % VALUES == VALUES - 1:
            raise InputError(
                f"assigned must hold SIDs of {width + 1} bytes, the last below {VALUES - 1}, "
                f"got {unique!r} for {item_id!r}"
            )
        if unique % VALUES in taken.get(unique // VALUES, ()):
            raise InputError(f"assigned must be unique, got {unique} twice, once for {item_id!r}")
        taken.setdefault(unique // VALUES, set()).add(unique % VALUES)
    result = np.empty(len(prefixes), np.int64)
    for row in sorted(range(len(prefixes)), key=lambda row: item_ids[row]):
        prefix, earlier = prefixes[row], kept.get(item_ids[row])
        if earlier is not None and earlier // VALUES == prefix:
            result[row] = earlier
            continue
        used = taken.setdefault(prefix, set())
        number = next((number for number in range(VALUES - 1) if number not in used), None)
        if number is None:
            raise InputError(f"at most {VALUES - 1} items may share a SID, got more of {prefix}")
        used.add(number)
        result[row] = prefix * VALUES + number
    return result

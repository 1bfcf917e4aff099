"""SIDs on the wire: the inverses between digits, symbols, bytes and SIDs."""

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.layout import DIGITS, MAX_WIDTH, VALUES, DigitArray, Layout, lay_out
from semantic_ids.codebook.stage import Stage, is_integer
from semantic_ids.errors import InputError, ShapeError, SpecError

SidArray: TypeAlias = npt.NDArray[np.int64]
ByteArray: TypeAlias = npt.NDArray[np.uint8]


def null_sid(width: int) -> int:
    """Return the reserved SID that no codebook assigns: all bytes 0xFF, which is -1 at width 8."""
    _check_width(width)
    return VALUES**width - 1 if width < MAX_WIDTH else -1


def sids_to_bytes(sids: npt.ArrayLike, width: int) -> ByteArray:
    """Write SIDs as big-endian bytes, byte 0 (the coarsest) first.

    Parameters
    ----------
    sids : ndarray of shape (n,), int64
        Each in [0, 256 ** width), of 8 bytes in [0, 2 ** 63), or the null SID.

    Returns
    -------
    ndarray of shape (n, width), uint8

    Raises
    ------
    InputError
        If a SID does not fit in `width` bytes.
    """
    _check_width(width)
    array = _as_sids(sids)
    outside = array < null_sid(MAX_WIDTH)
    if width < MAX_WIDTH:
        outside = (array < 0) | (array >= VALUES**width)
    if outside.any():
        limit = f"256 ** {width})" if width < MAX_WIDTH else "2 ** 63), or -1"
        raise InputError(f"sids must be in [0, {limit}, got {array[outside.argmax()].item()}")
    return bytes_of(array)[:, MAX_WIDTH - width :].copy()


def bytes_of(numbers: SidArray) -> ByteArray:
    """Return the 8 big-endian bytes of numbers that need not be SIDs, shape (n, 8)."""
    return numbers.astype(">i8").view(np.uint8).reshape(-1, MAX_WIDTH)


def bytes_to_sids(
    symbols: ByteArray | bytes, width: int, *, out: SidArray | None = None
) -> SidArray:
    """Read SIDs from big-endian bytes, the inverse of ``sids_to_bytes``.

    Parameters
    ----------
    symbols : ndarray of shape (n, width), uint8, or bytes of length n * width
    out : ndarray of shape (n,), int64, optional
        Where to write the SIDs.

    Returns
    -------
    ndarray of shape (n,), int64
    """
    _check_width(width)
    if isinstance(symbols, bytes | bytearray | memoryview):
        if len(symbols) % width:
            raise ShapeError(f"bytes must have a length divisible by {width}, got {len(symbols)}")
        symbols = np.frombuffer(symbols, np.uint8).reshape(-1, width)
    symbols = np.asarray(symbols)
    if symbols.ndim != 2 or symbols.shape[1] != width or symbols.dtype != np.uint8:
        raise ShapeError(
            f"symbols must be uint8 of shape (n, {width}), got {symbols.dtype} {symbols.shape}"
        )
    sids = np.empty(len(symbols), np.int64) if out is None else out
    blob = np.ascontiguousarray(symbols).reshape(-1)
    # A SID is the top of an 8-byte word that overlaps the SIDs after it: one strided pass reads all
    # but the last few, whose words would pass the end.
    n_words = max(0, (blob.size - MAX_WIDTH) // width + 1)
    if n_words:
        words = np.ndarray((n_words,), ">u8", buffer=blob, strides=(width,))
        shift = np.uint64(8 * (MAX_WIDTH - width))
        np.right_shift(words, shift, out=sids[:n_words].view(np.uint64))
    padded = np.zeros((len(symbols) - n_words, MAX_WIDTH), np.uint8)
    padded[:, MAX_WIDTH - width :] = symbols[n_words:]
    sids[n_words:] = padded.view(">i8").ravel()
    return sids


def pack_digits(digits: npt.ArrayLike) -> SidArray:
    """Pack ternary digits into SIDs, five to a byte (four in byte 0 of an 8-byte SID).

    Parameters
    ----------
    digits : ndarray of shape (n, n_digits), integers in {-1, 0, 1}

    Returns
    -------
    ndarray of shape (n,), int64

    Examples
    --------
    >>> pack_digits([[1, 0, -1, 0, 0]])
    array([113])
    """
    array = np.asarray(digits)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ShapeError(f"digits must have shape (n, n_digits), got {array.shape}")
    layout = lay_out((Stage("ternary", (array.shape[1],)),))
    return bytes_to_sids(symbols_of_digits(array, layout), len(layout))


def unpack_digits(sids: npt.ArrayLike, n_digits: int) -> DigitArray:
    """Unpack SIDs of ternary digits, the inverse of ``pack_digits``.

    Returns
    -------
    ndarray of shape (n, n_digits), int8
        The null SID gives zeros.

    Raises
    ------
    InputError
        If a byte holds a symbol that no digits give.
    """
    layout = lay_out((Stage.parse({"ternary": n_digits}),))
    return digits_of_symbols(assigned_symbols(sids, layout)[0], layout)


def symbols_of_digits(digits: npt.NDArray[Any], layout: Layout) -> ByteArray:
    """Compose (n, n_digits) digits of a layout of digits only into (n, width) symbols.

    Raises
    ------
    InputError
        If a digit is not one of its byte's.
    """
    for byte in layout:
        own, allowed = digits[:, byte.rows], DIGITS[byte.kind]
        wrong = ~np.isin(own, allowed)
        if wrong.any():
            raise InputError(f"{byte.kind} digits must be in {allowed}, got {own[wrong][0]}")
    return compose_digits(digits, layout)


def compose_digits(digits: npt.NDArray[Any], layout: Layout) -> ByteArray:
    """Compose digits that are known to be their bytes' own; float32 is exact on such small sums."""
    weights, offsets = _place_values(layout)
    return np.asarray(digits.astype(np.float32) @ weights + offsets).astype(np.uint8)


@lru_cache(maxsize=16)
def _place_values(layout: Layout) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return W (n_digits, width) and o (width,), such that symbols are ``digits W + o``."""
    weights = np.zeros((sum(byte.n_digits for byte in layout), len(layout)), np.float32)
    offsets = np.zeros(len(layout), np.float32)
    for j, byte in enumerate(layout):
        allowed = DIGITS[byte.kind]
        places = len(allowed) ** np.arange(byte.n_digits) / (allowed[1] - allowed[0])
        weights[byte.rows, j] = places
        offsets[j] = -allowed[0] * places.sum()
    return weights, offsets


def digits_of_symbols(symbols: ByteArray, layout: Layout) -> DigitArray:
    """Look up the digits of (n, width) symbols; bytes of centroids have none."""
    tables = layout_digit_tables(layout)
    digits = np.zeros((len(symbols), tables.shape[2]), np.int8)
    for j in range(len(layout)):
        digits += tables[j, symbols[:, j]]
    return digits


def layout_digit_tables(layout: Layout) -> DigitArray:
    """Return E, shape (width, 256, n_digits): an item's digits are ``sum_j E[j, byte_j]``."""
    tables = np.zeros((len(layout), VALUES, sum(byte.n_digits for byte in layout)), np.int8)
    first = 0
    for j, byte in enumerate(layout):
        if byte.n_digits:
            tables[j, : byte.n_values, first : first + byte.n_digits] = byte.design
            first += byte.n_digits
    return tables


def assigned_symbols(
    sids: npt.ArrayLike, layout: Layout
) -> tuple[ByteArray, npt.NDArray[np.bool_]]:
    """Return the (n, width) symbols of SIDs and which rows are the null SID.

    Raises
    ------
    InputError
        If a SID other than the null SID has a symbol that its byte does not use.
    """
    symbols = sids_to_bytes(sids, len(layout))
    is_null = (symbols == VALUES - 1).all(axis=1)
    unassigned = (symbols >= [byte.n_values for byte in layout]) & ~is_null[:, None]
    if unassigned.any():
        row, j = np.argwhere(unassigned)[0]
        raise InputError(
            f"byte {j} of a SID must be below {layout[j].n_values}, got {symbols[row, j]}"
        )
    return symbols, is_null


def _as_sids(sids: npt.ArrayLike) -> SidArray:
    array = np.asarray(sids)
    if array.size == 0 and array.ndim == 1:
        return array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ShapeError(f"sids must be integers of shape (n,), got {array.dtype} {array.shape}")
    if array.dtype.kind == "u" and array.max() > np.iinfo(np.int64).max:
        raise InputError(f"sids must be in [0, 2 ** 63), got {array.max()}")
    return array.astype(np.int64, copy=False)


def _check_width(width: int) -> None:
    if not is_integer(width, least=1) or width > MAX_WIDTH:
        raise SpecError(f"width must be from 1 to {MAX_WIDTH}, got {width!r}")

"""Semantic IDs back to vectors, digits and tables."""

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray
from semantic_ids.codebook.layout import DigitArray
from semantic_ids.codebook.tables import integer_tables
from semantic_ids.codebook.wire import (
    ByteArray,
    SidArray,
    assigned_symbols,
    bytes_to_sids,
    digits_of_symbols,
    symbols_of_digits,
)
from semantic_ids.errors import ShapeError, SpecError


def decode(sids: npt.ArrayLike, codebook: Codebook, *, collection: str | None = None) -> FloatArray:
    """Reconstruct vectors from semantic IDs.

    The table rows of an item are summed first, which is exact in float32, and the mean is added
    last: the result is the same on every machine.

    Parameters
    ----------
    sids : array_like of shape (n,), integers
        As ``encode`` gives them. The null SID decodes to the mean.
    collection : str, optional
        Which of a fused codebook's collections to reconstruct.

    Returns
    -------
    ndarray of shape (n, dim), float32

    Raises
    ------
    InputError
        If a SID is not in [0, 256 ** width) or has a symbol that the codebook never assigns; if the
        codebook is fused and no collection of its is named.
    """
    codebook = codebook.of(collection)
    symbols, is_null = assigned_symbols(sids, codebook.layout)
    decoded = reconstruct(symbols, codebook)
    decoded[is_null] = codebook.mean
    return decoded


def reconstruct(symbols: ByteArray, codebook: Codebook) -> FloatArray:
    """Sum the table rows of (n, width) symbols and the mean, shape (n, dim)."""
    tables = decode_tables(codebook)
    x_hat = np.zeros((len(symbols), codebook.dim), np.float32)
    for j in range(codebook.width):
        x_hat += tables[j, symbols[:, j]]
    x_hat += codebook.mean
    return x_hat


def decode_tables(codebook: Codebook, *, collection: str | None = None) -> FloatArray:
    """Return T, float32 of shape (width, 256, dim): ``x_hat = mean + sum_j T[j, byte_j]``.

    Rows of unused symbols are zero. Every entry is an integer multiple of ``2 ** basis_exponent``
    and so is every sum over bytes, below 2^24 units: adding the mean last makes the sum exact up to
    that step. A fused codebook has such tables for each collection, and a mean in
    ``codebook.of(collection)``.
    """
    codebook = codebook.of(collection)
    return np.ldexp(integer_tables(codebook).astype(np.float32), codebook.basis_exponent)


def digits_of(sids: npt.ArrayLike, codebook: Codebook) -> DigitArray:
    """Return the ternary and binary digits of SIDs, the parameter-free view of an item.

    Returns
    -------
    ndarray of shape (n, n_digits), int8
        In {-1, 0, 1}, in the order of the bytes. The null SID gives zeros.

    Raises
    ------
    InputError
        As ``decode`` does.
    """
    symbols, is_null = assigned_symbols(sids, codebook.layout)
    digits = digits_of_symbols(symbols, codebook.layout)
    digits[is_null] = 0
    return digits


def sids_of(digits: npt.ArrayLike, codebook: Codebook) -> SidArray:
    """Return the SIDs of digits, the inverse of ``digits_of`` for codebooks of digits only.

    Parameters
    ----------
    digits : array_like of shape (n, n_digits), integers in {-1, 0, 1}

    Returns
    -------
    ndarray of shape (n,), int64

    Raises
    ------
    SpecError
        If the codebook has stages of centroids, which digits do not give.
    ShapeError
        If there are not ``codebook.n_digits`` columns.
    InputError
        If a digit is not one of its byte's.
    """
    if not codebook.spec.only_digits:
        raise SpecError("codebook must have stages of digits only, got stages of centroids")
    array = np.asarray(digits)
    if array.ndim != 2 or array.shape[1] != codebook.n_digits:
        raise ShapeError(f"digits must have shape (n, {codebook.n_digits}), got {array.shape}")
    return bytes_to_sids(symbols_of_digits(array, codebook.layout), codebook.width)

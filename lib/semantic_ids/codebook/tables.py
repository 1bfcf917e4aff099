"""Integer tables that the encoder and the decoder derive from a codebook."""

from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook
from semantic_ids.codebook.grid import cost_bound
from semantic_ids.codebook.layout import VALUES, DigitArray, symbol_starts
from semantic_ids.codebook.wire import layout_digit_tables

CostArray: TypeAlias = npt.NDArray[Any]  # int32 where a bound proves that costs fit, else int64


class SearchTables(NamedTuple):
    """What the search over products needs, in units of ``sv^2``.

    Parameters
    ----------
    basis : ndarray of shape (n_rows, dim), float32 or float64
        V, integers.
    shift : int
        ``a`` of ``sx = 2^a sv``.
    radices : ndarray of shape (width, most factors of a byte)
        Radices of each byte's factors, filled up with zeros.
    is_digit : ndarray of shape (width,)
        Whether the byte's factors are digits.
    signed : ndarray of shape (n_rows,)
        1 where a row's digit is a sign.
    starts : ndarray of shape (width + 1,)
        First symbol of each byte in the arrays over all symbols.
    norms : ndarray of shape (n_symbols,)
        ``|T|^2``.
    gram : ndarray
        ``<v, v'>`` over the basis where all bytes are digits, else ``2 <T, T'>`` over all symbols.
    """

    basis: npt.NDArray[np.floating]
    shift: int
    radices: npt.NDArray[np.int64]
    is_digit: npt.NDArray[np.bool_]
    signed: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]
    norms: CostArray
    gram: CostArray


@lru_cache(maxsize=4)
def search_tables(codebook: Codebook) -> SearchTables:
    """Return the search tables of a codebook, computed once per process."""
    layout = codebook.layout
    shift = codebook.x_exponent - codebook.basis_exponent
    fits = cost_bound(codebook.basis, layout, shift) < 2**31
    dtype = np.int32 if fits else np.int64
    # All products are integers below 2^53: float64 is exact, and has a BLAS.
    V = codebook.basis.astype(np.float64)
    T = np.concatenate([byte.design.astype(np.float64) @ V[byte.rows] for byte in layout])
    gram = V @ V.T if codebook.spec.only_digits else 2 * (T @ T.T)
    radices = np.zeros((len(layout), max(len(byte.radices) for byte in layout)), np.int64)
    for j, byte in enumerate(layout):
        radices[j, : len(byte.radices)] = byte.radices
    return SearchTables(
        basis=V.astype(np.float32),
        shift=shift,
        radices=radices,
        is_digit=np.array([byte.n_digits > 0 for byte in layout]),
        signed=np.repeat([byte.kind == "binary" for byte in layout], [b.n_rows for b in layout]),
        starts=symbol_starts(layout),
        norms=(T**2).sum(axis=1).astype(dtype),
        gram=gram.astype(dtype),
    )


@lru_cache(maxsize=4)
def wide_search_tables(codebook: Codebook) -> SearchTables:
    """Return the search tables in float64 and int64, for rows outside the norm bound."""
    tables = search_tables(codebook)
    return tables._replace(
        basis=tables.basis.astype(np.float64),
        norms=tables.norms.astype(np.int64),
        gram=tables.gram.astype(np.int64),
    )


def integer_tables(codebook: Codebook) -> npt.NDArray[np.int32]:
    """Return T in units of ``2 ** basis_exponent``, shape (width, 256, dim), zero where unused."""
    tables = np.zeros((codebook.width, VALUES, codebook.dim), np.int32)
    for j, byte in enumerate(codebook.layout):
        V = codebook.basis[byte.rows].astype(np.float64)
        tables[j, : byte.n_values] = byte.design.astype(np.float64) @ V
    return tables


def digit_tables(codebook: Codebook) -> DigitArray:
    """Return E, int8 of shape (width, 256, n_digits): digits are ``sum_j E[j, byte_j]``."""
    return layout_digit_tables(codebook.layout)

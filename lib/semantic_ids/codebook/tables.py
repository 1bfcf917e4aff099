"""Integer tables that the encoder and the decoder derive from a codebook."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray
from semantic_ids.codebook.grid import cost_bound
from semantic_ids.codebook.layout import VALUES, DigitArray, layout_digit_tables

CostArray = npt.NDArray[Any]  # int32 where the codebook's bound proves that costs fit, else int64


@dataclass(frozen=True)
class SearchTables:
    """What the search over products needs, in units of ``sv^2``.

    Parameters
    ----------
    shift : int
        ``a`` of ``sx = 2^a sv``.
    gram : ndarray, integers
        ``2 <T, T'>`` over all rows of all tables where there are centroids, shape
        (n_symbols, n_symbols); ``<v, v'>`` over the basis where all bytes are digits.
    """

    basis: FloatArray
    shift: int
    gram: CostArray


@lru_cache(maxsize=8)
def search_tables(codebook: Codebook) -> SearchTables:
    """Return the search tables of a codebook, computed once per process."""
    shift = codebook.x_exponent - codebook.basis_exponent
    fits = cost_bound(codebook.basis, codebook.layout, shift) < 2**31
    # Integer products below 2^53, so float64 is exact and takes the BLAS.
    V = codebook.basis.astype(np.float64)
    gram = V @ V.T
    return SearchTables(
        basis=codebook.basis.astype(np.float32),
        shift=shift,
        gram=gram.astype(np.int32 if fits else np.int64),
    )


def integer_tables(codebook: Codebook) -> npt.NDArray[np.int32]:
    """Return T in units of ``2 ** basis_exponent``, shape (width, 256, dim); unused rows are zero."""
    tables = np.zeros((codebook.width, VALUES, codebook.dim), np.int32)
    for j, byte in enumerate(codebook.layout):
        V = codebook.basis[byte.rows].astype(np.float64)
        tables[j, : byte.n_values] = byte.design.astype(np.float64) @ V
    return tables


def digit_tables(codebook: Codebook) -> DigitArray:
    """Return E, int8 of shape (width, 256, n_digits): an item's digits are ``sum_j E[j, byte_j]``."""
    return layout_digit_tables(codebook.layout)

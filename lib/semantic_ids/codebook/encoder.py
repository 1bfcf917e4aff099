"""Vectors to semantic IDs."""

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray
from semantic_ids.codebook.grid import to_grid, to_wide_grid
from semantic_ids.codebook.layout import ByteArray, SidArray, bytes_to_sids, symbols_of_digits
from semantic_ids.codebook.reference import search_digits
from semantic_ids.codebook.tables import CostArray, search_tables
from semantic_ids.codebook.vectors import check_vectors, to_float32

BLOCK_ROWS = 1024


def encode(vectors: npt.ArrayLike, codebook: Codebook) -> SidArray:
    """Quantise vectors to semantic IDs.

    The SID of a row depends on that row and the codebook alone: not on the batch, the order, the number
    of threads, the BLAS or the machine.

    Parameters
    ----------
    vectors : array_like of shape (n, dim), real
        In the units the codebook was fitted on; converted to float32. Not modified.

    Returns
    -------
    ndarray of shape (n,), int64
        SIDs, each in [0, 256 ** width) and never the null SID.

    Raises
    ------
    ShapeError
        If vectors is not 2-d or its width is not ``codebook.dim``.
    InputError
        If a value is NaN or infinite.

    Notes
    -----
    Costs one GEMM of n x dim x n_rows and the search. Extra memory is bounded by a block of 1024 rows.
    """
    array = check_vectors(vectors, codebook.dim)
    sids = np.empty(len(array), np.int64)
    for start in range(0, len(array), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        sids[block] = bytes_to_sids(
            encode_block(to_float32(array[block]), codebook), codebook.width
        )
    return sids


def encode_block(rows: FloatArray, codebook: Codebook) -> ByteArray:
    """Encode one block of float32 rows to symbols, shape (n, width), uint8."""
    V = search_tables(codebook).basis
    x_int, inside = to_grid(rows, codebook.mean, codebook.x_exponent)
    symbols = _search(x_int @ V.T, codebook, search_tables(codebook).gram)
    if not inside.all():
        x_wide = to_wide_grid(rows[~inside], codebook.mean, codebook.x_exponent)
        wide_gram = search_tables(codebook).gram.astype(np.int64)
        symbols[~inside] = _search(x_wide @ V.T.astype(np.float64), codebook, wide_gram)
    return symbols


def _search(products: npt.NDArray[np.floating], codebook: Codebook, gram: CostArray) -> ByteArray:
    """Find symbols from exact products ``<x_int, v_int>``, in integers of the Gram matrix's type."""
    P = products.astype(gram.dtype) << search_tables(codebook).shift
    signed = np.concatenate([[byte.kind == "binary"] * byte.n_digits for byte in codebook.layout])
    digits = search_digits(P, gram, signed, codebook.spec.sweeps)
    return symbols_of_digits(digits, codebook.layout)

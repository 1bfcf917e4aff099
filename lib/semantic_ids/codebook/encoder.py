"""Vectors to semantic IDs."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray
from semantic_ids.codebook.fused import Columns, check_columns, latents_of
from semantic_ids.codebook.grid import to_grid, to_wide_grid
from semantic_ids.codebook.stage import is_integer
from semantic_ids.codebook.tables import SearchTables, search_tables, wide_search_tables
from semantic_ids.codebook.vectors import check_vectors, to_float32
from semantic_ids.codebook.wire import ByteArray, SidArray, bytes_to_sids, compose_digits
from semantic_ids.errors import InputError

BLOCK_ROWS = 1024


def encode(vectors: npt.ArrayLike | Columns, codebook: Codebook, *, threads: int = 1) -> SidArray:
    """Quantise vectors to semantic IDs.

    The SID of a row depends on that row and the codebook alone: not on the batch, the order, the
    number of threads, the BLAS or the machine.

    Parameters
    ----------
    vectors : array_like of shape (n, dim), real
        In the units the codebook was fitted on; converted to float32. Not modified. For a fused
        codebook a mapping of every collection to such an array, whose rows are NaN throughout where
        the item lacks it.
    threads : int
        Blocks of rows encoded at once. The BLAS may use threads of its own besides.

    Returns
    -------
    ndarray of shape (n,), int64
        SIDs, each in [0, 256 ** width) and never the null SID.

    Raises
    ------
    ShapeError
        If vectors is not 2-d or its width is not ``codebook.dim``.
    InputError
        If a value is NaN or infinite, threads is below 1, or an item has no collection at all.

    Notes
    -----
    Costs one GEMM of n x dim x n_rows and the search. Extra memory is bounded by a block of 1024
    rows for each thread.
    """
    if not is_integer(threads, least=1):
        raise InputError(f"threads must be a whole number of at least 1, got {threads!r}")
    if codebook.fusion:
        array = latents_of(check_columns(vectors, codebook), codebook)
    else:
        array = check_vectors(vectors, codebook.dim)  # type: ignore[arg-type]  # refuses mappings
    return bytes_to_sids(encode_symbols(array, codebook, threads=threads), codebook.width)


def encode_symbols(vectors: npt.NDArray[Any], codebook: Codebook, *, threads: int = 1) -> ByteArray:
    """Encode an array of shape (n, dim) to symbols, shape (n, width), block by block."""
    symbols = np.empty((len(vectors), codebook.width), np.uint8)
    search_tables(codebook)  # so that the threads do not each compute them

    def encode_from(start: int) -> None:
        block = slice(start, start + BLOCK_ROWS)
        symbols[block] = _encode_block(to_float32(vectors[block]), codebook)

    starts = range(0, len(vectors), BLOCK_ROWS)
    if min(threads, len(starts)) <= 1:
        for start in starts:
            encode_from(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(encode_from, starts))
    return symbols


def _encode_block(rows: FloatArray, codebook: Codebook) -> ByteArray:
    """Encode one block of float32 rows to symbols, shape (n, width), uint8."""
    tables = search_tables(codebook)
    x_int, inside = to_grid(rows, codebook.mean, codebook.x_exponent)
    symbols = _search(x_int @ tables.basis.T, codebook, tables)
    if not inside.all():
        x_wide = to_wide_grid(rows[~inside], codebook.mean, codebook.x_exponent)
        tables = wide_search_tables(codebook)
        symbols[~inside] = _search(x_wide @ tables.basis.T, codebook, tables)
    return symbols


def _search(P: npt.NDArray[np.floating], codebook: Codebook, tables: SearchTables) -> ByteArray:
    """Find symbols from exact products ``P = <x_int, v_int>``, shape (n, n_rows)."""
    from semantic_ids.codebook import kernels  # numba: slow to import, not needed to decode

    spec = codebook.spec
    if spec.only_digits:
        digits = kernels.search_digits(P, tables, spec.sweeps)
        return compose_digits(digits, codebook.layout)
    symbols: ByteArray = kernels.search_symbols(P, tables, spec.beam, spec.sweeps)
    return symbols

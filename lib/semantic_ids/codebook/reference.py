"""The encoder's searches in plain numpy: the oracle that the kernels equal bit for bit.

Costs are int64 in units of ``sv^2``. Ties go to the lower index, for ternary digits to zero.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.layout import DigitArray, Layout
from semantic_ids.codebook.tables import SearchTables
from semantic_ids.codebook.wire import ByteArray


def search_digits(products: npt.NDArray[Any], tables: SearchTables, sweeps: int) -> DigitArray:
    """Choose digits one by one, then again `sweeps` times with all others fixed.

    Parameters
    ----------
    products : ndarray of shape (n, n_digits)
        ``<x_int, v_int>``, whole numbers.
    tables : SearchTables
        With ``gram`` as ``<v_k, v_l>``, shape (n_digits, n_digits).

    Returns
    -------
    ndarray of shape (n, n_digits), int8
    """
    G = tables.gram.astype(np.int64)
    rest = products.astype(np.int64) << tables.shift  # 2^a <x, v_k> - sum_l b_l <v_l, v_k>
    b = np.zeros(products.shape, np.int8)
    for _ in range(1 + sweeps):
        for k in range(len(G)):
            p = rest[:, k] + b[:, k] * G[k, k]
            if tables.signed[k]:
                chosen = np.where(p > 0, 1, -1)
            else:
                chosen = np.where(2 * p > G[k, k], 1, np.where(2 * p < -G[k, k], -1, 0))
            rest -= (chosen - b[:, k])[:, None] * G[k]
            b[:, k] = chosen
    return b


def search_symbols(
    products: npt.NDArray[Any], tables: SearchTables, layout: Layout, beam: int, sweeps: int
) -> ByteArray:
    """Search byte by byte with a beam, then choose each byte again with all others fixed.

    Parameters
    ----------
    products : ndarray of shape (n, n_rows)
        ``<x_int, v_int>``, whole numbers.
    tables : SearchTables
        With ``gram`` as ``2 <T, T'>``, shape (n_symbols, n_symbols).

    Returns
    -------
    ndarray of shape (n, width), uint8
    """
    P = products.astype(np.int64) << tables.shift
    G, starts, width = tables.gram.astype(np.int64), tables.starts, len(layout)
    own = [
        tables.norms[starts[j] : starts[j + 1]] - 2 * P[:, byte.rows] @ byte.design.T.astype(int)
        for j, byte in enumerate(layout)
    ]

    def costs_given(code: npt.NDArray[np.int64], j: int, others: list[int]) -> Any:
        return own[j] + sum(G[code[:, i], starts[j] : starts[j + 1]] for i in others)

    costs = np.zeros((len(P), 1), np.int64)
    codes = np.zeros((len(P), 1, width), np.int64)
    for j in range(width):
        states = codes.shape[1]
        total = [
            costs[:, b, None] + costs_given(codes[:, b], j, list(range(j))) for b in range(states)
        ]
        candidates = np.concatenate(total, axis=1)
        best = np.argsort(candidates, axis=1, kind="stable")[:, :beam]
        costs = np.take_along_axis(candidates, best, axis=1)
        parents, symbols = np.divmod(best, layout[j].n_values)
        codes = np.take_along_axis(codes, parents[:, :, None], axis=1)
        codes[:, :, j] = starts[j] + symbols
    code = codes[:, 0]
    for _ in range(sweeps):
        for j in range(width):
            others = [i for i in range(width) if i != j]
            code[:, j] = starts[j] + costs_given(code, j, others).argmin(axis=1)
    return (code - starts[:-1]).astype(np.uint8)

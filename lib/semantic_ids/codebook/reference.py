"""The encoder's searches in plain numpy: the oracle that the compiled kernels equal bit for bit.

All arguments are integers in units of ``sv^2``. Ties go to the lower index, for digits to zero.
"""

import numpy as np

import numpy.typing as npt

from semantic_ids.codebook.layout import ByteArray, DigitArray
from semantic_ids.codebook.tables import CostArray


def search_digits(
    products: CostArray, gram: CostArray, signed: DigitArray, sweeps: int
) -> DigitArray:
    """Choose digits one by one, then again `sweeps` times with all others fixed.

    Parameters
    ----------
    products : ndarray of shape (n, n_digits)
        ``2^a <x, v_k>``. Not modified.
    gram : ndarray of shape (n_digits, n_digits)
        ``<v_k, v_l>``.
    signed : ndarray of shape (n_digits,)
        1 where the digit is a sign, -1 or 1; 0 where it is ternary.

    Returns
    -------
    ndarray of shape (n, n_digits), int8
    """
    rest = products.copy()  # 2^a <x, v_k> - sum_l b_l <v_l, v_k>
    b = np.zeros(products.shape, np.int8)
    for _ in range(1 + sweeps):
        for k in range(b.shape[1]):
            p = rest[:, k] + b[:, k] * gram[k, k]
            if signed[k]:
                chosen = np.where(p > 0, 1, -1).astype(np.int8)
            else:
                chosen = ((2 * p > gram[k, k]).astype(np.int8)) - (2 * p < -gram[k, k])
            change = (chosen - b[:, k]).astype(rest.dtype)
            rest -= change[:, None] * gram[k]
            b[:, k] = chosen
    return b


def search_symbols(
    unary: CostArray,
    gram: CostArray,
    starts: npt.NDArray[np.int64],
    *,
    beam: int,
    sweeps: int,
) -> ByteArray:
    """Search byte by byte with a beam, then choose each byte again with all others fixed.

    Parameters
    ----------
    unary : ndarray of shape (n, n_symbols)
        ``|T|^2 - 2 * 2^a <x, T>`` for the symbols of all bytes.
    gram : ndarray of shape (n_symbols, n_symbols)
        ``2 <T, T'>``.
    starts : ndarray of shape (width + 1,)
        First symbol of each byte.

    Returns
    -------
    ndarray of shape (n, width), uint8
    """
    width = len(starts) - 1
    tables = [slice(starts[j], starts[j + 1]) for j in range(width)]
    costs = np.zeros((len(unary), 1), unary.dtype)
    codes = np.zeros((len(unary), 1, width), np.int64)
    for j, table in enumerate(tables):
        total = costs[:, :, None] + unary[:, None, table]
        for i in range(j):
            total = total + gram[codes[:, :, i], table]
        total = total.reshape(len(unary), -1)
        best = np.argsort(total, axis=1, kind="stable")[:, :beam]
        costs = np.take_along_axis(total, best, axis=1)
        parents, symbols = np.divmod(best, starts[j + 1] - starts[j])
        codes = np.take_along_axis(codes, parents[:, :, None], axis=1)
        codes[:, :, j] = starts[j] + symbols
    code = codes[:, 0]
    for _ in range(sweeps):
        for j, table in enumerate(tables):
            fixed = (gram[code[:, i], table] for i in range(width) if i != j)
            code[:, j] = starts[j] + (unary[:, table] + sum(fixed)).argmin(axis=1)
    return (code - starts[:-1]).astype(np.uint8)

"""The encoder's searches in plain numpy: the oracle that the compiled kernels equal bit for bit.

All arguments are integers in units of ``sv^2``. Ties go to the lower index, for digits to zero.
"""

import numpy as np

from semantic_ids.codebook.layout import DigitArray
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

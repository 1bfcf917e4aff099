"""The encoder's searches compiled by numba, equal bit for bit to those in ``reference``."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.compiled import compiled
from semantic_ids.codebook.layout import DigitArray
from semantic_ids.codebook.tables import CostArray, SearchTables
from semantic_ids.codebook.wire import ByteArray

Products: TypeAlias = npt.NDArray[Any]  # float32 or float64, whole numbers
Codes: TypeAlias = npt.NDArray[np.int64]  # symbols of all bytes, counted through

_PART = 16  # symbols that are compared at once before any is looked at


@compiled
def search_digits(products: Products, tables: SearchTables, sweeps: int) -> DigitArray:
    """See ``reference.search_digits``."""
    gram, signed = tables.gram, tables.signed
    n, m = products.shape
    digits = np.zeros((n, m), np.int8)
    rest = np.empty(m, gram.dtype)
    for row in range(n):
        b = digits[row]
        for k in range(m):
            rest[k] = np.int64(products[row, k]) << tables.shift
        for _ in range(1 + sweeps):
            changed = False
            for k in range(m):
                g = gram[k, k]
                p = rest[k] + b[k] * g
                if signed[k]:
                    chosen = 1 if p > 0 else -1
                else:
                    chosen = (1 if 2 * p > g else 0) - (1 if 2 * p < -g else 0)
                change = chosen - b[k]
                if change != 0:
                    changed = True
                    b[k] = chosen
                    for i in range(m):
                        rest[i] -= change * gram[k, i]
            if not changed:
                break
    return digits


@compiled
def search_symbols(products: Products, tables: SearchTables, beam: int, sweeps: int) -> ByteArray:
    """See ``reference.search_symbols``."""
    gram, starts = tables.gram, tables.starts
    n, width = products.shape[0], starts.size - 1
    symbols = np.empty((n, width), np.uint8)
    q = np.empty(products.shape[1], gram.dtype)
    unary = np.empty(tables.norms.size, gram.dtype)
    total = np.empty(256, gram.dtype)
    codes, extended = np.zeros((beam, width), np.int64), np.zeros((beam, width), np.int64)
    costs, best = np.zeros(beam, gram.dtype), np.zeros(beam, gram.dtype)
    parents, chosen = np.zeros(beam, np.int64), np.zeros(beam, np.int64)
    for row in range(n):
        for k in range(q.size):
            q[k] = np.int64(products[row, k]) << tables.shift
        _expand(q, tables, unary)
        n_states = 1
        costs[0] = 0
        for j in range(width):
            size = starts[j + 1] - starts[j]
            n_kept = 0
            for state in range(n_states):
                _conditional_costs(unary, tables, codes[state], j, j, total)
                n_kept = _keep_best(
                    total[:size], costs[state], state, n_kept, best, parents, chosen
                )
            for state in range(n_kept):
                extended[state] = codes[parents[state]]
                extended[state, j] = starts[j] + chosen[state]
                costs[state] = best[state]
            codes, extended = extended, codes
            n_states = n_kept
        _descend(unary, tables, codes[0], sweeps, total)
        for j in range(width):
            symbols[row, j] = codes[0, j] - starts[j]
    return symbols


@compiled
def _expand(q: CostArray, tables: SearchTables, unary: CostArray) -> None:
    """Expand ``q = 2^a <x, v>`` to ``|T|^2 - 2 * 2^a <x, T>`` over the symbols of all bytes."""
    k = 0
    for j in range(tables.starts.size - 1):
        first = tables.starts[j]
        own = unary[first : tables.starts[j + 1]]
        own[0] = 0
        size = 1
        for radix in tables.radices[j]:
            if radix == 0:
                break
            if tables.is_digit[j]:
                _add_digit(own, size, q[k], radix)
                k += 1
            else:
                _add_centroids(own, size, q[k : k + radix])
                k += radix
            size *= radix
        for i in range(own.size):
            own[i] = tables.norms[first + i] - 2 * own[i]


@compiled
def _add_digit(own: CostArray, size: int, q: int, radix: int) -> None:
    """Combine the first `size` sums with a digit of value -1, 0, 1 or of value -1, 1."""
    for i in range(size):
        source = own[i]
        own[i] = source - q
        if radix == 3:
            own[size + i] = source
        own[(radix - 1) * size + i] = source + q


@compiled
def _add_centroids(own: CostArray, size: int, q: CostArray) -> None:
    """Combine the first `size` sums with each of a table of centroids."""
    if size == 1:
        for value in range(q.size):
            own[value] = q[value]
        return
    for value in range(q.size - 1, -1, -1):  # block 0 is the source of all others, so it is last
        for i in range(size):
            own[value * size + i] = own[i] + q[value]


@compiled
def _conditional_costs(  # noqa: PLR0917  # numba has no keyword-only arguments
    unary: CostArray, tables: SearchTables, code: Codes, j: int, n_fixed: int, total: CostArray
) -> None:
    """Write the costs of byte j's symbols, the first `n_fixed` other bytes given, into total."""
    first, last = tables.starts[j], tables.starts[j + 1]
    own = unary[first:last]
    for s in range(own.size):
        total[s] = own[s]
    for i in range(n_fixed):
        if i != j:
            fixed = tables.gram[code[i], first:last]
            for s in range(fixed.size):
                total[s] += fixed[s]


@compiled
def _keep_best(  # noqa: PLR0917  # numba has no keyword-only arguments
    total: CostArray,
    cost: int,
    state: int,
    n_kept: int,
    best: CostArray,
    parents: Codes,
    chosen: Codes,
) -> int:
    """Merge the symbols of one state into the sorted list of the best; ties keep the earlier."""
    beam = best.size
    for first in range(0, total.size, _PART):
        part = total[first : first + _PART]
        if n_kept == beam and _least(part) + cost >= best[beam - 1]:
            continue
        for s in range(part.size):
            value = part[s] + cost
            if n_kept < beam or value < best[beam - 1]:
                at = min(n_kept, beam - 1)
                while at > 0 and best[at - 1] > value:
                    best[at], parents[at], chosen[at] = (
                        best[at - 1],
                        parents[at - 1],
                        chosen[at - 1],
                    )
                    at -= 1
                best[at], parents[at], chosen[at] = value, state, first + s
                n_kept = min(n_kept + 1, beam)
    return n_kept


@compiled
def _least(values: CostArray) -> Any:
    least = values[0]
    for i in range(values.size):
        least = min(least, values[i])
    return least


@compiled
def _descend(
    unary: CostArray, tables: SearchTables, code: Codes, sweeps: int, total: CostArray
) -> None:
    """Coordinate descent over bytes, until all are unchanged or the sweeps are spent."""
    starts = tables.starts
    width = starts.size - 1
    n_unchanged = 0
    for step in range(sweeps * width):
        j = step % width
        _conditional_costs(unary, tables, code, j, width, total)
        least = _least(total[: starts[j + 1] - starts[j]])
        symbol = 0
        while total[symbol] > least:
            symbol += 1
        n_unchanged = n_unchanged + 1 if code[j] == starts[j] + symbol else 0
        code[j] = starts[j] + symbol
        if n_unchanged == width:
            break

"""The encoder's searches compiled by numba, equal bit for bit to the numpy ones in ``reference``.

Imported at the first encode: numba takes longer to import than the rest of the package.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit  # type: ignore[import-untyped]  # numba ships no type information


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]  # as above
    except RuntimeError:  # no folder for numba's cache is writable: compile once per process instead
        return njit(nogil=True)(function)  # type: ignore[no-any-return]  # as above


@_compiled
def search_digits(products, shift, gram, signed, sweeps):  # type: ignore[no-untyped-def]  # compiled
    """See ``reference.search_digits``; products are floats before the shift."""
    n, m = products.shape
    digits = np.zeros((n, m), np.int8)
    rest = np.empty(m, gram.dtype)
    for row in range(n):
        b = digits[row]
        for k in range(m):
            rest[k] = np.int64(products[row, k]) << shift
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
                    for l in range(m):
                        rest[l] -= change * gram[k, l]
            if not changed:
                break
    return digits


@_compiled
def search_symbols(products, shift, radices, digit, norms, gram, starts, beam, sweeps):  # type: ignore[no-untyped-def]  # compiled
    """See ``reference.search_symbols``; products are floats over the basis, before the shift."""
    n = products.shape[0]
    width = starts.size - 1
    symbols = np.empty((n, width), np.uint8)
    unary = np.empty(norms.size, gram.dtype)
    total = np.empty(256, gram.dtype)
    codes, extended = np.zeros((beam, width), np.int64), np.zeros((beam, width), np.int64)
    costs, best = np.zeros(beam, gram.dtype), np.zeros(beam, gram.dtype)
    parents, chosen = np.zeros(beam, np.int64), np.zeros(beam, np.int64)
    for row in range(n):
        _expand(products[row], shift, radices, digit, norms, starts, unary)
        n_states = 1
        costs[0] = 0
        for j in range(width):
            n_kept = 0
            for state in range(n_states):
                _conditional_costs(unary, gram, starts, codes[state], j, j, total)
                size = starts[j + 1] - starts[j]
                n_kept = _keep_best(total[:size], costs[state], state, n_kept, best, parents, chosen)
            for state in range(n_kept):
                extended[state] = codes[parents[state]]
                extended[state, j] = starts[j] + chosen[state]
                costs[state] = best[state]
            codes, extended = extended, codes
            n_states = n_kept
        _descend(unary, gram, starts, codes[0], sweeps, total)
        for j in range(width):
            symbols[row, j] = codes[0, j] - starts[j]
    return symbols


@_compiled
def _expand(products, shift, radices, digit, norms, starts, unary):  # type: ignore[no-untyped-def]  # compiled
    """Expand products over the basis to ``|T|^2 - 2 * 2^a <x, T>`` over all symbols of all bytes."""
    k = 0
    for j in range(starts.size - 1):
        first = starts[j]
        unary[first] = 0
        size = 1
        for radix in radices[j]:
            if radix == 0:
                break
            # The factor's values, the last first: the lowest block is the source of all others.
            for value in range(radix - 1, -1, -1):
                if digit[j]:
                    coefficient = 2 * value - 1 if radix == 2 else value - 1
                    q = coefficient * (np.int64(products[k]) << shift)
                else:
                    q = np.int64(products[k + value]) << shift
                for i in range(size):
                    unary[first + value * size + i] = unary[first + i] + q
            k += 1 if digit[j] else radix
            size *= radix
        for i in range(first, first + size):
            unary[i] = norms[i] - 2 * unary[i]


@_compiled
def _conditional_costs(unary, gram, starts, code, j, n_fixed, total):  # type: ignore[no-untyped-def]  # compiled
    """Write the costs of byte j's symbols, the first `n_fixed` other bytes given, into total."""
    first = starts[j]
    size = starts[j + 1] - first
    for s in range(size):
        total[s] = unary[first + s]
    for i in range(n_fixed):
        if i != j:
            fixed = gram[code[i], first : first + size]
            for s in range(size):
                total[s] += fixed[s]


@_compiled
def _keep_best(total, cost, state, n_kept, best, parents, chosen):  # type: ignore[no-untyped-def]  # compiled
    """Merge the symbols of one state into the sorted list of the best; ties keep the earlier."""
    beam = best.size
    for s in range(total.size):
        value = total[s] + cost
        if n_kept == beam and value >= best[beam - 1]:
            continue
        at = min(n_kept, beam - 1)
        while at > 0 and best[at - 1] > value:
            best[at], parents[at], chosen[at] = best[at - 1], parents[at - 1], chosen[at - 1]
            at -= 1
        best[at], parents[at], chosen[at] = value, state, s
        n_kept = min(n_kept + 1, beam)
    return n_kept


@_compiled
def _descend(unary, gram, starts, code, sweeps, total):  # type: ignore[no-untyped-def]  # compiled
    """Coordinate descent over bytes, until all are unchanged or the sweeps are spent."""
    width = starts.size - 1
    n_unchanged = 0
    for step in range(sweeps * width):
        j = step % width
        _conditional_costs(unary, gram, starts, code, j, width, total)
        least = 0
        for s in range(1, starts[j + 1] - starts[j]):
            if total[s] < total[least]:
                least = s
        n_unchanged = n_unchanged + 1 if code[j] == starts[j] + least else 0
        code[j] = starts[j] + least
        if n_unchanged == width:
            break

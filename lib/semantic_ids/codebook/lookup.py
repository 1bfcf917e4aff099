"""Sums of one look-up per byte over many SIDs, compiled by numba."""

import numpy as np

from semantic_ids.codebook.codebook import FloatArray64
from semantic_ids.codebook.compiled import compiled
from semantic_ids.codebook.wire import SidArray


@compiled
def look_up(sids: SidArray, norms: FloatArray64, lookups: FloatArray64) -> FloatArray64:
    """Return ``norm + sum_j lookups[j, byte_j]`` for every SID."""
    distances = np.empty(sids.size, np.float64)
    for row in range(sids.size):
        distances[row] = _looked_up(sids[row], norms[row], lookups)
    return distances


@compiled
def look_up_nearest(
    sids: SidArray, norms: FloatArray64, lookups: FloatArray64, k: int
) -> tuple[FloatArray64, SidArray]:
    """Return the k smallest of ``look_up`` and their rows, in one pass; ties keep the earlier."""
    best = np.empty(k, np.float64)
    rows = np.empty(k, np.int64)
    n_kept = 0
    for row in range(sids.size):
        value = _looked_up(sids[row], norms[row], lookups)
        if n_kept < k or value < best[k - 1]:
            at = min(n_kept, k - 1)
            while at > 0 and best[at - 1] > value:
                best[at], rows[at] = best[at - 1], rows[at - 1]
                at -= 1
            best[at], rows[at] = value, row
            n_kept = min(n_kept + 1, k)
    return best, rows


@compiled
def _looked_up(sid: int, norm: float, lookups: FloatArray64) -> float:
    width = lookups.shape[0]
    total = norm
    for j in range(width):
        total += lookups[j, (sid >> (8 * (width - 1 - j))) & 255]
    return total

"""Joint refinement: alternate encoding under annealed noise with least squares for all tables."""

from collections.abc import Callable

import numpy as np

from semantic_ids.codebook.codebook import Codebook, FloatArray, FloatArray64
from semantic_ids.codebook.decoder import reconstruct
from semantic_ids.codebook.encoder import encode_symbols
from semantic_ids.codebook.least_squares import Statistics, solve
from semantic_ids.codebook.quality import error_ratio
from semantic_ids.codebook.sample import Sample


def refine(
    V: FloatArray64,
    sample: Sample,
    held_out: FloatArray,
    *,
    rounded: Callable[[FloatArray64], Codebook],
    rounds: int,
    seed: int,
    report: Callable[[str, float], None],
) -> FloatArray64:
    """Return the best basis by held-out error: the start, or that of a round.

    A round encodes the rows disturbed by noise of the residual's own spread, annealed to zero by
    ``sqrt(1 - round / rounds)`` (stochastic relaxation), and solves for all tables at the symbols
    found.

    Parameters
    ----------
    V : ndarray of shape (n_rows, dim), float64
        In the sample's coordinates, as `held_out` is.
    rounded : callable
        Gives the codebook, in the same coordinates, that encodes.
    report : callable
        Called with a round's name and relative error on the held-out rows.
    """
    best, least = V, np.inf
    for step in range(rounds + 1):
        codebook = rounded(V)
        residual = held_out - reconstruct(encode_symbols(held_out, codebook), codebook)
        error = error_ratio(residual, held_out)
        if step > 0:
            report(f"round {step} of {rounds}", error)
        if error < least:
            best, least = V, error
        if step < rounds:
            spread = np.sqrt(1 - step / rounds) * residual.std(axis=0)
            statistics = _statistics(sample, codebook, spread, seeds=(seed, step))
            V = solve(V, statistics, np.random.default_rng((seed, step)))
    return best


def _statistics(
    sample: Sample, codebook: Codebook, spread: FloatArray, *, seeds: tuple[int, int]
) -> Statistics:
    """Sum over the rows, each with the symbols of the row plus Gaussian noise."""
    statistics = Statistics.zero(codebook.layout, codebook.dim)
    for index, X in enumerate(sample.chunks()):
        rng = np.random.default_rng((*seeds, index))
        noise = spread.astype(np.float32) * rng.standard_normal(X.shape, np.float32)
        statistics.add(X, encode_symbols(X + noise, codebook))
    return statistics

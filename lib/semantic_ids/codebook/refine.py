"""Joint refinement: alternate encoding of disturbed rows with least squares for all tables."""

from collections.abc import Callable

import numpy as np

from semantic_ids.codebook.codebook import Codebook, FloatArray, FloatArray64
from semantic_ids.codebook.decoder import reconstruct
from semantic_ids.codebook.encoder import encode_symbols
from semantic_ids.codebook.least_squares import Equations, Sums, by_energy, solve
from semantic_ids.codebook.quality import error_ratio
from semantic_ids.codebook.sample import Sample

_LEAST_NOISE = 0.8


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

    A round encodes the rows disturbed by noise of the residual's own spread, which falls by
    ``0.8 + 0.2 sqrt(1 - round / rounds)`` (stochastic relaxation), and solves for all tables at the
    symbols found, in a moving average of its sums and those of earlier rounds. Each of the last
    rounds reads twice the rows of the one before, so that all together cost about two passes.

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
    equations = None
    for step in range(rounds + 1):
        codebook = rounded(V)
        residual = held_out - reconstruct(encode_symbols(held_out, codebook), codebook)
        error = error_ratio(residual, held_out)
        if step > 0:
            report(f"round {step} of {rounds}", error)
        if error < least:
            best, least = V, error
        if step < rounds:
            heat = _LEAST_NOISE + (1 - _LEAST_NOISE) * np.sqrt(1 - step / rounds)
            every = sample.stride(rounds_left=rounds - step)
            fresh = _equations(
                sample, codebook, heat * residual.std(axis=0), every=every, seeds=(seed, step)
            )
            equations = fresh if equations is None else fresh.after(equations)
            V = solve(V, equations, codebook.layout, np.random.default_rng((seed, step)))
            order = by_energy(V, equations.H.diagonal(), codebook.layout)
            V, equations = V[order], equations.permuted(order)
    return best


def _equations(
    sample: Sample, codebook: Codebook, spread: FloatArray, *, every: int, seeds: tuple[int, int]
) -> Equations:
    """Sum over every so many rows, each with the symbols of the row plus Gaussian noise."""
    sums = Sums(codebook.layout, codebook.dim)
    for index, X in enumerate(sample.chunks(every=every, first=seeds[1] % every)):
        rng = np.random.default_rng((*seeds, index))
        noise = spread.astype(np.float32) * rng.standard_normal(X.shape, np.float32)
        sums.add(X, encode_symbols(X + noise, codebook))
    return sums.equations()

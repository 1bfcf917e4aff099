"""Joint refinement: alternate encoding of disturbed rows with least squares for all tables."""

import math
from collections.abc import Callable

import numpy as np

from semantic_ids.codebook.codebook import Codebook, FloatArray, FloatArray64
from semantic_ids.codebook.decoder import reconstruct
from semantic_ids.codebook.encoder import encode_symbols
from semantic_ids.codebook.least_squares import Equations, Sums, by_energy, solve
from semantic_ids.codebook.quality import error_ratio
from semantic_ids.codebook.sample import Sample

_MEMORY = 0.7


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

    A round encodes the rows disturbed by noise of the standard deviation of the held-out residual
    times ``heat``, and solves for all tables at the symbols found. The equations are a moving
    average, in which those of earlier rounds have a share of ``0.7 heat``. The heat falls from 1 by
    ``sqrt(1 - round / rounds)`` (stochastic relaxation), not to zero but to what unseen rows have
    above seen ones: ``sqrt(1 - seen error / held-out error)``. One round more has no noise and no
    memory, and starts at the best basis: it helps where unseen rows are near copies of seen ones.

    Parameters
    ----------
    V : ndarray of shape (n_rows, dim), float64
        In the sample's coordinates, as `held_out` is.
    rounded : callable
        Gives the codebook, in the same coordinates, that encodes.
    report : callable
        Called with a round's name and relative error on the held-out rows.
    """
    seen = sample.spread_out(len(held_out))
    least, equations = np.inf, None
    last = rounds + 1 if rounds else 0
    for step in range(last + 1):
        codebook = rounded(V)
        residual = _residual(held_out, codebook)
        error = error_ratio(residual, held_out)
        if step:
            report(f"round {step} of {rounds}" if step <= rounds else "last round", error)
        if step == 0 or error < least:
            best, least = (V, codebook, residual), error
        if step == last:
            break
        if step < rounds:
            seen_error = error_ratio(_residual(seen, codebook), seen)
            lowest = math.sqrt(max(0, 1 - seen_error / error)) if error > 0 else 0.0
            heat = lowest + (1 - lowest) * math.sqrt(1 - step / rounds)
        else:
            (V, codebook, residual), equations, heat = best, None, 0.0
        fresh = _equations(
            sample,
            codebook,
            spread=heat * residual.std(axis=0, dtype=np.float64),
            every=sample.stride(rounds_left=last - step),
            seeds=(seed, step),
        )
        equations = fresh.averaged(equations, _MEMORY * heat) if equations else fresh
        sigma2 = np.square(residual, dtype=np.float64).mean(axis=0)
        rng = np.random.default_rng((seed, step))
        V = solve(V, equations, codebook.layout, sigma2=sigma2, rng=rng)
        order = by_energy(V, equations.H.diagonal(), codebook.layout)
        V, equations = V[order], equations.permuted(order)
    return best[0]


def _residual(rows: FloatArray, codebook: Codebook) -> FloatArray:
    return rows - reconstruct(encode_symbols(rows, codebook), codebook)


def _equations(
    sample: Sample, codebook: Codebook, *, spread: FloatArray64, every: int, seeds: tuple[int, int]
) -> Equations:
    """Sum over every so many rows, each with the symbols of the row plus Gaussian noise."""
    sums = Sums(codebook.layout, codebook.dim)
    for index, X in enumerate(sample.chunks(every=every, first=seeds[1] % every)):
        rng = np.random.default_rng((*seeds, index))
        noise = spread.astype(np.float32) * rng.standard_normal(X.shape, np.float32)
        sums.add(X, encode_symbols(X + noise, codebook))
    return sums.equations()

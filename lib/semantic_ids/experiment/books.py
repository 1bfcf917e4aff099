"""Codebooks of an experiment: fitted on the items of the first half, and every item's SID."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from semantic_ids.codebook import Codebook, CodebookSpec, FusionSpec, decode, encode, fit
from semantic_ids.errors import InputError
from semantic_ids.experiment.columns import Column, by_name
from semantic_ids.experiment.settings import ROUNDS
from semantic_ids.experiment.stream import FloatArray, Int64Array
from semantic_ids.fusion import FusionRows, train

TRADITIONAL = CodebookSpec([{"centroids": 256}] * 3, rounds=ROUNDS)
MAX_FIT_ROWS = 8_192


@dataclass(frozen=True)
class Book:
    """A codebook with the SIDs of all items.

    Parameters
    ----------
    codebook : Codebook
    sids : ndarray of shape (n_items,), int64
    collections : tuple of str
        Those of a fused codebook, in the order of the vectors; empty for any other.
    """

    codebook: Codebook
    sids: Int64Array
    collections: tuple[str, ...] = ()

    def decoded(self) -> FloatArray:
        """Reconstruct all items, shape (n_items, dim)."""
        names = self.collections or (None,)
        return np.hstack([decode(self.sids, self.codebook, collection=name) for name in names])


def fit_books(
    vectors: FloatArray, seen: Int64Array, specs: Mapping[str, CodebookSpec], seed: int
) -> dict[str, Book]:
    """Fit codebooks on items that were seen in time, and encode all items.

    Parameters
    ----------
    vectors : ndarray of shape (n_items, dim), float32
    seen : ndarray of int64
        The items to fit on; of more than 8,192 so many are drawn.

    Raises
    ------
    InputError
        If there are too few to fit on.
    """
    rows = _fitted(seen, seed)
    books = {}
    for name, spec in specs.items():
        codebook = fit(vectors[rows], within(spec, len(rows)), seed=seed)
        books[name] = Book(codebook, encode(vectors, codebook))
    return books


def fit_fused(
    vectors: FloatArray, columns: tuple[Column, ...], seen: Int64Array, spec: FusionSpec, seed: int
) -> Book:
    """Train a fused codebook on the items that `fit_books` takes, and encode all items.

    Raises
    ------
    InputError
        If there are too few items, or an item has no collection.
    """
    rows = _fitted(seen, seed)
    given = by_name(vectors, columns)
    some = FusionRows.of({name: values[rows] for name, values in given.items()}, {}, spec)
    codebook = train(some, replace(spec, seed=seed))
    return Book(codebook, encode(given, codebook), tuple(given))


def _fitted(seen: Int64Array, seed: int) -> Int64Array:
    """Give the items to fit on, in rising order."""
    if len(seen) < 2:
        raise InputError(
            f"events: the first half must have items to fit codebooks on, got {len(seen)}"
        )
    rng = np.random.default_rng([seed, 5])
    rows = seen if len(seen) <= MAX_FIT_ROWS else rng.choice(seen, MAX_FIT_ROWS, replace=False)
    return np.sort(rows)


def within(spec: CodebookSpec, n_rows: int) -> CodebookSpec:
    """Give as few centroids to each stage as a small catalogue can fill: 4/5 of its items."""
    most = max(2, n_rows * 4 // 5)
    stages = [
        {"centroids": min(stage.counts[0], most)}
        if stage.kind == "centroids" and len(stage.counts) == 1
        else stage.to_dict()
        for stage in spec.stages
    ]
    return CodebookSpec(stages, beam=spec.beam, sweeps=spec.sweeps, rounds=spec.rounds)

"""Catalogues for the browse page: generated items, titles as given, SIDs of a real codebook."""

from dataclasses import dataclass

import numpy as np

from semantic_ids.codebook import Codebook, CodebookSpec, encode, fit
from semantic_ids.report import Catalogue, PrefixCounts

__all__ = ["MIXED", "catalogue_of", "count_all", "fitted", "sampled"]

MIXED = ({"centroids": [4, 4]}, {"ternary": 4}, {"binary": 3}, {"ternary": 2})
KINDS = ("Red", "White", "Rosé")


@dataclass(frozen=True)
class Items:
    """Vectors around centres: those of one centre are alike, and some are the same."""

    vectors: np.ndarray
    centres: np.ndarray


def generated(n: int, dim: int = 12, n_centres: int = 20) -> Items:
    """Give n items; each third one is the centre itself."""
    rng = np.random.default_rng(0)
    centres = rng.integers(0, n_centres, n)
    noise = 0.3 * rng.standard_normal((n, dim)) * (np.arange(n) % 3 > 0)[:, None]
    places = rng.standard_normal((n_centres, dim))
    return Items((places[centres] + noise).astype(np.float32), centres)


def fitted(vectors: np.ndarray, stages=MIXED) -> Codebook:
    """Fit a codebook of some stages, quickly."""
    return fit(vectors, CodebookSpec(list(stages), rounds=0), collection="text", seed=0)


def count_all(sids: np.ndarray, width: int) -> PrefixCounts:
    """Count SIDs by their first two bytes."""
    found = np.unique(sids >> 8 * max(0, width - 2), return_counts=True)
    return PrefixCounts(*found)


def catalogue_of(n: int = 400, *, stages=MIXED, titles=None, item_ids=None, name="shop"):
    """Give a catalogue of generated items with titles, ids and kinds."""
    items = generated(n)
    codebook = fitted(items.vectors if n > 50 else generated(50).vectors, stages)
    sids = encode(items.vectors, codebook)
    order = np.argsort(sids, kind="stable")
    titles = titles or [f"Centre {centre} item {row}" for row, centre in enumerate(items.centres)]
    item_ids = item_ids or [f"i{row}" for row in range(n)]
    return Catalogue(
        codebook,
        name,
        sids[order],
        [item_ids[row % len(item_ids)] for row in order],
        [titles[row % len(titles)] for row in order],
        "kind",
        [KINDS[items.centres[row] % 3] if row % 11 else None for row in order],
        count_all(sids, codebook.width),
        (("Codebook", "shop, 0123"), ("Run", "run-1")),
    )


def sampled(whole: Catalogue, every: int) -> Catalogue:
    """Give every so many items of a catalogue, with the counts of all."""
    return Catalogue(
        whole.codebook,
        whole.name,
        whole.sids[::every],
        whole.item_ids[::every],
        whole.titles[::every],
        whole.category,
        whole.categories[::every],
        whole.counts,
        whole.facts,
    )

"""The work that arms of a regime share, done once: batches, codebooks, similarity features."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from semantic_ids.codebook import CodebookSpec, prefix_ids, sids_to_bytes
from semantic_ids.experiment.arms import Arm, Control
from semantic_ids.experiment.batches import (
    Batch,
    make_batches,
    with_histories_of_others,
    with_items_of_others,
)
from semantic_ids.experiment.books import TRADITIONAL, Book, fit_books, fit_fused
from semantic_ids.experiment.dense import N_DENSE, dense_features
from semantic_ids.experiment.encoders import Decoded, SidEncoder, TableEncoder, VectorEncoder
from semantic_ids.experiment.examples import cut, items_before
from semantic_ids.experiment.listings import World
from semantic_ids.experiment.model import ReferenceModel
from semantic_ids.experiment.protocol import Course
from semantic_ids.experiment.settings import Regime, Settings
from semantic_ids.experiment.similarity import POOLING, similarity_features
from semantic_ids.experiment.stream import Int64Array
from semantic_ids.trainers import SIDEmbedding, SIDHead

_HEAD = (64,)


class Bench:
    """One regime's data, and what arms make of it.

    Parameters
    ----------
    world : World
        As `in_regime` gives it.
    regime : Regime
    settings : Settings
    """

    def __init__(self, world: World, regime: Regime, settings: Settings) -> None:
        self.world, self.regime, self.settings = world, regime, settings
        self.cuts = cut(world.examples)
        self._dense = dense_features(world, window_days=settings.window_days)
        self._batches: dict[Control | None, list[Batch]] = {}
        self._similarity: dict[tuple[str | None, Control | None], Tensor] = {}

    @cached_property
    def seen(self) -> Int64Array:
        """The items met before the second half begins, in an order of chance."""
        world = self.world
        found = items_before(
            world.stream, world.moments.times[world.examples.moments[self.cuts.half]]
        )
        return np.random.default_rng([self.settings.seed, 5]).permutation(found)

    @cached_property
    def books(self) -> dict[str, Book]:
        """The codebooks of the arms, fitted on items seen in the first half."""
        settings = self.settings
        specs = {"traditional": TRADITIONAL, "side": settings.side, "mixed": settings.mixed}
        used = {arm.book for arm in settings.chosen() if arm.book}
        wanted: dict[str, CodebookSpec] = {name: specs[name] for name in sorted(used - {"fused"})}
        world, seed = self.world, settings.seed
        books = fit_books(world.vectors, self.seen, wanted, seed)
        if "fused" in used and settings.fused:
            books["fused"] = fit_fused(
                world.vectors, world.columns, self.seen, settings.fused, seed
            )
        return books

    @property
    def is_trained(self) -> Tensor:
        """Which examples are learned from: all of a moment, or none."""
        rng = np.random.default_rng([self.settings.seed, 6])
        chosen = rng.random(len(self.world.moments.users)) < self.regime.share
        return torch.from_numpy(chosen[self.world.examples.moments])

    def course(self, arm: Arm) -> Course:
        """Give what an arm's model is trained on."""
        parts = [torch.from_numpy(self._dense)]
        if arm.similarity:
            parts.append(self._similarity_of(arm))
        return Course(
            self.batches(arm.control),
            _standardised(torch.cat(parts, 1), self.cuts.quarter),
            self.world.examples.labels,
            self.is_trained,
            self.cuts,
            self._builder(arm),
        )

    def batches(self, control: Control | None) -> list[Batch]:
        """Give the batches, their histories as they are or dealt out anew."""
        if control not in self._batches:
            moments, seed = self.world.moments, self.settings.seed
            if control == "histories":
                moments = with_histories_of_others(moments, seed)
            elif control == "sids":
                moments = with_items_of_others(moments, seed)
            self._batches[control] = make_batches(
                replace(self.world, moments=moments), self._dense, size=self.settings.batch
            )
        return self._batches[control]

    def rows_of(self, arm: Arm) -> Int64Array:
        """Give the rows of a learned table that each item sums, shape (n_items, k)."""
        if arm.view == "items":
            return np.arange(len(self.world.vectors))[:, None]
        book = self.books[arm.book or ""]
        width = book.codebook.width
        if arm.view == "levels":
            return sids_to_bytes(book.sids, width) + 256 * np.arange(width)
        if arm.view == "hashed":
            return prefix_ids(book.sids, width, table_size=self.settings.hashed_rows)
        prefixes = prefix_ids(book.sids, width) + (np.arange(width) << 56)
        return np.unique(prefixes, return_inverse=True)[1].reshape(prefixes.shape)

    def _builder(self, arm: Arm) -> Callable[[], nn.Module]:
        encoder = self._encoder(arm)
        n_similarity = POOLING.out_features if arm.similarity else 0
        return lambda: ReferenceModel(
            encoder(), self.settings.dim, n_dense=N_DENSE, n_similarity=n_similarity
        )

    def _encoder(self, arm: Arm) -> Callable[[], nn.Module | None]:
        dim, hidden = self.settings.dim, _HEAD if arm.hidden else ()
        if arm.view is None:
            return lambda: None
        if arm.has_tables:
            rows = self.rows_of(arm)
            return lambda: TableEncoder(rows, dim)
        if arm.view == "vectors":
            vectors = self.world.vectors
            return lambda: VectorEncoder(
                vectors, SIDHead(vectors.shape[1], dim, hidden), seen=self.seen
            )
        book = self.books[arm.book or ""]
        is_digits = arm.view == "digits"
        embedding = SIDEmbedding(book.codebook, "digits") if is_digits else Decoded(book)
        return lambda: SidEncoder(
            book.sids,
            embedding,
            SIDHead(embedding.embedding_dim, dim, hidden),
            seen=self.seen,
        )

    def _similarity_of(self, arm: Arm) -> Tensor:
        key = arm.book, arm.control
        if key not in self._similarity:
            vectors = self.world.vectors
            events = self.books[arm.book].decoded() if arm.book else vectors
            self._similarity[key] = similarity_features(
                self.batches(arm.control), vectors, events, centre=vectors[self.seen].mean(axis=0)
            )
        return self._similarity[key]


def _standardised(features: Tensor, n: int) -> Tensor:
    """Bring features to mean 0 and spread 1 by their first n rows."""
    first = features[:n]
    return (features - first.mean(0)) / first.std(0).clamp(min=1e-3)

"""Items with several collections and categories, split by a seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Items:
    """Collections with NaN rows where an item lacks one, labels, and which rows are to fit."""

    vectors: dict[str, np.ndarray]
    labels: dict[str, list[str]]
    training: np.ndarray
    held_out: np.ndarray

    def present(self, name: str, places: np.ndarray) -> np.ndarray:
        """Return those of some places whose items have a collection."""
        return places[~np.isnan(self.vectors[name][places, 0])]

    def some(self, places: np.ndarray) -> dict[str, np.ndarray]:
        return {name: x[places] for name, x in self.vectors.items()}


SETS = {
    "x_wines": (
        ("label_embedding", "profile_embedding"),
        ("type", "country", "body", "acidity"),
    ),
    "online_retail": (("text_embedding", "copurchase_embedding"), ()),
}


def load(name: str, data: Path, seed: int) -> Items:
    """Read a set; four fifths of its items, drawn by the seed, are to fit."""
    table = pq.read_table(data / name / "items.parquet")
    collections, categories = SETS[name]
    vectors = {}
    for column in collections:
        flat = np.asarray(table[column].combine_chunks().flatten(), np.float32)
        vectors[column] = flat.reshape(len(table), -1).copy()
    if name == "online_retail":
        copurchase = vectors["copurchase_embedding"]
        copurchase[~copurchase.any(axis=1)] = np.nan  # never bought with another: missing
    order = np.random.default_rng(seed).permutation(len(table))
    at = len(order) * 4 // 5
    labels = {category: table[category].to_pylist() for category in categories}
    return Items(vectors, labels, np.sort(order[:at]), np.sort(order[at:]))

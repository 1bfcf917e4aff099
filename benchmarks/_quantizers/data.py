"""The rows that quantisers are compared on: real embeddings, descriptors, a generated million."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

Rows = np.ndarray

COLUMNS = {
    "goodbooks": ["text_embedding"],
    "online_retail": ["text_embedding"],
    "x_wines": ["label_embedding", "profile_embedding"],
}
MAX_FIT = 32_768  # so that the slow peers finish; of the generated million only
MAX_HELD_OUT = 20_000
CHUNK = 65_536


def load(name: str, data: Path) -> Rows:
    """Return the rows of a set in random order, float32 of shape (n, dim)."""
    return SETS[name](data)


def split(rows: Rows) -> tuple[Rows, Rows]:
    """Return four fifths to fit on and one fifth held out, of each no more than its limit."""
    at = len(rows) * 4 // 5
    return rows[: min(at, MAX_FIT)], rows[at : at + MAX_HELD_OUT]


def generated(n: int, dim: int, *, seed: int = 0) -> Rows:
    """Return rows around 4,096 centres of uneven weight, all with a spectrum that decays.

    The deviation along the i-th of `dim` random orthogonal axes is ``1 / sqrt(i)`` for the centres
    and half of it for the rows about them.
    """
    rng = np.random.default_rng(seed)
    axes = (
        np.linalg.qr(rng.standard_normal((dim, dim)))[0] / np.sqrt(np.arange(1, dim + 1))[:, None]
    )
    axes = axes.astype(np.float32)
    centres = rng.standard_normal((4096, dim), np.float32)
    weights = rng.dirichlet(np.ones(len(centres)))
    rows = np.empty((n, dim), np.float32)
    for start in range(0, n, CHUNK):
        chunk = rows[start : start + CHUNK]
        chosen = rng.choice(len(centres), len(chunk), p=weights)
        chunk[:] = (centres[chosen] + 0.5 * rng.standard_normal(chunk.shape, np.float32)) @ axes
    return rows


def _text(names: list[str]) -> Callable[[Path], Rows]:
    def rows_of(data: Path) -> Rows:
        parts = []
        for name in names:
            table = pq.read_table(data / name / "items.parquet", columns=COLUMNS[name])
            for column in COLUMNS[name]:
                values = table[column].combine_chunks()
                parts.append(np.asarray(values.flatten(), np.float32).reshape(len(values), -1))
        return _shuffled(np.concatenate(parts))

    return rows_of


def _shuffled(rows: Rows) -> Rows:
    return rows[np.random.default_rng(1).permutation(len(rows))]


SETS: dict[str, Callable[[Path], Rows]] = {
    "text": _text(list(COLUMNS)),
    **{name: _text([name]) for name in COLUMNS},
    "bigann10k": lambda data: _shuffled(np.load(data / "bigann10k/base.npy").astype(np.float32)),
    "generated": lambda _: generated(1_000_000, 128),
}

"""Small worlds for the experiment: a sequences table that is read, events, items with vectors."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from history_tables import CODEBOOKS, N_BUCKETS, write
from sequence_tables import Segment

from semantic_ids.codebook import CodebookSpec, sids_to_bytes
from semantic_ids.experiment import Data, Settings, make_settings
from semantic_ids.trainers.lookup import buckets_of

CODEBOOK = "a" * 32
WIDTH = CODEBOOKS[CODEBOOK]
DAY = 86_400_000_000
START = 1_704_067_200_000_000
SPEC = CodebookSpec([{"ternary": 10}], rounds=0)


def make_data(folder: Path, users, items, times, labels=None, *, n_items=40, stored=None) -> Data:
    """Write events as sequences (all, or those `stored`), and give them as an experiment's data."""
    rng = np.random.default_rng(0)
    users, items, times = map(np.asarray, (users, items, times))
    sids = rng.permutation(200_000)[:n_items]
    user_ids = np.unique(users)
    kept = np.ones(len(users), bool) if stored is None else stored
    segments = [
        segment(user, times[own], sids[items[own]])
        for user in user_ids.tolist()
        for own in [of_user(users, times, user, kept)]
        if len(own)
    ]
    table = write(folder / "sequences", segments)
    return Data(
        sequences=table.path,
        version=DeltaTable(table.path).version(),
        codebook_id=CODEBOOK,
        user_ids=pa.array(user_ids),
        item_ids=pa.array(np.arange(n_items)),
        users=np.searchsorted(user_ids, users),
        items=items,
        times=times,
        labels=labels,
        sids=sids,
        vectors={"text": rng.normal(size=(n_items, 16)).astype(np.float32)},
    )


def of_user(users, times, user, kept):
    own = np.flatnonzero((users == user) & kept)
    return own[np.argsort(times[own], kind="stable")]


def segment(user: int, times, sids) -> Segment:
    last = datetime.datetime.fromtimestamp(int(times[-1]) / 1e6, datetime.UTC).date()
    return Segment(
        user_id=user,
        ds=last,
        bucket=int(buckets_of(pa.array([user]), N_BUCKETS)[0]),
        sids=[sid.tobytes() for sid in sids_to_bytes(sids, WIDTH)],
        timestamps=times.tolist(),
        columns={"quantity": [0] * len(times)},
        codebook_id=CODEBOOK,
    )


def make(**changes) -> Settings:
    given = {
        "collections": ["text"],
        "copurchase": None,
        "arms": ["vectors_linear_similarity"],
        "seeds": 2,
        "rates": [0.01],
        "table_rates": [0.1],
        "negatives": 4,
        "window_days": 7,
        "per_moment": 4,
        "positives": 400,
        "hashed_rows": 100,
        "batch": 64,
        "seed": 0,
    }
    return make_settings(changes.pop("spec", SPEC), **(given | changes))


def pairs(folder: Path, n_users: int, *, tells: str) -> Data:
    """Give two events a user, of one item or of two, and the label of one that says which.

    The label of the later event may be known from the earlier, which is its history (`past`); that
    of the earlier event only from the later, which is its future (`future`).
    """
    rng = np.random.default_rng(1)
    first = rng.integers(0, 40, n_users)
    is_same = rng.random(n_users) < 0.5
    second = np.where(is_same, first, (first + rng.integers(1, 40, n_users)) % 40)
    by_chance = (rng.random(n_users) < 0.5).astype(int)
    labels = (by_chance, is_same.astype(int))
    begins = START + rng.integers(0, 300, n_users) * DAY
    return make_data(
        folder,
        np.tile(np.arange(n_users), 2),
        np.concatenate([first, second]),
        np.concatenate([begins, begins + DAY]),
        np.concatenate(labels if tells == "past" else labels[::-1]),
    )


def walks(folder: Path) -> Data:
    """Give users who go on buying from the group of items that they began with."""
    rng = np.random.default_rng(2)
    n_users, n = 60, 30
    groups = np.repeat(rng.integers(0, 4, n_users), n)
    users = np.repeat(np.arange(n_users), n)
    times = START + rng.integers(0, 100 * 24, n_users * n) * (DAY // 24)
    return make_data(folder, users, groups * 10 + rng.integers(0, 10, n_users * n), times)

"""An embedding of what items are met with, made from the events of the past alone."""

import warnings

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from semantic_ids.errors import InputError
from semantic_ids.experiment.settings import DAY_US
from semantic_ids.experiment.stream import FloatArray, Int64Array, Stream, unique_moments

MAX_DAY_ITEMS = 200
"""A user's day of more items says little of each pair, and costs the square of their number."""

_POWER_STEPS = 4


def copurchase_vectors(
    stream: Stream, *, before: int, n_items: int, dim: int, seed: int
) -> FloatArray:
    """Embed items by which others a user met on the same day.

    A truncated SVD of positive pointwise mutual information, rows of length 1 (our choice).

    Parameters
    ----------
    before : int
        Microseconds since the epoch in UTC: events from then on are not looked at.
    dim : int
        Floats of a row; the last of them are 0 where there are fewer items.

    Returns
    -------
    ndarray of shape (n_items, dim), float32
        0 throughout where an item was met with no other.

    Raises
    ------
    InputError
        If no user met two items on one day.
    """
    days, items = _days(stream, before)
    places = torch.from_numpy(np.stack([days, items]))
    size = (int(days.max(initial=-1)) + 1, n_items)
    met = torch.sparse_coo_tensor(places, torch.ones(len(days)), size, check_invariants=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that CSR, which it goes through, is beta
        pairs = torch.sparse.mm(met.t(), met).coalesce()
    one, other = pairs.indices()
    kept = one != other
    if not kept.any():
        raise InputError(
            "copurchase: users must meet several items on one day before the second quarter of "
            "the examples, got none who did"
        )
    information = _information(pairs.values()[kept], one[kept], other[kept], n_items)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        n = min(dim, n_items)
        left, sizes, _ = torch.svd_lowrank(information, q=n, niter=_POWER_STEPS)
    found: FloatArray = F.pad(F.normalize(left * sizes.sqrt(), dim=1), (0, dim - n)).numpy()
    found[np.setdiff1d(np.arange(n_items), one[kept].numpy())] = 0
    return found


def _days(stream: Stream, before: int) -> tuple[Int64Array, Int64Array]:
    """Give the distinct items of each user's days, (n,) and (n,), but of days with too many."""
    past = np.flatnonzero(stream.times < before)
    _, days = unique_moments(stream.users[past], stream.times[past] // DAY_US)
    found = np.unique(np.stack([days, stream.items[past]]), axis=1)
    is_small = np.bincount(found[0], minlength=1)[found[0]] <= MAX_DAY_ITEMS
    return found[0, is_small], found[1, is_small]


def _information(counts: Tensor, one: Tensor, other: Tensor, n_items: int) -> Tensor:
    """Return positive PMI of pairs, a sparse matrix of shape (n_items, n_items)."""
    totals = torch.zeros(n_items, dtype=torch.float64).index_add_(0, one, counts.double())
    expected = totals[one] * totals[other] / totals.sum()
    values = (counts / expected).log().clamp(min=0).float()
    places, size = torch.stack([one, other]), (n_items, n_items)
    return torch.sparse_coo_tensor(places, values, size, check_invariants=True)

"""Items that a user could have met in the same days, drawn by how often others met them."""

import numpy as np

from semantic_ids.errors import InputError
from semantic_ids.experiment.settings import DAY_US
from semantic_ids.experiment.stream import Int64Array, Mask, Stream

_ROUNDS = 30


def draw_negatives(
    stream: Stream, positives: Int64Array, *, n: int, window_days: int, rng: np.random.Generator
) -> tuple[Int64Array, Mask]:
    """Draw negatives for positive events from the events of the same window of time.

    An item is drawn as often as it is met in the window: popularity alone tells no positive from a
    negative. Items that the user met in the window are not drawn.

    Parameters
    ----------
    positives : ndarray of shape (p,), int64
        Places in the stream.
    n : int
        Negatives for each.

    Returns
    -------
    ndarray of shape (p, n), int64
        Items.
    ndarray of shape (p,), bool
        Whether all n were found; those of the other rows mean nothing.

    Raises
    ------
    InputError
        If no positive has a negative: in each window its user met all items.
    """
    windows = (stream.times - stream.times[0]) // (window_days * DAY_US)
    starts = np.searchsorted(windows, windows[positives])
    stops = np.searchsorted(windows, windows[positives], side="right")
    n_users, n_items = stream.users.max() + 1, stream.items.max() + 1
    met = np.unique((windows * n_users + stream.users) * n_items + stream.items)
    users = (windows[positives] * n_users + stream.users[positives]) * n_items
    items = np.zeros((len(positives), n), np.int64)
    is_open = np.ones((len(positives), n), np.bool_)
    for _ in range(_ROUNDS):
        rows, columns = np.nonzero(is_open)
        if not len(rows):
            break
        drawn = stream.items[rng.integers(starts[rows], stops[rows])]
        keys = users[rows] + drawn
        is_met = met[np.searchsorted(met, keys).clip(max=len(met) - 1)] == keys
        items[rows[~is_met], columns[~is_met]] = drawn[~is_met]
        is_open[rows[~is_met], columns[~is_met]] = False
    found: Mask = np.asarray(~is_open.any(axis=1))
    if not found.any():
        raise InputError(
            f"negatives: in each window of {window_days} days a user must leave items unmet, got "
            f"{n_items:,} items of which each user met all or nearly all"
        )
    return items, found

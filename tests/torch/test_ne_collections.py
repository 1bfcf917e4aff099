"""Several collections of items: side by side, fused, and one made from the past."""

import numpy as np
import pytest
from ne_worlds import make, walks

from semantic_ids.codebook import CodebookSpec
from semantic_ids.errors import ConfigError, InputError
from semantic_ids.experiment import Regime
from semantic_ids.experiment.columns import by_name, side_by_side
from semantic_ids.experiment.copurchase import MAX_DAY_ITEMS, copurchase_vectors
from semantic_ids.experiment.examples import cut, items_before
from semantic_ids.experiment.run import _read
from semantic_ids.experiment.settings import DAY_US
from semantic_ids.experiment.stream import Stream, in_time_order

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"arms": ["fused_mlp"]}, "arms: fused_mlp needs several collections, got one"),
        (
            {"arms": ["digits_mlp"], "spec": CodebookSpec([{"centroids": 8}])},
            "arms: digits_mlp needs a codebook with digits, got stages of centroids only",
        ),
        (
            {"collections": ["copurchase"], "copurchase": 8},
            "copurchase: makes a collection of that name, so no other may have it, got copurchase",
        ),
    ],
)
def test_what_cannot_run_is_refused_where_it_is_asked_for(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make(**({"arms": None} | changes))


def test_collections_side_by_side_weigh_the_same_and_are_0_where_missing():
    text = np.array([[0, 0], [2, 0], [1, 1], [1, -1]], np.float32)
    image = np.array([[5], [0], [7], [np.nan]], np.float32)
    vectors, columns = side_by_side({"text": text, "image": image}, np.array([0, 1, 2]))
    assert [column.present.tolist() for column in columns] == [
        [False, True, True, True],
        [True, False, True, False],
    ]
    # of those seen and present: text (2, 0), (1, 1) with mean (1.5, 0.5) and total variance 0.5
    expected = (text - [1.5, 0.5]) / 0.5**0.5
    expected[0] = 0
    np.testing.assert_allclose(vectors[:, :2], expected, rtol=1e-6)
    np.testing.assert_allclose(vectors[:, 2], [-1, 0, 1, 0], rtol=1e-6)
    assert np.isnan(by_name(vectors, columns)["image"][:, 0]).tolist() == [False, True, False, True]
    with pytest.raises(InputError, match=r"collections: .* must have image, got 1 of 3"):
        side_by_side({"text": text, "image": image}, np.array([1, 2, 3]))


def test_what_is_met_together_is_near_and_the_future_is_not_looked_at():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(300), 4)
    items = (users % 3) * 10 + rng.integers(0, 10, len(users))
    days = np.zeros(len(users), int)
    many = np.arange(MAX_DAY_ITEMS + 1)  # a day of too many items, and a later one of all pairs
    stream = in_time_order(
        np.concatenate([users, np.full(len(many), 300), np.full(30, 301)]),
        np.concatenate([items, many, np.arange(30)]),
        np.concatenate([days, np.zeros(len(many), int), np.full(30, 5 * DAY_US)]),
        None,
    )
    found = copurchase_vectors(stream, before=DAY_US, n_items=300, dim=3, seed=0)
    groups = np.arange(30) // 10
    cosines = found[:30] @ found[:30].T
    same = groups[:, None] == groups
    assert cosines[same].min() > 0.9
    assert np.abs(cosines[~same]).max() < 0.1
    assert not found[30:].any()
    again = copurchase_vectors(stream, before=DAY_US, n_items=300, dim=3, seed=0)
    np.testing.assert_array_equal(found, again)
    with pytest.raises(InputError, match="copurchase: users must meet several items on one day"):
        copurchase_vectors(stream, before=0, n_items=300, dim=3, seed=0)


def test_copurchase_knows_nothing_from_the_second_quarter_on(tmp_path):
    data = walks(tmp_path)
    world, _ = _read(data, [Regime()], make(copurchase=4))
    cuts, stream = cut(world.examples), world.stream
    quarter, half = (
        world.moments.times[world.examples.moments[place]] for place in (cuts.quarter, cuts.half)
    )
    n = int((stream.times < quarter).sum())
    past = Stream(stream.users[:n], stream.items[:n], stream.times[:n], None)
    known = copurchase_vectors(past, before=stream.times[-1] + 1, n_items=40, dim=4, seed=0)
    expected, _ = side_by_side({**data.vectors, "copurchase": known}, items_before(stream, half))
    np.testing.assert_array_equal(world.vectors, expected)

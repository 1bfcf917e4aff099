"""Equal numbers counted in parts and in buckets, against a Counter."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.codebook import Counted, count_equal, deal
from semantic_ids.codebook.equal import N_BUCKETS
from semantic_ids.errors import ShapeError

NUMBERS = st.lists(st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1), max_size=60)


def test_count_equal_by_hand():
    numbers, counts = count_equal([5, -1, 5, 7])
    assert (numbers.tolist(), counts.tolist()) == ([-1, 5, 7], [1, 2, 1])
    numbers, counts = count_equal([5, -1, 5], [2, 3, 40])
    assert (numbers.tolist(), counts.tolist()) == ([-1, 5], [3, 42])


def test_counts_of_another_length_are_refused():
    with pytest.raises(ShapeError, match=r"counts must have shape \(2,\), got \(1,\)"):
        count_equal([1, 2], [1])


@given(numbers=NUMBERS, n_parts=st.integers(1, 3))
def test_buckets_of_parts_add_up_to_plain_counts(numbers, n_parts):
    rows = defaultdict(list)
    for part in range(n_parts):
        for bucket, counted in deal(count_equal(numbers[part::n_parts])):
            rows[bucket].append(counted)
    assert set(rows) <= set(range(N_BUCKETS))
    found = [count_equal(*map(np.concatenate, zip(*each, strict=True))) for each in rows.values()]
    pairs = [pair for each in found for pair in zip(*map(np.ndarray.tolist, each), strict=True)]
    assert sorted(pairs) == sorted(Counter(numbers).items())


def test_buckets_share_numbers_in_a_row_evenly():
    n_each = [len(counted.numbers) for _, counted in deal(count_equal(np.arange(256_000)))]
    assert len(n_each) == N_BUCKETS
    assert 800 < min(n_each) <= max(n_each) < 1_200


def test_no_numbers_go_to_no_bucket():
    assert count_equal([]).counts.tolist() == []
    assert list(deal(Counted(*np.zeros((2, 0), np.int64)))) == []

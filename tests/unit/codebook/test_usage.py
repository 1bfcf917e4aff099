"""Use of symbols and digits, information between bytes, collisions: by hand and by oracles."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from semantic_ids.codebook import (
    CodebookSpec,
    SidCounts,
    SizeClass,
    bytes_to_sids,
    collisions,
    count_symbols,
    digit_counts,
    pair_information,
    sids_to_bytes,
    unpack_digits,
    use_of,
)
from semantic_ids.codebook.information import mutual_information
from semantic_ids.errors import InputError, ShapeError


def test_use_by_hand():
    use = use_of([4, 2, 2, 0])
    assert (use.n_values, use.n_used, use.n_dead, use.utilisation) == (4, 3, 1, 0.75)
    assert use.entropy_bits == pytest.approx(1.5)
    assert use.nominal_bits == 2
    assert use.effective_share == pytest.approx(0.75)
    assert use.perplexity == pytest.approx(2**1.5)
    # mean absolute difference of all pairs, by twice the mean
    pairs = [abs(a - b) for a in (4, 2, 2, 0) for b in (4, 2, 2, 0)]
    assert use.gini == pytest.approx(sum(pairs) / 16 / (2 * 2))


def test_equal_use_has_all_bits_and_no_inequality():
    use = use_of(np.full(256, 7))
    assert (use.entropy_bits, use.gini) == (pytest.approx(8), pytest.approx(0, abs=1e-12))


def test_one_value_for_all_has_no_bits():
    use = use_of([0, 9, 0])
    assert (use.entropy_bits, use.perplexity, use.n_dead) == (0, 1, 2)
    assert use.gini == pytest.approx(2 / 3)


def test_no_items_use_nothing():
    use = use_of([0, 0])
    assert (use.n_used, use.entropy_bits, use.gini) == (0, 0, 0)


def test_use_refuses_a_table_of_counts():
    with pytest.raises(ShapeError, match=r"counts must have shape \(n_values,\), got \(2, 2\)"):
        use_of([[1, 2], [3, 4]])


@pytest.mark.parametrize("kind", ["ternary", "binary"])
def test_digit_counts_equal_counts_of_unpacked_digits(kind):
    layout = CodebookSpec([{kind: 7}]).layout
    n_values = [byte.n_values for byte in layout]
    symbols = np.random.default_rng(0).integers(0, n_values, (500, len(layout))).astype(np.uint8)
    counts = count_symbols(bytes_to_sids(symbols, len(layout)), len(layout))
    found = [
        digit.tolist() for j, byte in enumerate(layout) for digit in digit_counts(counts[j], byte)
    ]
    digits = (
        unpack_digits(bytes_to_sids(symbols, len(layout)), 7)
        if kind == "ternary"
        else np.concatenate([b.design[s] for b, s in zip(layout, symbols.T, strict=True)], axis=1)
    )
    values = (-1, 0, 1) if kind == "ternary" else (-1, 1)
    assert found == [[int((column == value).sum()) for value in values] for column in digits.T]


def test_a_byte_of_centroids_has_no_digits():
    (byte,) = CodebookSpec([{"centroids": 16}]).layout
    assert digit_counts(np.ones(256, np.int64), byte) == []


LAYOUT = CodebookSpec([{"centroids": 5}, {"ternary": 6}]).layout
SYMBOLS = st.tuples(*(st.integers(0, byte.n_values - 1) for byte in LAYOUT))


def counted(sids, n_parts):
    """Count SIDs in several parts, as several tasks would, and add them up."""
    total = SidCounts(LAYOUT, n_largest=2, n_drawn=3)
    groups = sorted(Counter(sids).items())
    for part in range(n_parts):
        counts = SidCounts(LAYOUT, n_largest=2, n_drawn=3)
        counts.add(sids[part::n_parts])
        for sid, n_items in groups[part::n_parts]:
            counts.add_groups([sid], [n_items])
        for number, blob in counts.parts():
            total.add_part(number, blob)
    return total


@given(items=st.lists(SYMBOLS, max_size=40), n_parts=st.integers(1, 3))
def test_counts_of_parts_add_up_to_plain_counts(items, n_parts):
    symbols = np.array(items, np.uint8).reshape(-1, len(LAYOUT))
    sids = bytes_to_sids(symbols, len(LAYOUT)).tolist()
    counts = counted(sids, n_parts)
    assert counts.n_items == len(items)
    assert np.array_equal(counts.symbols, count_symbols(sids, len(LAYOUT)))
    for cells, (i, j) in zip(
        counts.pairs, itertools.combinations(range(len(LAYOUT)), 2), strict=True
    ):
        expected = Counter((int(a), int(b)) for a, b in symbols[:, [i, j]])
        found = {divmod(int(cell), 256): int(cells[cell]) for cell in np.flatnonzero(cells)}
        assert found == expected
    groups = Counter(sids)
    assert counts.group_sizes == Counter(groups.values())
    shared = [(sid, n) for sid, n in groups.items() if n > 1]
    assert counts.largest == sorted(shared, key=lambda group: (-group[1], group[0]))[:2]
    assert len(counts.drawn) == min(3, len(shared))
    assert set(counts.drawn) <= set(shared)
    assert counts.drawn == counted(sids, 1).drawn
    assert counts.unassigned == []


def test_sids_that_the_codebook_never_assigns_are_told_and_left_out():
    width = len(LAYOUT)
    wrong = [-1, 256**width, 256**width - 1, 5 * 256 ** (width - 1)]
    counts = counted([0, 0, *wrong], 2)
    assert counts.unassigned == [(-1, 4)]
    assert (counts.n_items, counts.symbols.sum()) == (2, 2 * width)


def test_counts_refuse_columns_of_two_lengths():
    with pytest.raises(ShapeError, match=r"n_items must have shape \(2,\), got \(1,\)"):
        SidCounts(LAYOUT).add_groups([1, 2], [1])


def test_count_symbols_refuses_a_sid_that_does_not_fit():
    with pytest.raises(InputError, match="sids must be in"):
        count_symbols([256], 1)


def test_mutual_information_by_hand():
    assert mutual_information([[2, 0], [0, 2]]) == pytest.approx(1)
    assert mutual_information([[1, 1], [1, 1]]) == pytest.approx(0)
    assert mutual_information([[0, 0], [0, 0]]) == 0
    with pytest.raises(ShapeError, match=r"counts must have shape \(n, m\), got \(3,\)"):
        mutual_information([1, 2, 3])


def test_mutual_information_equals_scikit_learns():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 6, 300)
    b = (a + rng.integers(0, 3, 300)) % 7
    table = np.zeros((6, 7), np.int64)
    np.add.at(table, (a, b), 1)
    expected = mutual_info_score(a, b) / math.log(2)
    assert mutual_information(table) == pytest.approx(expected)


def test_independent_bytes_tell_nothing_above_chance_and_copies_tell_all():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 255, 3_000)
    symbols = np.stack([first, rng.integers(0, 255, 3_000), first], axis=1).astype(np.uint8)
    counts = SidCounts(CodebookSpec([{"centroids": 256}] * 3).layout)
    counts.add(bytes_to_sids(symbols, 3))
    by_pair = {(pair.first, pair.second): pair for pair in pair_information(counts.pairs, 3)}
    assert by_pair[0, 1].bits > 3
    assert by_pair[0, 1].excess_bits < 0.05
    assert by_pair[0, 2].excess_bits > 3.5


def test_a_sid_of_one_byte_has_no_pairs():
    assert pair_information(np.zeros((0, 65536), np.int64), 1) == []


def test_collisions_by_hand():
    found = collisions({1: 4, 2: 3, 6: 1})
    assert (found.n_items, found.n_sids, found.n_shared_sids) == (16, 8, 4)
    assert (found.n_sharing_items, found.sharing_share, found.largest) == (12, 0.75, 6)
    assert found.sizes == (SizeClass(1, 1, 4, 4), SizeClass(2, 2, 3, 6), SizeClass(5, 8, 1, 6))
    shares = np.array([1] * 4 + [2] * 3 + [6]) / 16
    assert found.entropy_bits == pytest.approx(-(shares @ np.log2(shares)))


def test_no_items_do_not_collide():
    found = collisions({})
    assert (found.n_items, found.sharing_share, found.largest, found.sizes) == (0, 0, 0, ())
    assert found.entropy_bits == 0


def test_items_of_one_sid_have_no_bits():
    assert collisions({7: 1}).entropy_bits == 0


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_collisions_equal_those_of_a_list(sids):
    groups = Counter(sids)
    found = collisions(Counter(groups.values()))
    assert found.n_sharing_items == sum(groups[sid] > 1 for sid in sids)
    assert sum(size.n_items for size in found.sizes) == len(sids)
    assert all(size.fewest <= size.most for size in found.sizes)


def test_symbols_of_stored_sids_are_those_of_the_wire():
    sids = np.array([0x0102, 0x01FF])
    assert np.array_equal(np.argwhere(count_symbols(sids, 2)), [[0, 1], [1, 2], [1, 255]])
    assert np.array_equal(sids_to_bytes(sids, 2), [[1, 2], [1, 255]])

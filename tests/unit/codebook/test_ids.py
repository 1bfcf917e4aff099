import numpy as np
import pytest

from semantic_ids.codebook import (
    Codebook,
    CodebookSpec,
    null_sid,
    prefix_ids,
    token_vocabulary,
    tokens,
    unique_sids,
)
from semantic_ids.errors import InputError, ShapeError, SpecError


def test_prefixes_by_hand():
    assert prefix_ids([0x010203], 3).tolist() == [[0x01, 0x0102, 0x010203]]
    assert prefix_ids([], 3).shape == (0, 3)


def test_hashed_prefixes_fit_the_table_and_tell_lengths_apart():
    sids = np.arange(2000) * 7919
    hashed = prefix_ids(sids, 4, table_size=1000)
    assert hashed.min() >= 0
    assert hashed.max() < 1000
    assert len(np.unique(prefix_ids([0], 4, table_size=2**40))) == 4
    counts = np.bincount(hashed[:, 3], minlength=1000)
    assert counts.max() < 12
    for wrong in (0, 1.5):
        with pytest.raises(InputError, match=f"table_size must be .* at least 1, got {wrong}"):
            prefix_ids([0], 1, table_size=wrong)
    assert prefix_ids(sids, 4, table_size=2**63 - 1).min() >= 0
    with pytest.raises(InputError, match=rf"table_size must be below 2 \*\* 63, got {2**64 - 1}"):
        prefix_ids([0], 1, table_size=2**64 - 1)


@pytest.mark.parametrize("function", [prefix_ids, tokens])
def test_negative_sids_are_refused_at_any_width(function):
    for width in (7, 8):
        with pytest.raises(InputError, match=r"sids must be in \[0, .* got -5"):
            function([-5], width)


def test_tokens_spell_bytes():
    assert tokens([0x0C07], 2) == ["<a_12><b_7>"]


def test_the_vocabulary_lists_the_symbols_of_each_byte():
    spec = CodebookSpec([{"centroids": 3}, {"ternary": 1}])
    codebook = Codebook(spec, {"e": 1}, np.zeros(1), np.zeros((4, 1)), 0, 0)
    assert token_vocabulary(codebook) == ["<a_0>", "<a_1>", "<a_2>", "<b_0>", "<b_1>", "<b_2>"]


def test_items_of_one_sid_are_numbered_by_their_ids():
    assert unique_sids([30, 10, 20], [5, 5, 6], 1).tolist() == [0x0501, 0x0500, 0x0600]
    assert unique_sids(["b", "a"], [5, 5], 1).tolist() == [0x0501, 0x0500]


def test_unique_sids_stay_when_items_arrive():
    first = unique_sids([30, 20], [5, 5], 1)
    assigned = dict(zip([30, 20], first.tolist(), strict=True))
    later = unique_sids([10, 20, 30, 40], [5, 5, 5, 5], 1, assigned=assigned)
    assert later.tolist() == [0x0502, 0x0500, 0x0501, 0x0503]
    moved = unique_sids([20, 10], [6, 5], 1, assigned=assigned)
    assert moved.tolist() == [0x0600, 0x0502]


def test_unique_sids_have_limits():
    assert len(set(unique_sids(range(255), [9] * 255, 6).tolist())) == 255
    with pytest.raises(InputError, match="at most 255 items may share a SID"):
        unique_sids(range(256), [9] * 256, 6)
    with pytest.raises(InputError, match="item_ids must be unique"):
        unique_sids([1, 1], [2, 3], 1)
    with pytest.raises(SpecError, match="width must be from 1 to 6"):
        unique_sids([1], [2], 7)
    with pytest.raises(InputError, match="all integers or all strings, got both"):
        unique_sids([1, "1"], [2, 3], 1)
    with pytest.raises(ShapeError, match="one for each of 2, got 1"):
        unique_sids([1, 2], [2], 1)
    with pytest.raises(InputError, match="assigned must be unique, got 1280 twice, once for 2"):
        unique_sids([3], [5], 1, assigned={1: 0x0500, 2: 0x0500})


@pytest.mark.parametrize("wrong", [256.5, "1280", -1, 0x05FF, 0x010500, None])
def test_assigned_sids_that_were_never_handed_out_are_refused(wrong):
    message = rf"assigned must hold SIDs of 2 bytes, the last below 255, got {wrong!r} for 2"
    with pytest.raises(InputError, match=message):
        unique_sids([1], [5], 1, assigned={1: 0x0500, 2: wrong})


def test_the_null_sid_is_neither_spelt_nor_made_unique():
    null = null_sid(2)
    with pytest.raises(InputError, match="sids must not be null, got 1 null SIDs"):
        tokens([5, null], 2)
    with pytest.raises(InputError, match="sids must not be null, got 1 null SIDs"):
        unique_sids([1], [null], 2)

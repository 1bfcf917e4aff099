import json

import numpy as np
import pytest

from semantic_ids.codebook import CodebookSpec
from semantic_ids.errors import SpecError


def widths(*stages):
    return [byte.radices for byte in CodebookSpec(stages).layout]


def test_a_spec_survives_its_dict():
    spec = CodebookSpec([{"centroids": [16, 16]}, {"ternary": 7}], beam=3, sweeps=1, rounds=5)
    assert CodebookSpec.from_dict(spec.to_dict()) == spec


def test_whole_numbers_of_numpy_are_whole_numbers():
    spec = CodebookSpec([{"ternary": np.int64(5)}, {"centroids": np.array([4, 3]).tolist()}])
    assert json.dumps(spec.to_dict()["stages"]) == '[{"ternary": 5}, {"centroids": [4, 3]}]'


def test_digits_alone_are_encoded_without_a_beam():
    assert CodebookSpec([{"ternary": 5}]).beam == 1
    assert CodebookSpec([{"ternary": 5}, {"centroids": 4}]).beam == 4
    with pytest.raises(SpecError, match="beam must be 1"):
        CodebookSpec([{"ternary": 5}, {"binary": 5}], beam=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": [{"ternery": 5}]}, "unknown stage kind 'ternery', did you mean 'ternary'"),
        ({"stages": [{"ternary": 5}], "beem": 2}, "unknown spec key 'beem', did you mean 'beam'"),
        ({"preset": "fats"}, "did you mean 'fast'"),
        ({}, "either stages or preset"),
        ({"stages": [{"ternary": 5}], "bits": 40}, "bits must go with preset"),
        ({"preset": "fast", "bits": 20}, "bits must be a multiple of 8 from 8 to 64, got 20"),
        ({"stages": []}, "at least one stage"),
        ({"stages": {"ternary": 5}}, "list of stages"),
        ({"stages": [{"ternary": 0}]}, "at least 1, got 0"),
        ({"stages": [{"ternary": [2, 3]}]}, "one number of digits"),
        ({"stages": [{"ternary": 2.5}]}, "whole numbers"),
        ({"stages": [{"centroids": True}]}, "whole numbers"),
        ({"stages": [{"ternary": 5, "binary": 3}]}, "one kind with its count"),
        ({"stages": [{"ternary": 5}], "sweeps": -1}, "sweeps must be a whole number"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_sentence(options, message):
    with pytest.raises(SpecError, match=message):
        CodebookSpec.from_dict(options)


def test_a_preset_fills_its_bits():
    for name, expected in {
        "fast": [{"ternary": 39}],
        "balanced": [{"centroids": 256}] * 8,
        "faithful": [{"centroids": 256}] * 8,
    }.items():
        spec = CodebookSpec.from_dict({"preset": name, "bits": 64})
        assert spec.to_dict()["stages"] == expected
        for bits in range(8, 72, 8):
            assert len(CodebookSpec.preset(name, bits).layout) == bits // 8


def test_balanced_is_faithful_encoded_greedily():
    balanced, faithful = (CodebookSpec.preset(name, 40) for name in ("balanced", "faithful"))
    assert (balanced.beam, balanced.sweeps) == (1, 0)
    assert balanced.stages == faithful.stages
    assert CodebookSpec.preset("balanced", 40, sweeps=2).sweeps == 2


def test_digits_fill_bytes_five_and_eight_at_a_time():
    assert widths({"ternary": 12}, {"binary": 9}) == [(3,) * 5, (3,) * 5, (3,) * 2, (2,) * 8, (2,)]


def test_byte_zero_of_eight_has_at_most_128_values():
    assert widths({"ternary": 39}) == [(3,) * 4, *[(3,) * 5] * 7]
    assert widths(*[{"centroids": 256}] * 8)[0] == (128,)
    assert widths(*[{"centroids": [16, 16]}] * 8)[0] == (16, 8)
    assert widths({"binary": 63})[0] == (2,) * 7


def test_full_bytes_leave_the_null_sid_free():
    assert widths({"centroids": 256}) == [(255,)]
    assert widths({"centroids": 256}, {"centroids": [16, 16]}) == [(255,), (16, 16)]
    assert widths({"binary": 16}) == [(2,) * 7, (2,) * 8, (2,)]
    assert widths({"centroids": 256}, {"ternary": 5}) == [(256,), (3,) * 5]


@pytest.mark.parametrize(
    ("stages", "rule"),
    [
        ([{"ternary": 40}], "the last stage would fit with ternary: 39"),
        ([{"binary": 10**12}], "the last stage would fit with binary: 63"),
        ([{"centroids": 8}] * 7 + [{"ternary": 6}], "the last stage would fit with ternary: 5"),
        ([{"centroids": 8}] * 8 + [{"ternary": 6}], "use fewer stages"),
        ([{"centroids": 256}] * 9, "use fewer stages"),
    ],
)
def test_more_than_eight_bytes_are_refused_with_what_fits(stages, rule):
    with pytest.raises(SpecError, match=rf"must fit in 8 bytes, got \[{{.*}}\]: {rule}"):
        CodebookSpec(stages)


def test_a_byte_of_centroids_has_at_most_256_values():
    with pytest.raises(SpecError, match="at most 256 values in a byte"):
        CodebookSpec([{"centroids": [32, 16]}])

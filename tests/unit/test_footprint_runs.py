"""What is read of evaluate_ne's metrics, whatever stands there."""

import json

import pytest

from semantic_ids.report import NeArm
from semantic_ids.spark.footprint_runs import arms_in, error_in


def test_arms_are_read_in_their_order():
    arms = {
        "SIDE": {"ne_gain": 0.05, "bytes_per_event": 2.5, "ne": 0.9},
        "learned": {"ne_gain": -1, "bytes_per_event": None},
    }
    assert arms_in(json.dumps({"arms": arms})) == (
        NeArm("SIDE", 0.05, 2.5),
        NeArm("learned", -1.0, None),
    )


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        "",
        "{",
        "[]",
        '{"arms": []}',
        '{"arms": {"a": 5, "b": {"ne_gain": "x"}, "c": {"ne_gain": true}}}',
        '{"arms": {"a": {"ne_gain": NaN}, "b": {"ne_gain": Infinity}}}',
    ],
)
def test_what_holds_no_gain_gives_no_arm(metrics):
    assert arms_in(metrics) == ()


@pytest.mark.parametrize(
    ("metrics", "collection", "expected"),
    [
        ({"relative_error": [0.8, 0.51]}, None, 0.51),
        ({"relative_error": [0.8, 0.51], "relative_errors": {"text": 0.4}}, "text", 0.4),
        ({"relative_error": [0.8, 0.51], "relative_errors": {"text": 0.4}}, "image", 0.51),
        ({"relative_error": [0.8, float("nan")]}, None, None),
        ({"relative_error": None}, None, None),
        ({"relative_error": []}, None, None),
        ([], None, None),
    ],
)
def test_the_error_is_that_after_all_bytes_or_of_the_collection(metrics, collection, expected):
    assert error_in(json.dumps(metrics), collection) == expected

"""What is in the past is found, by vectors and by SIDs; what is not there is not."""

import pytest
from ne_worlds import make, pairs

from semantic_ids.codebook import CodebookSpec
from semantic_ids.experiment import Regime, run_experiment

pytestmark = [pytest.mark.torch, pytest.mark.slow]

N_USERS = 700
CONTROLS = ("shuffled_histories", "shuffled_sids")
TOLD = ("vectors_linear_similarity", "mixed_linear_similarity")


def gains(data):
    spec = CodebookSpec([{"ternary": 20}], rounds=0)
    settings = make(spec=spec, arms=[*TOLD, *CONTROLS], positives=10_000, batch=32)
    (score,) = run_experiment(data, [Regime(history=5)], settings).scores
    return {arm.key: arm.gain for arm in score.arms}


def test_a_signal_in_the_past_is_found_and_shuffled_it_is_gone(tmp_path):
    found = gains(pairs(tmp_path, N_USERS, tells="past"))
    assert found["vectors_linear_similarity"].low > 0.2
    assert found["mixed_linear_similarity"].low > 0.05
    for key in CONTROLS:
        assert found[key].value < 0.02, key
        assert found[key].low < 0, key


def test_the_same_signal_in_the_future_is_not_found(tmp_path):
    found = gains(pairs(tmp_path, N_USERS, tells="future"))
    for key in (*TOLD, *CONTROLS):
        assert found[key].value < 0.02, key
        assert found[key].low < 0, key

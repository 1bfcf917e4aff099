"""The configuration of evaluate_ne, and the bar of its passes."""

import logging

import pytest

from semantic_ids.config import load_config
from semantic_ids.errors import ConfigError
from semantic_ids.ne_configs import EvaluateNe
from semantic_ids.spark import ne_inputs
from semantic_ids.spark.progress import count_steps

TABLES = ("sequences", "events", "item_sids", "embeddings", "codebooks")
GIVEN = [*(f"{name}=./{name}" for name in TABLES), "codebook=text"]


def test_the_defaults_are_one_regime_of_the_data_as_they_are():
    config = load_config(EvaluateNe, None, GIVEN)
    (regime,) = config.regimes
    assert (regime.history, regime.relist_days, regime.share) == (50, None, 1.0)
    assert config.protocol()["arms"] is None
    assert "regimes" not in config.protocol()


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("regimes=[{histroy: 5}]", "regimes.0.histroy: unknown key, did you mean 'history'?"),
        ("regimes=[{share: 0}]", "regimes.0.share: input should be greater than 0, got 0"),
        ("regimes=[]", "regimes: list should have at least 1 item after validation, not 0, got []"),
        ("rates=[0]", "rates.0: input should be greater than 0, got 0"),
        ("collections=[a, a]", "collections: columns must differ, got ['a', 'a']"),
        ("copurchase=1", "copurchase: input should be greater than or equal to 2, got 1"),
        ("seeds=0", "seeds: input should be greater than or equal to 1, got 0"),
        (
            "events=./sequences",
            "sequences: must be another table than events, got './sequences'",
        ),
    ],
)
def test_keys_out_of_range_are_refused_in_one_sentence(override, sentence):
    with pytest.raises(ConfigError) as caught:
        load_config(EvaluateNe, None, [*GIVEN, override])
    assert sentence == str(caught.value)


def test_a_terminal_sees_one_line_that_is_written_over(capsys):
    show = count_steps("evaluate_ne", 2, terminal=True)
    show("first")
    show("second")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert written.endswith("[##############################] second, 0 s to go\033[K\n")
    assert "\revaluate_ne: [###############...............] first, " in written


def test_a_log_gets_a_line_at_each_twentieth(caplog):
    show = count_steps("evaluate_ne", 100, terminal=False)
    with caplog.at_level(logging.INFO, logger="semantic_ids"):
        for step in range(100):
            show(f"step {step}")
    assert len(caplog.messages) == 20
    assert caplog.messages[0].startswith("evaluate_ne: 5 of 100, step 4, ")


def test_without_torch_the_job_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ne_inputs, "find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(ConfigError, match=r"training needs torch: install semantic-ids\[torch\]"):
        ne_inputs.require_torch()

"""The configurations of the sequence jobs: what goes together and what does not."""

import pytest

from semantic_ids.config import load_config
from semantic_ids.errors import ConfigError
from semantic_ids.job_configs import BuildSequences, CompactSequences

BUILD = ["events=./e", "item_sids=./i", "codebooks=./c", "codebook=text", "sequences=./s"]


@pytest.mark.parametrize(
    ("config", "overrides", "sentence"),
    [
        (BuildSequences, [*BUILD, "ds=2011-12-09", "since=last"], "since: must be left out where"),
        (BuildSequences, [*BUILD, "since=yesterday"], "since: input should be 'last', got 'yest"),
        (CompactSequences, ["sequences=./s", "first_ds=2011-12-09", "last_ds=2011-12-08"], "last_"),
        (CompactSequences, ["sequences=./s", "first_ds=December"], "first_ds: must be a date such"),
        (CompactSequences, ["sequences=./s", "max_events=0"], "max_events: input should be great"),
    ],
)
def test_what_does_not_go_together_is_refused(config, overrides, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_config(config, None, overrides)


def test_a_range_of_one_day_is_a_range():
    config = load_config(
        CompactSequences, None, ["sequences=./s", "first_ds=2011-12-09", "last_ds=2011-12-09"]
    )
    assert config.first_ds == config.last_ds

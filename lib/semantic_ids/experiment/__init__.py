"""What semantic IDs are worth to a model: arms, a protocol, normalized entropy."""

from semantic_ids.experiment.arms import ARMS
from semantic_ids.experiment.run import Data, Results, count_passes, run_experiment
from semantic_ids.experiment.settings import Regime, Settings, make_settings

__all__ = [
    "ARMS",
    "Data",
    "Regime",
    "Results",
    "Settings",
    "count_passes",
    "make_settings",
    "run_experiment",
]

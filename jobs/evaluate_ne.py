"""Measure what semantic IDs are worth to a model: normalized entropy of every way to feed history.

    ./spark-submit.sh evaluate_ne --config conf/evaluate_ne.yaml

Reads   sequences, events, item_sids, embeddings, codebooks   of some users
Writes  report.folder    evaluate_ne.html, .md, .json; predictions/*.parquet if they are wanted
        runs
"""

import sys
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.ne_configs import EvaluateNe
from semantic_ids.spark.ne_inputs import NeInputs, open_inputs, require_torch
from semantic_ids.spark.ne_results import write_results
from semantic_ids.spark.ne_tables import read_tables
from semantic_ids.spark.progress import count_steps
from semantic_ids.spark.runs import RunSummary

if TYPE_CHECKING:
    from semantic_ids.experiment import Settings


def prepare(spark: SparkSession, config: EvaluateNe) -> Plan:
    """Open the inputs and check the arms."""
    require_torch()
    from semantic_ids.experiment import count_passes, make_settings

    inputs = open_inputs(spark, config)
    names = inputs.collections
    settings = make_settings(inputs.codebook.spec, collections=names, **config.protocol())
    n_passes = count_passes(settings, len(config.regimes))
    steps = (
        *(f"read {source.name} {source.label}" for source in inputs.given()),
        f"train {n_passes} passes of a small model, and report in {config.report.folder}",
    )
    return Plan(steps, lambda run_id: evaluate(config, inputs, settings, run_id))


def evaluate(config: EvaluateNe, inputs: NeInputs, settings: "Settings", run_id: str) -> RunSummary:
    """Read the tables, run all arms in all regimes, and write the page."""
    from semantic_ids.experiment import Data, Regime, count_passes, run_experiment

    tables = read_tables(inputs, config)
    data = Data(*inputs.sequences_place(), **tables.arrays())
    regimes = [Regime(**regime.model_dump()) for regime in config.regimes]
    n_passes = count_passes(settings, len(regimes))
    bar = count_steps("evaluate_ne", n_passes, terminal=sys.stderr.isatty())
    results = run_experiment(data, regimes, settings, bar)
    return write_results(config, inputs, tables, run_id=run_id, **vars(results))


if __name__ == "__main__":
    sys.exit(run_job(EvaluateNe, prepare))

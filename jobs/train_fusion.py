"""Train a fused codebook: several collections and categories of an item become one SID.

    ./spark-submit.sh train_fusion --config conf/train_fusion.yaml

Reads   embeddings     item_id, one column per collection and per category
Writes  codebooks      one row, unless this codebook is there already
        checkpoint     the state after each epoch, if it is given
        report.folder  train_fusion.html, .md, .json
        runs
"""

import sys
from pathlib import Path

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.codebook import FusionSpec
from semantic_ids.fusion_configs import TrainFusion
from semantic_ids.spark.codebooks import codebooks_output
from semantic_ids.spark.fusion_sample import require_category
from semantic_ids.spark.fusion_training import train_and_append
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.report_folder import require_writable
from semantic_ids.spark.sources import open_source
from semantic_ids.spark.vectors import require_embedding


def prepare(spark: SparkSession, config: TrainFusion) -> Plan:
    """Open the embeddings, check the codebooks table and the checkpoint's folder."""
    if config.checkpoint:
        require_writable(Path(config.checkpoint), "checkpoint")
    spec = FusionSpec.from_dict(config.spec)
    embeddings = open_source(spark, "embeddings", config.embeddings)
    id_type(embeddings, "item_id")
    for collection in spec.collections:
        require_embedding(embeddings, collection)
    for category in spec.categories:
        require_category(embeddings, category)
    codebooks = codebooks_output(config.codebooks)
    codebooks.check(spark)
    names = ", ".join([*spec.collections, *spec.categories])
    steps = (
        f"sample up to {config.sample_size:,} rows of {names} in {embeddings.label}",
        f"train {spec.digits} digits on them and append the codebook as {config.name!r} to "
        f"{codebooks.table}",
    )
    terminal = spark.conf.get("spark.ui.showConsoleProgress", "false") == "true"
    return Plan(
        steps,
        lambda run_id: train_and_append(config, embeddings, codebooks, run_id, terminal=terminal),
    )


if __name__ == "__main__":
    sys.exit(run_job(TrainFusion, prepare))

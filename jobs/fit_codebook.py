"""Fit a codebook on a deterministic sample of an embeddings table.

    ./spark-submit.sh fit_codebook --config conf/fit_codebook.yaml

Reads   embeddings   item_id and one collection
Writes  codebooks    one row, unless this codebook is there already
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import FitCodebook
from semantic_ids.spark.codebooks import codebooks_output
from semantic_ids.spark.fitting import fit_and_append
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sources import open_source
from semantic_ids.spark.vectors import embedding_in_words


def prepare(spark: SparkSession, config: FitCodebook) -> Plan:
    """Open the embeddings and check the codebooks table."""
    embeddings = open_source(spark, "embeddings", config.embeddings)
    id_type(embeddings, "item_id")
    said = embedding_in_words(embeddings, config.collection, config.binary_dtype)
    codebooks = codebooks_output(config.codebooks)
    codebooks.check(spark)
    steps = (
        f"sample up to {config.sample_size:,} rows of {embeddings.label} ({said})",
        f"fit {config.spec} and append it as {config.name!r} to {codebooks.table}",
    )
    terminal = spark.conf.get("spark.ui.showConsoleProgress", "false") == "true"
    return Plan(
        steps,
        lambda run_id: fit_and_append(config, embeddings, codebooks, run_id, terminal=terminal),
    )


if __name__ == "__main__":
    sys.exit(run_job(FitCodebook, prepare))

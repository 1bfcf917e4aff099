"""Give every item of an embeddings table its semantic ID.

    ./spark-submit.sh quantize_items --config conf/quantize_items.yaml

Reads   embeddings      item_id and the codebook's collection
        codebooks       the codebook
Writes  rejected_items  item_id, reason, run_id, codebook_id
        item_sids       item_id, sid, codebook_id; its last commit is the point of no return
        sid_items       sid, item_id, codebook_id, if it is given
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import QuantizeItems
from semantic_ids.spark.codebooks import open_codebook
from semantic_ids.spark.item_runs import ItemRun, update_sids
from semantic_ids.spark.quantize import Outputs, id_type
from semantic_ids.spark.sources import open_source
from semantic_ids.spark.vectors import require_embedding


def prepare(spark: SparkSession, config: QuantizeItems) -> Plan:
    """Open the inputs and check the outputs."""
    codebook = open_codebook(spark, config)
    embeddings = open_source(spark, "embeddings", config.embeddings)
    outputs = Outputs.of(config, id_type(embeddings, "item_id"))
    for collection in codebook.collections:
        require_embedding(embeddings, collection)
    for output in outputs.given():
        output.check(spark)
    steps = (
        f"quantise {embeddings.label} with codebook {codebook.codebook_id}, or what changed in it",
        f"bring its rows in {' and '.join(output.table for output in outputs.given())} up to date",
    )
    return Plan(
        steps,
        lambda run_id: update_sids(
            ItemRun(embeddings, codebook, outputs, config.binary_dtype, config.deletions, run_id)
        ),
    )


if __name__ == "__main__":
    sys.exit(run_job(QuantizeItems, prepare))

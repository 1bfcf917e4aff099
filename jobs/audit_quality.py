"""Say how good a codebook's SIDs are: error, use of symbols, collisions, neighbours, drift.

    ./spark-submit.sh audit_quality --config conf/audit_quality.yaml

Reads   item_sids, codebooks   every SID of the codebook
        embeddings             of a sample of the items
        labels                 titles and categories of the sample; default: embeddings
Writes  report.folder          audit_quality.html, .md, .json
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.cli import Plan, run_job
from semantic_ids.spark.quality import audit_quality
from semantic_ids.spark.quality_inputs import open_inputs


def prepare(spark: SparkSession, config: AuditQuality) -> Plan:
    """Open the inputs."""
    inputs = open_inputs(spark, config)
    steps = (
        *(f"read {source.name} {source.label}" for source in inputs.given()),
        f"count the SIDs of codebook {inputs.codebook.codebook_id}, measure a sample of up to "
        f"{config.sample_items:,} items, and report in {config.report.folder}",
    )
    return Plan(steps, lambda run_id: audit_quality(config, inputs, run_id))


if __name__ == "__main__":
    sys.exit(run_job(AuditQuality, prepare))

"""Say what items and sequences weigh on disk, and events against other ways to store them.

    ./spark-submit.sh audit_footprint --config conf/audit_footprint.yaml
    ./spark-submit.sh audit_footprint sequences=PATH

Reads   sequences, item_sids, embeddings   what their files weigh, those given
        events                             the events to compare on; else those in sequences
        codebooks                          what SIDs lose, and the names of codebooks
        runs                               what evaluate_ne said last
Writes  report.folder                      audit_footprint.html, .md, .json, comparison/*.parquet
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.audit_configs import AuditFootprint
from semantic_ids.cli import Plan, run_job
from semantic_ids.spark.footprint import audit_footprint
from semantic_ids.spark.footprint_inputs import open_inputs


def prepare(spark: SparkSession, config: AuditFootprint) -> Plan:
    """Open the inputs."""
    inputs = open_inputs(spark, config)
    steps = (
        *(f"read {source.name} {source.label}" for source in inputs.given()),
        f"compare on about {config.sample_events:,} events, and report in {config.report.folder}",
    )
    return Plan(steps, lambda run_id: audit_footprint(config, inputs, run_id))


if __name__ == "__main__":
    sys.exit(run_job(AuditFootprint, prepare))

"""Say what moved between two codebooks, or two versions of item_sids, and in the sequences.

    ./spark-submit.sh audit_churn --config conf/audit_churn.yaml

Reads   item_sids, codebooks   every SID of both codebooks, or of both versions
        sequences              every event of both sides, if they are given
        labels                 titles and categories of a sample of the items, if they are given
Writes  report.folder          audit_churn.html, .md, .json
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.audit_configs import AuditChurn
from semantic_ids.cli import Plan, run_job
from semantic_ids.spark.churn import audit_churn
from semantic_ids.spark.churn_inputs import open_churn


def prepare(spark: SparkSession, config: AuditChurn) -> Plan:
    """Open both sides."""
    inputs = open_churn(spark, config)
    steps = (
        *(f"read {name} {source.label}" for name, source in inputs.given()),
        f"compare codebook {inputs.before.codebook.codebook_id} with "
        f"{inputs.after.codebook.codebook_id}, measure a sample of up to "
        f"{config.sample_items:,} items, and report in {config.report.folder}",
    )
    return Plan(steps, lambda run_id: audit_churn(config, inputs, run_id))


if __name__ == "__main__":
    sys.exit(run_job(AuditChurn, prepare))

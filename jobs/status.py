"""Say how the tables stand: each job's last run, row counts, codebooks, lag behind the sources.

    ./spark-submit.sh status --config conf/status.yaml
    ./spark-submit.sh status runs=PATH --log-format json

Reads   runs                                                            the last row of each job
        codebooks, releases, item_sids, sequences, embeddings, events       those given
Writes  nothing
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import Status
from semantic_ids.spark.sources import open_source
from semantic_ids.spark.status import read_status


def prepare(spark: SparkSession, config: Status) -> Plan:
    """See that the tables are there."""
    names = ("runs", "codebooks", "releases", "item_sids", "embeddings", "sequences", "events")
    given = [(name, getattr(config, name)) for name in names if getattr(config, name)]
    steps = tuple(f"read {name} {open_source(spark, name, place).label}" for name, place in given)
    return Plan(steps, lambda _: read_status(spark, config))


if __name__ == "__main__":
    sys.exit(run_job(Status, prepare))

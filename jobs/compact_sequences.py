"""Merge the segments of each user, over a range of ds, into few.

    ./spark-submit.sh compact_sequences --config conf/compact_sequences.yaml [last_ds=2011-12-09]

Reads   sequences   segments of the range
Writes  sequences   the merged segments in their place; what is appended meanwhile stays beside
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import CompactSequences
from semantic_ids.spark.compaction import Compaction
from semantic_ids.spark.sequences import open_sequences


def prepare(spark: SparkSession, config: CompactSequences) -> Plan:
    """Open the table."""
    table = open_sequences(spark, config.sequences)
    first, last = config.first_ds or "the oldest", config.last_ds or "the newest"
    steps = (f"merge the segments of {config.sequences} from {first} to {last} ds into the last",)
    return Plan(steps, Compaction(spark, config, table).run)


if __name__ == "__main__":
    sys.exit(run_job(CompactSequences, prepare))

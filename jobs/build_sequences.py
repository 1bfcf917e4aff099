"""Write users' events as sequences of semantic IDs.

    ./spark-submit.sh build_sequences --config conf/build_sequences.yaml [ds=DAY | since=last]

Reads   events      user_id, item_id, timestamp, event columns
        item_sids   SIDs of the codebook
Writes  sequences   segments: of all events, or of one day in place of that day's, or of the events
                    that are new since the last build beside those that stand
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.builds import Build
from semantic_ids.spark.codebooks import open_codebook
from semantic_ids.spark.events import event_dtypes, select_events
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sequences import sequences_output
from semantic_ids.spark.sources import open_source


def prepare(spark: SparkSession, config: BuildSequences) -> Plan:
    """Open the inputs and check the output."""
    codebook = open_codebook(spark, config)
    events = open_source(spark, "events", config.events)
    item_sids = open_source(spark, "item_sids", config.item_sids)
    dtypes = event_dtypes(events, config.event_columns)
    user_id = id_type(events, "user_id")
    sequences = sequences_output(config.sequences, user_id, dtypes=dtypes, buckets=config.buckets)
    sequences.check(spark)
    select_events(events, day=config.ds, dtypes=dtypes, tie_break=config.tie_break)
    build = Build(config, events, item_sids, codebook, sequences)
    build.check()
    which = config.ds or ("what is new" if config.since else "all days")
    steps = (
        f"join {events.label} ({which}) with {item_sids.label}",
        f"pack SIDs of codebook {codebook.codebook_id} into {config.sequences}",
    )
    return Plan(steps, build.run)


if __name__ == "__main__":
    sys.exit(run_job(BuildSequences, prepare))

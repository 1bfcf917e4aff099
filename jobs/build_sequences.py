"""Write users' events as sequences of semantic IDs.

    ./spark-submit.sh build_sequences --config conf/build_sequences.yaml [ds=2011-12-09]

Reads   events      user_id, item_id, timestamp, event columns
        item_sids   SIDs of the codebook
Writes  sequences   segments: of all events, or of one day in place of that day's
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.codebooks import open_codebook
from semantic_ids.spark.events import event_dtypes, join_sids, select_events
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sequences import build_segments, require_vacant_day, sequences_output
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
    selected = select_events(events, day=config.ds, dtypes=dtypes, tie_break=config.tie_break)
    join_sids(selected, item_sids, codebook.codebook_id)  # refuses what cannot be joined
    if config.ds:
        require_vacant_day(spark, sequences, config.ds)
    steps = (
        f"join {events.label} ({config.ds or 'all days'}) with {item_sids.label}",
        f"pack SIDs of codebook {codebook.codebook_id} into {config.sequences}",
    )
    return Plan(
        steps,
        lambda _: build_segments(config, events, item_sids, codebook=codebook, output=sequences),
    )


if __name__ == "__main__":
    sys.exit(run_job(BuildSequences, prepare))

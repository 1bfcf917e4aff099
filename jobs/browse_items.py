"""Write the page in which people walk the SIDs of a catalogue, byte by byte.

    ./spark-submit.sh browse_items --config conf/browse_items.yaml

Reads   item_sids, codebooks   every SID of the codebook
        labels                 titles and categories of the items on the page
Writes  report.folder          browse_items.html
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.audit_configs import BrowseItems
from semantic_ids.cli import Plan, run_job
from semantic_ids.spark.browse import FILE, browse_items
from semantic_ids.spark.browse_inputs import open_browse_inputs


def prepare(spark: SparkSession, config: BrowseItems) -> Plan:
    """Open the inputs."""
    inputs = open_browse_inputs(spark, config)
    steps = (
        *(f"read {source.name} {source.label}" for source in inputs.given()),
        f"count the SIDs of codebook {inputs.codebook.codebook_id}, and show up to "
        f"{config.max_items:,} items in {config.report.folder}/{FILE}",
    )
    return Plan(steps, lambda run_id: browse_items(config, inputs, run_id))


if __name__ == "__main__":
    sys.exit(run_job(BrowseItems, prepare))

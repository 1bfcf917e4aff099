"""Remove items from the tables of quantize_items, and from what earlier versions hold of them.

    ./spark-submit.sh forget_items --config conf/forget_items.yaml items=PATH

Reads   items           item_id of those to forget
        embeddings      they must not be there any more, if it is given
Writes  rejected_items  without them
        item_sids       without them, for each codebook; its commits are quantize_items's own
        sid_items       without them, if it is given; then older files and entries of the logs go
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import ForgetItems
from semantic_ids.spark.deletion_requests import asked_and_present, ids_to_forget, require_gone
from semantic_ids.spark.forget_items import ItemsToForget
from semantic_ids.spark.quantize import Outputs, id_type
from semantic_ids.spark.sources import open_source


def prepare(spark: SparkSession, config: ForgetItems) -> Plan:
    """Open the tables and the request, and see that the source is done with them."""
    item_id = id_type(open_source(spark, "item_sids", config.item_sids), "item_id")
    outputs = Outputs.of(config, item_id)
    for output in outputs.given():
        output.check(spark)
    items = ids_to_forget(
        open_source(spark, "items", config.items), "item_id", item_id.simpleString()
    )
    if config.embeddings:
        require_gone(items, open_source(spark, "embeddings", config.embeddings), "item_id")
    standing = [output for output in outputs.given() if output.exists(spark)]
    counts = asked_and_present(items, [output.read(spark) for output in standing])
    tables = " and ".join(output.table for output in standing)
    steps = (
        f"remove items from {tables}: {counts}",
        f"erase what is older than {config.retention_hours:g} hours from their history",
    )
    return Plan(steps, ItemsToForget(spark, items, outputs, config.retention_hours).run)


if __name__ == "__main__":
    sys.exit(run_job(ForgetItems, prepare))

"""Make a name mean another codebook, or go back to the one before.

    ./spark-submit.sh switch_release --config conf/switch_release.yaml codebook=ID
    ./spark-submit.sh switch_release --config conf/switch_release.yaml codebook=previous

Reads   codebooks   the codebook must be there
        item_sids   and have SIDs
Writes  releases    name, codebook_id, since, run_id: one row, unless the name means it already
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import SwitchRelease
from semantic_ids.spark.codebooks import read_codebook
from semantic_ids.spark.releases import (
    released_codebooks,
    releases_output,
    require_sids,
    switch_release,
    switch_target,
)
from semantic_ids.spark.sources import open_source


def prepare(spark: SparkSession, config: SwitchRelease) -> Plan:
    """Find the codebook and check that it can be read."""
    output = releases_output(config.releases)
    output.check(spark)
    name = config.name
    turn = output.turn(spark, f"switch_release {name}")
    stands = output.exists(spark)
    opened = open_source(spark, "releases", config.releases) if stands else None
    released = released_codebooks(opened, name) if opened else []
    target = switch_target(released, name=name, codebook=config.codebook)
    codebook = read_codebook(open_source(spark, "codebooks", config.codebooks), target)
    codebook_id = codebook.codebook_id
    n_sids = require_sids(open_source(spark, "item_sids", config.item_sids), codebook_id)
    return Plan(
        (f"make {name!r} mean codebook {codebook_id}, which has {n_sids:,} SIDs",),
        lambda run_id: switch_release(
            spark,
            output,
            turn=turn,
            released=released,
            name=name,
            codebook_id=codebook_id,
            n_sids=n_sids,
            run_id=run_id,
        ),
    )


if __name__ == "__main__":
    sys.exit(run_job(SwitchRelease, prepare))

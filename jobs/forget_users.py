"""Remove users from the sequences, and from what earlier versions hold of them.

    ./spark-submit.sh forget_users --config conf/forget_users.yaml users=PATH

Reads   users       user_id of those to forget
        events      they must have none there any more, if it is given
Writes  sequences   without their segments; then older files and entries of the log go
        runs
"""

import sys

from pyspark.sql import SparkSession

from semantic_ids.cli import Plan, run_job
from semantic_ids.job_configs import ForgetUsers
from semantic_ids.spark.deletion_requests import asked_and_present, ids_to_forget, require_gone
from semantic_ids.spark.forget_users import UsersToForget
from semantic_ids.spark.sequences import open_sequences
from semantic_ids.spark.sources import open_source


def prepare(spark: SparkSession, config: ForgetUsers) -> Plan:
    """Open the table and the request, and see that the source is done with them."""
    table = open_sequences(spark, config.sequences)
    kind = table.output.schema["user_id"].dataType.simpleString()
    users = ids_to_forget(open_source(spark, "users", config.users), "user_id", kind)
    if config.events:
        require_gone(users, open_source(spark, "events", config.events), "user_id")
    counts = asked_and_present(users, [table.output.read(spark)])
    steps = (
        f"remove the segments of users from {config.sequences}: {counts}",
        f"erase what is older than {config.retention_hours:g} hours from its history",
    )
    return Plan(steps, UsersToForget(spark, users, table, config.retention_hours).run)


if __name__ == "__main__":
    sys.exit(run_job(ForgetUsers, prepare))

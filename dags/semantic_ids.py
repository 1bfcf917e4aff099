"""Semantic IDs every day, and their releases: docs/airflow.md says how to set this up.

Only schedules and arguments stand here. Each task is one run of ./spark-submit.sh with the job's
YAML; every job may be killed and run again.
"""

import datetime
import os
import re
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.weekday import BranchDayOfWeekOperator
from airflow.sdk import (
    DAG,
    Asset,
    CronDataIntervalTimetable,
    Param,
    RetryDecision,
    RetryPolicy,
)

HOME = os.environ.get("SEMANTIC_IDS_HOME", str(Path(__file__).resolve().parent.parent))
CONF = os.environ.get("SEMANTIC_IDS_CONF", "conf")  # one YAML a job
RELEASES = os.environ.get("SEMANTIC_IDS_RELEASES", "quickstart/tables/releases")
REPORTS = os.environ.get("SEMANTIC_IDS_REPORTS", "quickstart/reports")

ITEM_SIDS = Asset("semantic_ids_item_sids")
SEQUENCES = Asset("semantic_ids_sequences")  # a trainer: DAG(..., schedule=SEQUENCES)
RELEASED = Asset("semantic_ids_releases")


class UnlessToldWhatToMend(RetryPolicy):
    """Exit code 2 is for a person to mend and 3 a verdict: the same would come of a retry."""

    def evaluate(self, exception, try_number, max_tries, context=None):
        """Fail at once, or leave it to the number of retries."""
        if re.search(r"exit code [23]\.$", str(exception)):
            return RetryDecision.fail("the job's last line says what to mend")
        return RetryDecision.default()


COMMON = {
    "start_date": datetime.datetime(2010, 1, 1, tzinfo=datetime.UTC),  # before any back-fill
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["semantic-ids"],
    "doc_md": __doc__,
    "default_args": {
        "retries": 2,
        "retry_policy": UnlessToldWhatToMend(),
        "retry_delay": datetime.timedelta(
            seconds=float(os.environ.get("SEMANTIC_IDS_RETRY_DELAY_S", "300"))
        ),
        "execution_timeout": datetime.timedelta(hours=12),
    },
}


def job(name: str, *arguments: str, skip_if: str = "", **options: object) -> BashOperator:
    """Run a job; double quotes keep each argument whole once its template is filled in."""
    words = [name, "--config", f"{CONF}/{name}.yaml", *arguments]
    command = " ".join(["exec ./spark-submit.sh", *(f'"{word}"' for word in words)])
    if skip_if:
        command = f"{{% if {skip_if} %}}exit 99{{% else %}}{command}{{% endif %}}"
    return BashOperator(**{"task_id": name, "cwd": HOME, "bash_command": command} | options)


with DAG(
    "semantic_ids_daily",
    description="SIDs of changed items, new events into sequences, what it all weighs",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),  # ds is the day that ended
    **COMMON,
):
    items = job("quantize_items", f"releases={RELEASES}", outlets=[ITEM_SIDS])
    events = job("build_sequences", f"releases={RELEASES}", "since=last", outlets=[SEQUENCES])
    sunday = BranchDayOfWeekOperator(
        task_id="is_it_sunday",
        week_day="Sunday",
        use_task_logical_date=True,
        follow_task_ids_if_true="compact_sequences",
        follow_task_ids_if_false="audit_footprint",
    )
    week = job(
        "compact_sequences",
        "first_ds={{ macros.ds_add(ds, -6) }}",
        "last_ds={{ ds }}",
        outlets=[SEQUENCES],
    )
    weight = job(
        "audit_footprint",
        f"report.folder={REPORTS}/footprint/{{{{ ds }}}}",
        trigger_rule="none_failed_min_one_success",
    )
    items >> events >> sunday >> week >> weight
    sunday >> weight

with DAG(
    "semantic_ids_release",
    description="A new codebook beside the one in use; its audits decide whether names mean it",
    schedule=None,  # a person, another DAG, or a cron expression
    params={
        "fit": Param(
            "fit_codebook",
            type="string",
            pattern="^[a-z_]+$",
            description="the job that makes the codebook: fit_codebook, or train_fusion",
        ),
        "name": Param(
            "text", type="string", pattern="^[^'\"$`\\\\]+$", description="what jobs call it"
        ),
        "first": Param(False, type="boolean", description="there is no release to compare with"),
        "seed": Param(0, type="integer", minimum=0, description="of the sample and of the fit"),
        "require": Param("good", enum=["good", "watch"], description="the worst verdict released"),
    },
    **COMMON,
):
    fit = job(
        "{{ params.fit }}",
        "name={{ params.name }}",
        "seed={{ params.seed }}",
        task_id="fit",
        # the last line the job says names the codebook
        output_processor=lambda line: re.search(r"codebook ([0-9a-f]{32})", line)[1],
    )
    candidate = "{{ ti.xcom_pull('fit') }}"
    beside = job("quantize_items", f"codebook={candidate}", outlets=[ITEM_SIDS])
    quality = job(
        "audit_quality",
        f"codebook={candidate}",
        "require={{ params.require }}",
        f"report.folder={REPORTS}/quality/{candidate}",
    )
    churn = job(
        "audit_churn",
        f"codebook={candidate}",
        "before={{ params.name }}",
        f"releases={RELEASES}",
        "sequences=null",  # those of the candidate are built after the switch
        "sequences_before=null",
        "require={{ params.require }}",
        f"report.folder={REPORTS}/churn/{candidate}",
        skip_if="params.first",
    )
    release = job(
        "switch_release",
        "name={{ params.name }}",
        f"codebook={candidate}",
        f"releases={RELEASES}",
        outlets=[RELEASED],
        trigger_rule="none_failed_min_one_success",
    )
    fit >> beside >> [quality, churn] >> release

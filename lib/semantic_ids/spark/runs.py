"""The runs table: a row when a job begins its work, and one when it ends."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.types import (
    DoubleType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from semantic_ids.errors import SemanticIdsError
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.snapshots import property_of, snapshot_of
from semantic_ids.spark.sources import quoted

__all__ = ["STARTED", "Run", "RunSummary", "account", "record_run", "runs_output"]

STARTED = "started"
_RULE = f"status in ('{STARTED}', 'succeeded', 'failed')"

_SCHEMA = StructType(
    [
        StructField("run_id", StringType()),
        StructField("job", StringType()),
        StructField("status", StringType()),
        StructField("started_at", TimestampType()),
        StructField("seconds", DoubleType()),
        StructField("codebook_id", StringType()),
        StructField("inputs", MapType(StringType(), StringType())),
        StructField("rows_in", LongType()),
        StructField("rows_out", LongType()),
        StructField("rows_rejected", LongType()),
        StructField("bytes", LongType()),
        StructField("message", StringType()),
        StructField("metrics", StringType()),
        StructField("config", StringType()),
    ]
)


@dataclass(frozen=True)
class Run:
    """One execution of one job: who it is and when it began."""

    run_id: str
    job: str
    started_at: datetime.datetime
    config: Mapping[str, Any]


@dataclass(frozen=True)
class RunSummary:
    """What a job did: row counts, the versions it read, and one sentence.

    A job that did its work and must still end as failed says why in `refusal`.
    """

    message: str
    codebook_id: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    rows_in: int | None = None
    rows_out: int | None = None
    rows_rejected: int | None = None
    size_bytes: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    refusal: SemanticIdsError | None = None

    def counts(self) -> dict[str, Any]:
        """Give what a machine wants to know of it."""
        counts = ("rows_in", "rows_out", "rows_rejected", "size_bytes")
        names = ("codebook_id", "inputs", *counts, "metrics")
        return {name: getattr(self, name) for name in names}


def account(balance: str, rejected: Mapping[str, int], outcome: str) -> str:
    """Say what went in and came out, why rows did not, and what became of the rest."""
    why = ", ".join(f"{reason}: {n:,}" for reason, n in rejected.items())
    return f"{balance}{f' ({why})' if why else ''}; {outcome}"


def runs_output(table: str) -> Output:
    """Describe the runs table."""
    return Output("runs", table, _SCHEMA, constraints={"status_known": _RULE})


def record_run(
    spark: SparkSession, output: Output, *, run: Run, summary: RunSummary, status: str
) -> None:
    """Append the row of a run that begins or ends; a run has one of each, with one run_id."""
    elapsed = datetime.datetime.now(datetime.UTC) - run.started_at
    row = (
        run.run_id,
        run.job,
        status,
        run.started_at,
        None if status == STARTED else elapsed.total_seconds(),
        summary.codebook_id,
        dict(summary.inputs),
        summary.rows_in,
        summary.rows_out,
        summary.rows_rejected,
        summary.size_bytes,
        summary.message,
        json.dumps(summary.metrics),
        json.dumps(run.config),
    )
    output.create(spark)
    if status == STARTED:
        _widen(spark, output)
    output.append(spark.createDataFrame([row], _SCHEMA).coalesce(1))


def _widen(spark: SparkSession, output: Output) -> None:
    """Let a table that knows finished runs only take the rows of runs that begin."""
    snapshot = snapshot_of(output.open_table(spark).toDF())
    if property_of(snapshot, "delta.constraints.status_known") == _RULE:
        return
    table = f"delta.{quoted(output.folder(spark))}"
    spark.sql(f"alter table {table} drop constraint if exists status_known")
    spark.sql(f"alter table {table} add constraint status_known check ({_RULE})")

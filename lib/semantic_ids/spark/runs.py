"""The runs table: one row for each execution of a job."""

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

__all__ = ["Run", "RunSummary", "account", "record_run", "runs_output"]

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


def account(balance: str, rejected: Mapping[str, int], outcome: str) -> str:
    """Say what went in and came out, why rows did not, and what became of the rest."""
    why = ", ".join(f"{reason}: {n:,}" for reason, n in rejected.items())
    return f"{balance}{f' ({why})' if why else ''}; {outcome}"


def runs_output(table: str) -> Output:
    """Describe the runs table."""
    constraints = {"status_known": "status in ('succeeded', 'failed')"}
    return Output("runs", table, _SCHEMA, constraints=constraints)


def record_run(
    spark: SparkSession, output: Output, *, run: Run, summary: RunSummary, status: str
) -> None:
    """Append the row of a finished run."""
    elapsed = datetime.datetime.now(datetime.UTC) - run.started_at
    row = (
        run.run_id,
        run.job,
        status,
        run.started_at,
        elapsed.total_seconds(),
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
    output.append(spark.createDataFrame([row], _SCHEMA).coalesce(1))

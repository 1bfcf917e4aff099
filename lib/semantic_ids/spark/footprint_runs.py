"""What evaluate_ne and audit_quality said in the runs table."""

import json
import math
from typing import Any

from pyspark.sql import Column, Row, SparkSession
from pyspark.sql import functions as F

from semantic_ids.report import NeArm, NeRun, SidLoss
from semantic_ids.spark.runs import runs_output

__all__ = ["read_loss", "read_ne_run"]


def read_ne_run(spark: SparkSession, runs: str | None) -> NeRun | None:
    """Read the newest run of evaluate_ne that succeeded; None where there is none, or no arms.

    Its metrics are `{"arms": {name: {"ne_gain": number, "bytes_per_event": number or null}}}`.
    """
    newest = _newest(spark, runs, F.expr("job = 'evaluate_ne' AND status = 'succeeded'"))
    arms = arms_in(newest["metrics"]) if newest else ()
    return NeRun(newest["run_id"], newest["codebook_id"], arms) if newest and arms else None


def read_loss(
    spark: SparkSession, runs: str | None, codebook_id: str, collection: str | None
) -> SidLoss | None:
    """Read what the newest audit_quality of a codebook that has a row of figures said SIDs lose.

    Its metrics are `{"relative_error": [number after each byte]}`, and of a fused codebook
    `{"relative_errors": {collection: number}}` beside. A verdict that was not allowed made it a
    failed run, and its figures hold.
    """
    its = (F.col("job") == "audit_quality") & (F.col("codebook_id") == codebook_id)
    newest = _newest(spark, runs, its & F.col("rows_out").isNotNull())
    error = error_in(newest["metrics"], collection) if newest else None
    if newest is None or error is None:
        return None
    return SidLoss(newest["run_id"], error, newest["rows_out"])


def _newest(spark: SparkSession, runs: str | None, where: Column) -> Row | None:
    if not runs:
        return None
    output = runs_output(runs)
    if not output.exists(spark):
        return None
    rows = output.read(spark).where(where)
    found = rows.orderBy(F.desc("started_at"), F.desc("run_id")).head(1)
    return found[0] if found else None


def error_in(metrics: str | None, collection: str | None) -> float | None:
    """Read the relative error after all bytes, of a collection where there are several."""
    said = _read(metrics)
    of_each = said.get("relative_errors")
    if isinstance(of_each, dict) and collection in of_each:
        return _number(of_each, str(collection))
    after_bytes = said.get("relative_error")
    last = after_bytes[-1:] if isinstance(after_bytes, list) else []
    return _number(dict(enumerate(last)), 0)


def arms_in(metrics: str | None) -> tuple[NeArm, ...]:
    """Read the arms whose gain is a finite number, in the order of the text."""
    arms = _read(metrics).get("arms")
    if not isinstance(arms, dict):
        return ()
    found = []
    for name, values in arms.items():
        gain = _number(values, "ne_gain")
        if gain is not None:
            found.append(NeArm(name, gain, _number(values, "bytes_per_event")))
    return tuple(found)


def _read(metrics: str | None) -> dict[str, Any]:
    try:
        said = json.loads(metrics or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _number(values: Any, key: str | int) -> float | None:
    value = values.get(key) if isinstance(values, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)

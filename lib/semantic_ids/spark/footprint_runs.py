"""What evaluate_ne said in the runs table."""

import json
import math
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from semantic_ids.report import NeArm, NeRun
from semantic_ids.spark.runs import runs_output

__all__ = ["read_ne_run"]


def read_ne_run(spark: SparkSession, runs: str | None) -> NeRun | None:
    """Read the newest run of evaluate_ne that succeeded; None where there is none, or no arms.

    Its metrics are `{"arms": {name: {"ne_gain": number, "bytes_per_event": number or null}}}`.
    """
    if not runs:
        return None
    output = runs_output(runs)
    if not output.exists(spark):
        return None
    rows = output.read(spark).where("job = 'evaluate_ne' AND status = 'succeeded'")
    newest = rows.orderBy(F.desc("started_at"), F.desc("run_id")).head(1)
    if not newest:
        return None
    arms = arms_in(newest[0]["metrics"])
    return NeRun(newest[0]["run_id"], newest[0]["codebook_id"], arms) if arms else None


def arms_in(metrics: str | None) -> tuple[NeArm, ...]:
    """Read the arms whose gain is a finite number, in the order of the text."""
    try:
        said = json.loads(metrics or "{}")
    except ValueError:
        return ()
    arms = said.get("arms") if isinstance(said, dict) else None
    if not isinstance(arms, dict):
        return ()
    found = []
    for name, values in arms.items():
        gain = _number(values, "ne_gain")
        if gain is not None:
            found.append(NeArm(name, gain, _number(values, "bytes_per_event")))
    return tuple(found)


def _number(values: Any, key: str) -> float | None:
    value = values.get(key) if isinstance(values, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)

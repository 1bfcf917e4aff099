"""Kill the driver's whole process group just before or just after its n-th write.

Python imports this by itself at its start where its folder is on PYTHONPATH, so that the jobs run
exactly as shipped. FAULT is `before:N`, `after:N` (N from 1), or `count`, which prints each write.
A write is a call that may commit to a Delta table.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

WRITES = {
    "pyspark.sql.readwriter.DataFrameWriter": ["save", "saveAsTable", "insertInto"],
    "pyspark.sql.readwriter.DataFrameWriterV2": ["append", "overwrite", "create"],
    "delta.tables.DeltaTableBuilder": ["execute"],
    "delta.tables.DeltaTable": ["delete", "update", "restoreToVersion"],
}


TRANSACTION = "commit"  # of a transaction of Delta's that exchange_rows begins


def _arm(when: str, number: int) -> None:
    from importlib import import_module

    from py4j.java_gateway import JavaMember

    seen = 0

    def watched(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal seen
            seen += 1
            mine = seen
            if (when, number) == ("before", mine):
                os.killpg(0, signal.SIGKILL)
            result = call(*arguments, **options)
            if (when, number) == ("after", mine):
                os.killpg(0, signal.SIGKILL)
            if when == "count":
                sys.stderr.write(f"WRITE {mine} {name}\n")
            return result

        return run

    for place, names in WRITES.items():
        module, _, kind = place.rpartition(".")
        owner = getattr(import_module(module), kind)
        for name in names:
            setattr(owner, name, watched(getattr(owner, name), f"{kind}.{name}"))
    in_java = JavaMember.__call__
    commits = watched(in_java, TRANSACTION)

    def call(member: Any, *arguments: Any) -> Any:
        return (commits if member.name == TRANSACTION else in_java)(member, *arguments)

    JavaMember.__call__ = call


fault = os.environ.get("FAULT")
if fault and any(argument.endswith(".py") for argument in sys.orig_argv):
    _when, _, _number = fault.partition(":")
    _arm(_when, int(_number or 0))

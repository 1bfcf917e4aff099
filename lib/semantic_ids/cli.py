"""The shell around every job: arguments, session, summary line, run row, exit code."""

import argparse
import dataclasses
import datetime
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from pyspark.sql import SparkSession

from semantic_ids.config import JobConfig, load_config, to_yaml
from semantic_ids.errors import SemanticIdsError, StoppedError
from semantic_ids.field_help import keys_of
from semantic_ids.job_log import LogFormat, Speaker, log
from semantic_ids.spark.lineage import name_datasets
from semantic_ids.spark.report_folder import require_report
from semantic_ids.spark.runs import STARTED, Run, RunSummary, record_run, runs_output
from semantic_ids.spark.session import SPARK_ERRORS, has_stopped, open_session, sentence_of

__all__ = ["Plan", "run_job"]

EXIT_FAILURE = 1
_PARENT_S = 1.0
_STOPPED = "Spark was stopped while the job ran, by a signal or its cluster; run it again"


@dataclass(frozen=True)
class Plan:
    """A job whose inputs are open and whose outputs fit: what it would do, and the doing.

    Parameters
    ----------
    steps : tuple of str
        What the job reads and writes, a line each.
    run : callable
        Takes the run_id, does the work.
    """

    steps: tuple[str, ...]
    run: Callable[[str], RunSummary]


C = TypeVar("C", bound=JobConfig)


def run_job(
    config_type: type[C],
    prepare: Callable[[SparkSession, C], Plan],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run one job from its command line and give its exit code.

    Parameters
    ----------
    config_type : type
        The job's configuration.
    prepare : callable
        Opens the inputs and checks the outputs; writes nothing.
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        0, or 2 for what the user can mend, 3 for a verdict that `require` does not allow, or 1 for
        the rest; one sentence on standard error.
    """
    job = _job_name(config_type)
    options = _parser(job, config_type).parse_intermixed_args(arguments)
    speaker = Speaker(job, options.log_format, verbose=options.verbose)
    try:
        overrides = [*options.overrides, *options.formats]
        config = load_config(config_type, options.config, overrides)
        report = getattr(config, "report", None)
        if report and not options.print_config:
            require_report(report)
    except SemanticIdsError as error:
        return _fail(speaker, error)
    if options.print_config:
        sys.stdout.write(to_yaml(config))
        return 0
    if options.check:
        return 0
    return _execute(speaker, config, prepare, dry_run=options.dry_run)


def _execute(
    speaker: Speaker, config: C, prepare: Callable[[SparkSession, C], Plan], *, dry_run: bool
) -> int:
    started_at = datetime.datetime.now(datetime.UTC)
    is_ours = SparkSession.getActiveSession() is None
    spark = open_session(f"semantic-ids {speaker.job}")
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit started this process
        threading.Thread(target=_end_with_parent, daemon=True).start()
    run_id = speaker.run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    run = Run(run_id, speaker.job, started_at, config.model_dump(mode="json"))
    records = config.records and not dry_run
    try:
        if config.runs and config.records:
            runs_output(config.runs).check(spark)
        plan = prepare(spark, config)
        if dry_run:
            speaker.summary("\n  ".join(["dry run, nothing is written", *plan.steps]))
            return 0
        for line in plan.steps:
            log.info("%s: %s", speaker.job, line)
        if records:
            _record(spark, config, run, RunSummary("started"), STARTED)
        summary = plan.run(run_id)
    except Exception as error:
        why = StoppedError(_STOPPED) if has_stopped(spark) else error
        code = _fail(speaker, why)
        if records:
            _record_end(spark, config, run, RunSummary(_sentence(why)), "failed")
        return code
    else:
        if records:
            status = "failed" if summary.refusal else "succeeded"
            _record_end(spark, config, run, summary, status)
        if summary.refusal:
            return _fail(speaker, summary.refusal)
    finally:
        if is_ours:
            spark.stop()
    seconds = (datetime.datetime.now(datetime.UTC) - started_at).total_seconds()
    ending = f" [{seconds:.0f} s, run {run_id}]" if records else ""
    speaker.summary(summary.message, ending, seconds=round(seconds, 3), **summary.counts())
    return 0


def _end_with_parent() -> None:
    """End when the JVM of spark-submit has ended, by a signal: nobody else would tell us."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(_PARENT_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _record(
    spark: SparkSession, config: JobConfig, run: Run, summary: RunSummary, status: str
) -> None:
    if config.runs:
        metrics = {**summary.metrics, "datasets": _datasets(spark, config)}
        filed = dataclasses.replace(summary, metrics=metrics)
        record_run(spark, runs_output(config.runs), run=run, summary=filed, status=status)


def _datasets(spark: SparkSession, config: JobConfig) -> dict[str, dict[str, dict[str, str]]]:
    """Name the tables that a run reads and those that it changes, `runs` aside."""
    keys = {key.name for key in keys_of(type(config)) if key.kind.startswith("table")} - {"runs"}
    given = {key: getattr(config, key) for key in sorted(keys)}
    tables = {key: table for key, table in given.items() if isinstance(table, str)}
    inputs = {key: table for key, table in tables.items() if key not in config.writes}
    outputs = {key: table for key, table in tables.items() if key in config.writes}
    return {"inputs": name_datasets(spark, inputs), "outputs": name_datasets(spark, outputs)}


def _record_end(
    spark: SparkSession, config: JobConfig, run: Run, summary: RunSummary, status: str
) -> None:
    """Leave the row of a run's end where it can be; what was done stays done without."""
    try:
        if config.runs and not has_stopped(spark) and runs_output(config.runs).exists(spark):
            _record(spark, config, run, summary, status)
    except Exception as error:
        end = f"the run {status} and could not be recorded in {config.runs}"
        log.warning("%s: %s: %s", run.job, end, _sentence(error))


def _fail(speaker: Speaker, error: Exception) -> int:
    if speaker.verbose:
        log.exception("%s failed", speaker.job)
    ours = isinstance(error, SemanticIdsError)
    hint = "" if speaker.verbose or ours else " (--verbose shows the trace)"
    code = error.exit_code if isinstance(error, SemanticIdsError) else EXIT_FAILURE
    speaker.error(" ".join(_sentence(error).splitlines()), hint, code)
    return code


def _sentence(error: Exception) -> str:
    if isinstance(error, SemanticIdsError):
        return str(error)
    if isinstance(error, SPARK_ERRORS):
        return sentence_of(error)
    return f"{type(error).__name__}: {error}"


def _job_name(config_type: type[JobConfig]) -> str:
    name = config_type.__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _parser(job: str, config_type: type[JobConfig]) -> argparse.ArgumentParser:
    lines = [
        f"  {key.name}: {key.kind}, {key.default}\n      {key.description}"
        for key in keys_of(config_type)
    ]
    parser = argparse.ArgumentParser(
        prog=f"./spark-submit.sh {job}",
        description=config_type.__doc__,
        epilog="configuration keys:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(formats=[])
    parser.add_argument("--config", type=Path, help="the job's YAML")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="dots descend into blocks"
    )
    if _has_formats(config_type):
        parser.add_argument(
            "--format",
            action="append",
            dest="formats",
            metavar="html,markdown",
            type="report.formats=[{}]".format,
            help="the report's formats, as report.formats=[html, markdown]",
        )
    parser.add_argument("--print-config", action="store_true", help="print the whole configuration")
    parser.add_argument("--dry-run", action="store_true", help="open the inputs, write nothing")
    parser.add_argument("--check", action="store_true", help="validate, without Spark")
    parser.add_argument(
        "--log-format", choices=get_args(LogFormat), default="text", help="json: one object a line"
    )
    parser.add_argument("--verbose", action="store_true", help="show stack traces")
    return parser


def _has_formats(config_type: type[JobConfig]) -> bool:
    """Say whether a job's report comes in several formats."""
    report = config_type.model_fields.get("report")
    return "formats" in getattr(report and report.annotation, "model_fields", {})

"""The shell around every job: arguments, session, summary line, run row, exit code."""

import argparse
import datetime
import logging
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from semantic_ids.config import JobConfig, load_config, to_yaml
from semantic_ids.errors import SemanticIdsError
from semantic_ids.spark.runs import Run, RunSummary, record_run, runs_output
from semantic_ids.spark.session import SPARK_ERRORS, open_session, sentence_of

__all__ = ["Plan", "run_job"]

EXIT_FAILURE = 1

log = logging.getLogger("semantic_ids")


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
        0, or 2 for what the user can mend, or 1 for the rest; one sentence on standard error.
    """
    job = _job_name(config_type)
    parser = _parser(job, config_type)
    options = parser.parse_intermixed_args(arguments)
    _log_to_stderr(options.verbose)
    try:
        overrides = [*options.overrides, *options.formats]
        config = load_config(config_type, options.config, overrides)
    except SemanticIdsError as error:
        return _fail(job, error, options.verbose)
    if options.print_config:
        sys.stdout.write(to_yaml(config))
        return 0
    if options.check:
        return 0
    return _execute(job, config, prepare, options)


def _execute(
    job: str,
    config: C,
    prepare: Callable[[SparkSession, C], Plan],
    options: argparse.Namespace,
) -> int:
    started_at = datetime.datetime.now(datetime.UTC)
    is_ours = SparkSession.getActiveSession() is None
    spark = open_session(f"semantic-ids {job}")
    run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    run = Run(run_id, job, started_at, config.model_dump(mode="json"))
    try:
        if config.runs:
            runs_output(config.runs).check(spark)
        plan = prepare(spark, config)
        if options.dry_run:
            lines = [f"{job}: dry run, nothing is written", *plan.steps]
            sys.stdout.write("\n  ".join(lines) + "\n")
            return 0
        for line in plan.steps:
            log.info("%s: %s", job, line)
        summary = plan.run(run_id)
        _record(spark, config, run, summary, "succeeded")
    except Exception as error:
        code = _fail(job, error, options.verbose)
        if not options.dry_run:
            _record_failure(spark, config, run, error)
        return code
    finally:
        if is_ours:
            spark.stop()
    seconds = (datetime.datetime.now(datetime.UTC) - started_at).total_seconds()
    sys.stdout.write(f"{job}: {summary.message} [{seconds:.0f} s, run {run_id}]\n")
    return 0


def _record(
    spark: SparkSession, config: JobConfig, run: Run, summary: RunSummary, status: str
) -> None:
    if config.runs:
        record_run(spark, runs_output(config.runs), run=run, summary=summary, status=status)


def _record_failure(spark: SparkSession, config: JobConfig, run: Run, error: Exception) -> None:
    """Leave a row for a failed run where a runs table stands; the failure itself comes first."""
    try:
        if config.runs and runs_output(config.runs).exists(spark):
            _record(spark, config, run, RunSummary(_sentence(error)), "failed")
    except Exception:
        log.warning("%s: the failed run could not be recorded in %s", run.job, config.runs)


def _fail(job: str, error: Exception, verbose: bool) -> int:
    if verbose:
        log.exception("%s failed", job)
    hint = "" if verbose or isinstance(error, SemanticIdsError) else " (--verbose shows the trace)"
    sentence = " ".join(_sentence(error).splitlines())
    sys.stderr.write(f"{job}: error: {sentence}{hint}\n")
    return error.exit_code if isinstance(error, SemanticIdsError) else EXIT_FAILURE


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
    lines = [f"  {name}: {_field_help(field)}" for name, field in config_type.model_fields.items()]
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
    parser.add_argument("--check", action="store_true", help="validate the configuration only")
    parser.add_argument("--verbose", action="store_true", help="show stack traces")
    return parser


def _has_formats(config_type: type[JobConfig]) -> bool:
    """Say whether a job's report comes in several formats."""
    report = config_type.model_fields.get("report")
    return "formats" in getattr(report and report.annotation, "model_fields", {})


def _field_help(field: Any) -> str:
    default = "" if field.is_required() else f" (default: {field.default})"
    return f"{field.description or ''}{default}"


def _log_to_stderr(verbose: bool) -> None:
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    # pyspark prints the Java trace of errors that we handle
    PySparkLogger.getLogger("SQLQueryContextLogger").disabled = not verbose

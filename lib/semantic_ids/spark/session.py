"""The Spark session, and Spark's errors as sentences."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

__all__ = ["SPARK_ERRORS", "has_stopped", "open_session", "sentence_of", "with_settings"]

SPARK_ERRORS = (Py4JError, PySparkException)

_OURS = re.compile(r"semantic_ids\.errors\.\w+: (.+)")
_CONCURRENT = re.compile(r"Concurrent\w+Exception|DELTA_CONCURRENT|DELTA_METADATA_CHANGED")
_NO_SPACE = re.compile(r"No space left on device")


def open_session(app_name: str, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Open the session that spark-submit configured, or one with the settings given.

    Some settings belong to the format of our tables and do not come from a profile: days are UTC
    days, timestamps are microseconds in Parquet too, for every reader (Spark's default holds only
    the years 1678 to 2262 for some), a task writes its few partitions side by side instead of
    sorting its rows again, which could disturb the order within a file, and a damaged page is
    refused by its checksum, which Spark writes but does not look at.
    """
    builder = SparkSession.builder.appName(app_name)
    for key, value in (settings or {}).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    spark.conf.set("spark.sql.maxConcurrentOutputFileWriters", "16")
    spark.conf.set("parquet.page.verify-checksum.enabled", "true")
    return spark


def has_stopped(spark: SparkSession) -> bool:
    """Say whether Spark has ended, or is about to, as a signal or its cluster makes it."""
    try:
        return bool(spark.sparkContext._jsc.sc().isStopped())
    except (Py4JError, OSError):
        return True


@contextmanager
def with_settings(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Change settings of a session for a while, and put back what they were."""
    kept = {key: spark.conf.get(key, None) for key in settings}
    try:
        for key, value in settings.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, before in kept.items():
            if before is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, before)


def sentence_of(error: BaseException) -> str:
    """Reduce an error from Spark to one line that an operator understands."""
    text = str(error)
    if ours := _OURS.findall(text):
        return str(ours[-1]).strip()
    if _CONCURRENT.search(text):
        return "another run changed the same table at the same time; nothing was written, run again"
    if _NO_SPACE.search(text):
        return "no space left on a device that Spark writes to; nothing was committed"
    if isinstance(error, Py4JJavaError):
        causes = re.findall(r"^Caused by: (?:[\w$]+\.)+([\w$]+: .+)$", text, flags=re.MULTILINE)
        first = re.findall(r"^: (?:[\w$]+\.)+([\w$]+: .+)$", text, flags=re.MULTILINE)
        return str((causes or first or [text.splitlines()[0]])[-1]).strip()
    return text.strip().splitlines()[0]

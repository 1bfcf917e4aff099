"""How a job speaks: lines for people, or one JSON object a line for machines."""

import datetime
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal

from pyspark.logger import PySparkLogger

__all__ = ["LogFormat", "Speaker", "log"]

LogFormat = Literal["text", "json"]

log = logging.getLogger("semantic_ids")


class _JsonLines(logging.Formatter):
    """One object a line: time, level, job, run_id, event, message, and what the event has more."""

    def __init__(self, speaker: "Speaker") -> None:
        super().__init__()
        self._speaker = speaker

    def format(self, record: logging.LogRecord) -> str:
        trace = {"trace": self.formatException(record.exc_info)} if record.exc_info else {}
        return self._speaker.line("log", record.levelname, record.getMessage(), trace)


class Speaker:
    """Says what a job does: its steps and errors on standard error, its summary on standard output.

    Parameters
    ----------
    job : str
    form : "text" or "json"
    verbose : bool
        Also traces.
    """

    def __init__(self, job: str, form: LogFormat, *, verbose: bool) -> None:
        self.job, self.form, self.verbose = job, form, verbose
        self.run_id: str | None = None
        handler = logging.StreamHandler(sys.stderr)
        text = logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S")
        handler.setFormatter(_JsonLines(self) if form == "json" else text)
        logging.basicConfig(handlers=[handler], force=form == "json")
        log.setLevel(logging.DEBUG if verbose else logging.INFO)
        # pyspark prints the Java trace of errors that we handle
        PySparkLogger.getLogger("SQLQueryContextLogger").disabled = not verbose

    def line(self, event: str, level: str, message: str, more: Mapping[str, Any]) -> str:
        """Write an event as JSON."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        who = {"time": now, "level": level, "job": self.job, "run_id": self.run_id}
        return json.dumps({**who, "event": event, "message": message, **more}, default=str)

    def summary(self, message: str, ending: str = "", **more: Any) -> None:
        """Say how a run ended well."""
        line = f"{self.job}: {message}{ending}"
        if self.form == "json":
            line = self.line("summary", "INFO", message, more)
        sys.stdout.write(f"{line}\n")

    def error(self, sentence: str, hint: str, exit_code: int) -> None:
        """Say in one sentence why a run failed."""
        line = f"{self.job}: error: {sentence}{hint}"
        if self.form == "json":
            line = self.line("error", "ERROR", sentence, {"exit_code": exit_code})
        sys.stderr.write(f"{line}\n")

"""How far a fit is: a line that is written over on a terminal, log lines elsewhere."""

import logging
import sys
from collections.abc import Callable
from typing import TextIO

__all__ = ["report_progress"]

_BAR = 30

log = logging.getLogger("semantic_ids")


def report_progress(
    job: str, *, n_bytes: int, n_rounds: int, terminal: bool, measure: str = "error"
) -> Callable[[str, float], None]:
    """Give what `fit` calls after each byte and each round, and training after each epoch.

    The error after each byte stays on the screen; rounds write over each other's line.

    Parameters
    ----------
    measure : str
        What the number is that it is called with.
    """
    if not terminal:
        return lambda step, value: log.info("%s: %s, %s %.4f", job, step, measure, value)
    return _Bar(sys.stderr, job, n_bytes, n_rounds, measure).show


class _Bar:
    """A bar of bytes and rounds done, with the error of the last step."""

    def __init__(self, stream: TextIO, job: str, n_bytes: int, n_rounds: int, measure: str) -> None:
        self._stream, self._job, self._measure = stream, job, measure
        self._n_bytes, self._n_steps, self._done = n_bytes, n_bytes + n_rounds, 0

    def show(self, step: str, error: float) -> None:
        self._done = min(self._done + 1, self._n_steps)
        full = _BAR * self._done // self._n_steps
        stays = self._done <= self._n_bytes or self._done == self._n_steps
        bar = f"[{'#' * full}{'.' * (_BAR - full)}]"
        end = "\n" if stays else "\r"
        self._stream.write(f"\r{self._job}: {bar} {step}, {self._measure} {error:.4f}\033[K{end}")
        self._stream.flush()

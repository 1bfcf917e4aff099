"""How far a job is: a line that is written over on a terminal, log lines elsewhere."""

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

__all__ = ["count_steps", "report_progress"]

_BAR = 30
_LINES = 20

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


def count_steps(job: str, n_steps: int, *, terminal: bool) -> Callable[[str], None]:
    """Give what a job calls after each of its steps, with what the step was.

    Off a terminal, a line is logged at each twentieth of the way.
    """
    began, done = time.monotonic(), 0

    def show(step: str) -> None:
        nonlocal done
        done += 1
        left = (time.monotonic() - began) / done * (n_steps - done)
        if terminal:
            full = _BAR * done // n_steps
            end = "\n" if done == n_steps else "\r"
            bar = f"[{'#' * full}{'.' * (_BAR - full)}]"
            sys.stderr.write(f"\r{job}: {bar} {step}, {left:.0f} s to go\033[K{end}")
            sys.stderr.flush()
        elif done * _LINES // n_steps > (done - 1) * _LINES // n_steps:
            log.info("%s: %s of %s, %s, %.0f s to go", job, done, n_steps, step, left)

    return show


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

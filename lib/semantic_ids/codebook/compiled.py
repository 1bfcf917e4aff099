"""Compilation by numba, imported with the kernels at first use: numba is slow to import."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile, with numba's cache where its folder can be written, else once per process."""
    try:
        cached: Callable[..., Any] = njit(cache=True, nogil=True)(function)
        folder = Path(cached.stats.cache_path)  # type: ignore[attr-defined]  # numba's own
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return cached
    except (OSError, RuntimeError):  # numba raises RuntimeError where it finds no folder at all
        return njit(nogil=True)(function)

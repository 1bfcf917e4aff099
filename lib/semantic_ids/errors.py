"""Errors a user can cause: each is also a builtin, and has the exit code of a job it ends."""

import difflib
from collections.abc import Collection
from typing import ClassVar

__all__ = [
    "ArtefactError",
    "ConfigError",
    "InputError",
    "SemanticIdsError",
    "ShapeError",
    "SpecError",
    "StoppedError",
    "TableError",
    "VerdictError",
    "nearest",
]


class SemanticIdsError(Exception):
    """Root of our errors: one sentence that names the field, the rule and the value."""

    exit_code: ClassVar[int] = 2


class ConfigError(SemanticIdsError, ValueError):
    """A configuration file or an override breaks a rule."""


class SpecError(SemanticIdsError, ValueError):
    """The stages or options of a codebook break a rule."""


class ShapeError(SemanticIdsError, ValueError):
    """An array has the wrong number of dimensions, length or dtype."""


class InputError(SemanticIdsError, ValueError):
    """Values are outside what the operation is defined for."""


class ArtefactError(SemanticIdsError, ValueError):
    """A stored codebook is damaged, of an unknown format, or not the one that was asked for."""


class TableError(SemanticIdsError, LookupError):
    """A table is missing, empty, or has other columns than the job needs."""


class StoppedError(SemanticIdsError, RuntimeError):
    """A job was stopped by a signal, or by the cluster that it ran on."""

    exit_code: ClassVar[int] = 1


class VerdictError(SemanticIdsError, ValueError):
    """An audit's verdict is worse than its configuration allows; the page is written."""

    exit_code: ClassVar[int] = 3


def nearest(name: str, names: Collection[str]) -> str:
    """Say which of the right names is meant, or list them: ends a sentence about a wrong name."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"it must be one of: {', '.join(names)}"

"""The report's folder: files take their places whole, when all of them are written."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from semantic_ids.audit_configs import FolderSection, ReportSection
from semantic_ids.errors import ConfigError
from semantic_ids.report import Format, Page, file_name, render

__all__ = [
    "page_files",
    "require_report",
    "require_writable",
    "stage_page",
    "staged_files",
    "write_page",
]

_SCRATCH = ".partial-"  # and a name of each run's own: two may write to one folder
_SCHEME = re.compile(r"[a-z][a-z0-9]+:", re.IGNORECASE)


def require_report(report: FolderSection) -> None:
    """Refuse, before any work, a report that could not be written.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or what HTML needs, the extra `report`, is missing.
    """
    require_writable(Path(report.folder))
    if not isinstance(report, ReportSection):  # a page that is HTML and nothing else
        if missing := _missing("jinja2"):
            raise ConfigError(f"report: the page needs {missing}: install semantic-ids[report]")
    elif "html" in report.formats and (missing := _missing("jinja2", "matplotlib")):
        raise ConfigError(
            f"report.formats: html needs {missing}: install semantic-ids[report], or leave html out"
        )


def _missing(*packages: str) -> str:
    return " and ".join(name for name in packages if find_spec(name) is None)


def require_writable(folder: Path, field: str = "report.folder") -> None:
    """Refuse a folder that cannot be written, without writing to it.

    Raises
    ------
    ConfigError
        If the path, or what stands above it, is no folder or denies writing; it names the field.
    """
    if "\0" in str(folder):
        raise ConfigError(f"{field}: must be a path, got {str(folder)!r:.80} with a NUL")
    if _SCHEME.match(str(folder)):
        raise ConfigError(f"{field}: {str(folder)!r} must be a local folder, without a scheme")
    try:
        standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:  # a name may be too long
        raise ConfigError(
            f"{field}: must be a path, got {str(folder)!r:.80}: {error.strerror}"
        ) from None
    if not standing.is_dir():
        raise ConfigError(f"{field}: {str(folder)!r} must be a folder, {standing} is a file")
    if not os.access(standing, os.W_OK | os.X_OK):
        raise ConfigError(f"{field}: {str(folder)!r} must be writable, {standing} is not")


def write_page(folder: Path, page: Page, formats: Collection[Format]) -> tuple[Path, ...]:
    """Write a page as `<job>.html`, `.md` and `.json`; they take their places when all are written.

    Returns
    -------
    tuple of Path
        The files, in the order of `formats`. Those of other formats from earlier runs are gone.

    Raises
    ------
    ConfigError
        If the folder cannot be written. What stood there stays.
    """
    with staged_files(folder, page_files(page.job)) as scratch:
        names = stage_page(scratch, page, formats)
    return tuple(folder / name for name in names)


def page_files(job: str) -> tuple[str, ...]:
    """Name the files that a job's page may have, whatever its formats."""
    return tuple(file_name(job, form) for form in get_args(Format))


def stage_page(scratch: Path, page: Page, formats: Collection[Format]) -> tuple[str, ...]:
    """Write a page into the folder of `staged_files`, beside other files; give its files' names."""
    for form in formats:
        # a lone surrogate, which UTF-8 cannot hold, becomes a question mark
        content = render(page, form).encode("utf-8", errors="replace")
        (scratch / file_name(page.job, form)).write_bytes(content)
    return tuple(file_name(page.job, form) for form in formats)


@contextmanager
def staged_files(folder: Path, owned: Collection[str]) -> Iterator[Path]:
    """Give an empty folder; what is written there moves to `folder` when the block ends well.

    What runs that were killed left of theirs goes.

    Parameters
    ----------
    folder : Path
        Created where it is missing.
    owned : collection of str
        Files below `folder` that earlier runs may have left and this one may not write: they go.

    Raises
    ------
    ConfigError
        If the folder cannot be written. What stood there stays.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _scratch(folder) as scratch:
            yield scratch
            _move(scratch, folder, owned)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"report.folder: {str(folder)!r} must be writable, got: {reason}"
        ) from None


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a folder of this run's own, locked while it runs; those that nobody locks are dead."""
    with ExitStack() as held:
        with ExitStack() as turn:
            with suppress(OSError):  # some network file systems lock no folders: none is removed
                turn.enter_context(_locked(folder, fcntl.LOCK_EX))
                _remove_dead(folder)
            scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder))
            with suppress(OSError):
                held.enter_context(_locked(scratch, fcntl.LOCK_EX))
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
        yield scratch


def _remove_dead(folder: Path) -> None:
    for scratch in folder.glob(f"{_SCRATCH}*"):
        with suppress(OSError), _locked(scratch, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(scratch)


@contextmanager
def _locked(folder: Path, operation: int) -> Iterator[None]:
    """Hold a lock on a folder.

    Raises
    ------
    OSError
        If it cannot be had.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, operation)
        yield
    finally:
        os.close(opened)


def _move(scratch: Path, folder: Path, owned: Collection[str]) -> None:
    written = [path.relative_to(scratch) for path in scratch.rglob("*") if path.is_file()]
    for file in sorted(written, key=lambda file: (len(file.parts) == 1, file)):
        (folder / file).parent.mkdir(exist_ok=True)
        (scratch / file).replace(folder / file)
    for name in set(owned) - {file.as_posix() for file in written}:
        (folder / name).unlink(missing_ok=True)

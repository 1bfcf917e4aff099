"""The report's folder: files take their places whole, when all of them are written."""

import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from semantic_ids.errors import ConfigError

__all__ = ["require_writable", "staged_files"]

_SCRATCH = ".partial"
_SCHEME = re.compile(r"[a-z][a-z0-9]+:", re.IGNORECASE)


def require_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written, without writing to it.

    Raises
    ------
    ConfigError
        If the path, or what stands above it, is no folder or denies writing.
    """
    if _SCHEME.match(str(folder)):
        raise ConfigError(
            f"report.folder: {str(folder)!r} must be a local folder, without a scheme"
        )
    standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not standing.is_dir():
        raise ConfigError(f"report.folder: {str(folder)!r} must be a folder, {standing} is a file")
    if not os.access(standing, os.W_OK | os.X_OK):
        raise ConfigError(f"report.folder: {str(folder)!r} must be writable, {standing} is not")


@contextmanager
def staged_files(folder: Path, owned: Collection[str]) -> Iterator[Path]:
    """Give an empty folder; what is written there moves to `folder` when the block ends well.

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
    scratch = folder / _SCRATCH
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        yield scratch
        _move(scratch, folder, owned)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"report.folder: {str(folder)!r} must be writable, got: {reason}"
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _move(scratch: Path, folder: Path, owned: Collection[str]) -> None:
    written = [path.relative_to(scratch) for path in scratch.rglob("*") if path.is_file()]
    for file in sorted(written, key=lambda file: (len(file.parts) == 1, file)):
        (folder / file).parent.mkdir(exist_ok=True)
        (scratch / file).replace(folder / file)
    for name in set(owned) - {file.as_posix() for file in written}:
        (folder / name).unlink(missing_ok=True)

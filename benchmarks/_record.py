"""What every benchmark writes beside its figures: which code and versions, where and when."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "numba", "pyarrow", "deltalake", "pyspark", "delta-spark", "torch")


def record(name: str, results: Any) -> dict[str, Any]:
    """Return results with the git hash, versions, date and number of CPUs."""
    return {
        "benchmark": name,
        "git": _git("rev-parse", "HEAD") + ("+changes" if _git("status", "--porcelain") else ""),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
        "cpus": os.cpu_count(),
        "results": results,
    }


def write_record(path: Path, name: str, results: Any) -> None:
    """Write a record as JSON, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record(name, results), indent=1) + "\n")


def _git(*command: str) -> str:
    folder = Path(__file__).parent
    done = subprocess.run(
        ["git", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

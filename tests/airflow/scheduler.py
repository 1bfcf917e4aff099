"""A whole Airflow on one machine for a while: API server, scheduler and a back-fill to its end."""

import base64
import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

UP_S = 180


@contextmanager
def running(airflow: Path, environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run an API server and then a scheduler, which runs one task at a time.

    Parameters
    ----------
    airflow : Path
        The program.
    environment : mapping
        With AIRFLOW_HOME, whose database stands.
    folder : Path
        Gets their logs.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    secret = base64.b64encode(os.urandom(24)).decode()
    env = environment | {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": secret,
    }
    started: list[subprocess.Popen[bytes]] = []
    try:
        api = ("api-server", "--host", "127.0.0.1", "--port", port)
        started.append(_start([str(airflow), *api], env, folder / "api-server.log"))
        _wait_for(f"http://127.0.0.1:{port}/api/v2/version", started[0])
        started.append(_start([str(airflow), "scheduler"], env, folder / "scheduler.log"))
        yield
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            process.wait(timeout=60)


def _start(command: list[str], env: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        return subprocess.Popen(
            command, env=env, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + UP_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, "the API server ended"
            assert time.monotonic() < deadline, "the API server did not come up"
            time.sleep(1)


def states_of(database: Path, run_type: str) -> list[str]:
    """Give the states of the runs of a type, in the order of their dates."""
    query = "select state from dag_run where run_type = ? order by logical_date"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return [state for (state,) in connection.execute(query, (run_type,))]


def updates_of(database: Path, asset: str) -> int:
    """Count the events of an asset, each of which would start a DAG that is scheduled on it."""
    query = "select count(*) from asset_event e join asset a on a.id = e.asset_id where a.name = ?"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return int(connection.execute(query, (asset,)).fetchone()[0])

"""A session as the local profile gives it, and the CPU time and memory of all its processes."""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pyspark.sql import SparkSession

from semantic_ids.spark.session import open_session

ROOT = Path(__file__).parent.parent
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def local_session(cores: int, **settings: str) -> SparkSession:
    """Open a session on some cores of this machine; its files go with the process."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    lines = (ROOT / "conf" / "spark" / "local.conf").read_text().splitlines()
    profile = dict(line.split(None, 1) for line in lines if line.strip() and line[0] != "#")
    scratch = tempfile.mkdtemp(prefix="benchmark")
    return open_session(
        "benchmark",
        profile
        | {
            "spark.master": f"local[{cores}]",
            "spark.jars": ",".join(map(str, (ROOT / "build" / "jars").glob("*.jar"))),
            "spark.driver.extraJavaOptions": "-Dlog4j2.configurationFile=file:"
            f"{ROOT}/conf/spark/log4j2.properties -Dderby.system.home={scratch}",
            "spark.sql.warehouse.dir": f"{scratch}/warehouse",
            "spark.sql.shuffle.partitions": str(cores),
            "spark.ui.showConsoleProgress": "false",
        }
        | settings,
    )


class Meter:
    """Wall and CPU seconds of a block, and the peak memory of its JVM and Python workers.

    CPU seconds are those of this process and all below it: Python, JVM and workers. Memory is
    anonymous memory (RssAnon): pages of files that the kernel may drop are not counted.
    """

    def __enter__(self) -> "Meter":
        self.peak_mib = {"driver": 0.0, "jvm": 0.0, "worker": 0.0}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._cpu, self._wall = _cpu_seconds(_tree()), time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wall_s = time.perf_counter() - self._wall
        self.cpu_s = _cpu_seconds(_tree()) - self._cpu
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            for pid in _tree():
                kind, mib = _memory(pid)
                self.peak_mib[kind] = max(self.peak_mib[kind], mib)


class Stopwatch:
    """What a piece of work costs: CPU of all processes, and Spark's own task times.

    Spark's times come from its event log, for which a session needs the `settings`.
    """

    def __init__(self, log: Path) -> None:
        log.mkdir()
        self.log, self.seen = log, 0
        self.settings = {
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": f"file:{log}",
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
        }

    def measure(self, work: Callable[[], Any]) -> dict[str, Any]:
        """Do the work and give its wall, task and CPU seconds."""
        self._tasks()
        with Meter() as meter:
            work()
        tasks = self._tasks()
        return {"wall_s": meter.wall_s, "cpu_s": meter.cpu_s} | tasks

    def _tasks(self) -> dict[str, float]:
        time.sleep(2)  # the log is written behind
        (log,) = self.log.iterdir()
        lines = log.read_text().splitlines()
        metrics = [
            event["Task Metrics"]
            for event in map(json.loads, lines[self.seen :])
            if event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics")
        ]
        self.seen = len(lines)
        return {
            "task_s": sum(each["Executor Run Time"] for each in metrics) / 1e3,
            "task_jvm_cpu_s": sum(each["Executor CPU Time"] for each in metrics) / 1e9,
        }


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _tree() -> list[int]:
    """List this process and all below it."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    parents = {pid: int(stat[1]) for pid in pids if (stat := _stat(pid))}
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _cpu_seconds(pids: list[int]) -> float:
    """Add up user and system time, of children that have ended too."""
    return sum(sum(map(int, stat[11:15])) for pid in pids if (stat := _stat(pid))) / _TICKS_PER_S


def _memory(pid: int) -> tuple[str, float]:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "driver", 0.0
    kib = next((int(x.split()[1]) for x in status.splitlines() if x.startswith("RssAnon")), 0)
    kind = "worker" if b"pyspark.daemon" in command else "jvm"
    return ("driver" if pid == os.getpid() else kind), kib / 1024

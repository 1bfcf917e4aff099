"""Jobs as their users run them, and the ways in which they die."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
DEADLINE_S = 300
INJECT = Path(__file__).parent / "faults" / "inject"


@dataclass(frozen=True)
class Finished:
    """What a job said, on either stream, and how it ended.

    spark-submit sends the standard error of a Python driver to its own standard output.
    """

    code: int
    said: str

    @property
    def sentence(self) -> str:
        """The line that tells an operator why the job failed."""
        (line,) = [line for line in self.said.splitlines() if ": error: " in line]
        return line.partition(": error: ")[2]


@dataclass(frozen=True)
class Submit:
    """Runs jobs with spark-submit.sh from a folder that is not the checkout."""

    root: Path
    folder: Path
    deadline_s: float = DEADLINE_S

    def command(self, job: str, *overrides: str) -> list[str]:
        """Give the command line of a job."""
        config = self.root / "conf" / f"{job}.yaml"
        return [str(self.root / "spark-submit.sh"), job, "--config", str(config), *overrides]

    def start(self, job: str, *overrides: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a job as the leader of a process group of its own."""
        return subprocess.Popen(
            self.command(job, *overrides),
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            cwd=self.folder,
        )

    def run(self, job: str, *overrides: str, **environment: str) -> Finished:
        """Run a job to its end, whatever that is."""
        return finish(self.start(job, *overrides, **environment), self.deadline_s)

    def kill_when(self, condition: Callable[[], bool], job: str, *overrides: str) -> None:
        """Start a job and kill all its processes with signal 9 as soon as a condition holds."""
        process = self.start(job, *overrides)
        until(condition, process, self.deadline_s)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def writes(self, job: str, *overrides: str) -> int:
        """Run a job to its good end and count its writes: the places where it can be killed."""
        finished = self.run(job, *overrides, **_fault("count"))
        assert finished.code == 0, finished.said
        return sum(line.startswith("WRITE ") for line in finished.said.splitlines())

    def kill_at(self, point: str, job: str, *overrides: str) -> None:
        """Run a job that dies by signal 9, JVM and all, at a point such as `before:2`."""
        finished = self.run(job, *overrides, **_fault(point))
        assert finished.code == -signal.SIGKILL, f"not killed at {point}: {finished}"


def _fault(point: str) -> dict[str, str]:
    return {"FAULT": point, "PYTHONPATH": str(INJECT)}


def finish(process: "subprocess.Popen[str]", deadline_s: float = DEADLINE_S) -> Finished:
    """Wait for a job's end."""
    try:
        said, _ = process.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Finished(process.returncode, said)


def kill_executor(process: "subprocess.Popen[str]") -> None:
    """Kill one executor of a running job with signal 9 while its Python workers are at work."""

    def at_work() -> int | None:
        commands = dict(_group_commands(process.pid))
        parents = {_parent(pid) for pid, words in commands.items() if "pyspark.daemon" in words}
        executors = (
            pid for pid, words in commands.items() if "CoarseGrainedExecutorBackend" in words
        )
        return next((pid for pid in executors if pid in parents), None)

    os.kill(until(at_work, process), signal.SIGKILL)


def until(
    condition: Callable[[], T | None],
    process: "subprocess.Popen[str]",
    deadline_s: float = DEADLINE_S,
) -> T:
    """Wait for a condition while a job runs."""
    deadline = time.monotonic() + deadline_s
    while not (found := condition()):
        assert process.poll() is None, "the job ended before the fault"
        assert time.monotonic() < deadline, "the moment for the fault never came"
        time.sleep(0.01)
    return found


def living(group: int) -> list[str]:
    """List the command lines of a process group that have not ended."""
    return [words for _, words in _group_commands(group) if words]


def _group_commands(group: int) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                pid = int(folder.name)
                if os.getpgid(pid) == group:
                    yield pid, (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it ended meanwhile
                continue


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0

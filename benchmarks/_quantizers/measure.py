"""One arm measured in a process of its own, on one thread, within a limit of CPU time."""

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from _quantizers.arms import Arm, Quantizer, Rows
from semantic_ids.codebook import relative_error

SPEED_ROWS = 8192
TRAINING_ROWS = 10_000
MIN_SECONDS, ROUNDS = 0.5, 3

Measured = dict[str, Any]


def measure(arm: Arm, training: Rows, held_out: Rows, *, bits: int, limit_s: int) -> list[Measured]:
    """Return a dict for each quantiser of an arm: its figures, or why there are none."""
    context = multiprocessing.get_context("fork")  # shares the rows
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(
        target=_report,
        args=(sender, arm, training, held_out),
        kwargs={"bits": bits, "limit_s": limit_s},
    )
    child.start()
    sender.close()
    try:
        figures = receiver.recv()
    except EOFError:
        child.join()
        late = child.exitcode == -signal.SIGXCPU
        figures = f"over {limit_s} CPU s" if late else f"ended with {child.exitcode}"
    child.join()
    if isinstance(figures, str):
        figures = [{"failure": figures}] * len(arm.names)
    return [
        {"bits": bits, "arm": name, "family": arm.family, **figure}
        for name, figure in zip(arm.names, figures, strict=True)
    ]


def _report(
    sender: Connection, arm: Arm, training: Rows, held_out: Rows, *, bits: int, limit_s: int
) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 10))
    one_thread()
    try:
        quantizers, fit_cpu_s, fit_wall_s = timed(arm.fit, training, bits)
        fit = {"fit_cpu_s": fit_cpu_s, "fit_wall_s": fit_wall_s}
        sender.send([fit | _figures(q, training, held_out) for q in quantizers])
    except Exception as error:  # whatever a peer raises is its result
        sender.send(f"{type(error).__name__}: {error}")


def _figures(quantizer: Quantizer, training: Rows, held_out: Rows) -> Measured:
    return {
        "held_out": error_of(quantizer, held_out),
        "training": error_of(quantizer, training[:TRAINING_ROWS]),
        **speed(quantizer.encode, held_out),
    }


def error_of(quantizer: Quantizer, rows: Rows) -> float:
    return relative_error(rows, quantizer.decode(quantizer.encode(rows)))


def speed(function: Callable[[Rows], Any], rows: Rows) -> Measured:
    """Return thousand rows per CPU second and per second of wall time, each the best of several.

    A process with a limit of CPU time has it counted in ticks of the system's clock, several
    milliseconds long: so each measurement is of as many calls as last a while.
    """
    block = np.resize(rows, (SPEED_ROWS, rows.shape[1]))
    n_calls = 1

    def call() -> None:
        for _ in range(n_calls):
            function(block)

    while timed(call)[2] < MIN_SECONDS:
        n_calls *= 2
    cpu_s, wall_s = np.min([timed(call)[1:] for _ in range(ROUNDS)], axis=0) / n_calls
    return {
        "thousand_per_cpu_s": SPEED_ROWS / cpu_s / 1000,
        "thousand_per_s": SPEED_ROWS / wall_s / 1000,
    }


def gemm(rows: Rows, n_columns: int) -> Measured:
    """Return the speed of the bare product of rows with a basis of so many."""
    one_thread()
    basis = np.random.default_rng(0).standard_normal((rows.shape[1], n_columns), np.float32)
    return speed(lambda block: block @ basis, rows)


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """Return the result, and the seconds of all the process's threads and of the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = function(*arguments)
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    if cpu_s > 1.2 * wall_s + 0.1:
        raise RuntimeError(f"more than one thread ran: {cpu_s:.1f} CPU s in {wall_s:.1f} s")
    return result, cpu_s, wall_s


def one_thread() -> None:
    threadpool_limits(1)
    faiss.omp_set_num_threads(1)

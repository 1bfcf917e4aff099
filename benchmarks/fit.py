"""Seconds and memory of a fit against the number of rows, each in a process of its own.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/fit.py
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/fit.py --dim 384 --rows 1000000

Rows are drawn around 4,000 centres with a decaying spectrum, into a file that the fit reads as a
memory map. Memory is the peak of anonymous pages (RssAnon) during the fit, above what the process
held before it: pages of the mapped file, which the kernel drops when it likes, are not in it.
Linux only. Prints Markdown, writes JSON.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from _record import write_record

from semantic_ids.codebook import CodebookSpec, decode, encode, fit, relative_error

CENTRES = 4000
CHUNK = 50_000
HELD_OUT = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--bits", nargs="+", type=int, default=[64])
    parser.add_argument("--presets", nargs="+", default=["fast", "faithful"])
    parser.add_argument(
        "--folder", type=Path, help="where the rows are written; default: temporary"
    )
    parser.add_argument("--output", type=Path, default=Path("artifacts/fit.json"))
    arguments = parser.parse_args()
    results = []
    print("| preset | bits | rows | fit s | CPU s | peak MiB | held-out error |")
    print("|---|---|---|---|---|---|---|")
    for n in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            path = Path(folder) / "rows.npy"
            write_rows(path, n + HELD_OUT, arguments.dim)
            for preset in arguments.presets:
                for bits in arguments.bits:
                    measured = in_a_process(path, preset, bits)
                    results.append({"preset": preset, "bits": bits, "rows": n, **measured})
                    print(
                        f"| {preset} | {bits} | {n:,} | {measured['fit_s']:.1f} "
                        f"| {measured['cpu_s']:.1f} "
                        f"| {measured['peak_mib']:.0f} | {measured['held_out']:.4f} |",
                        flush=True,
                    )
    write_record(arguments.output, "fit", {"dim": arguments.dim, "fits": results})


def write_rows(path: Path, n: int, dim: int) -> None:
    rng = np.random.default_rng(0)
    scales = (1 / np.sqrt(1 + np.arange(dim))).astype(np.float32)
    centres = rng.standard_normal((CENTRES, dim), np.float32)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n, dim))
    for start in range(0, n, CHUNK):
        size = min(CHUNK, n - start)
        own = centres[rng.integers(0, CENTRES, size)]
        rows[start : start + size] = scales * (own + rng.standard_normal((size, dim), np.float32))
    rows.flush()


def in_a_process(path: Path, preset: str, bits: int) -> dict[str, Any]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (path, preset, bits))


def measure(path: Path, preset: str, bits: int) -> dict[str, float]:
    rows = np.load(path, mmap_mode="r")
    training, held_out = rows[HELD_OUT:], np.array(rows[:HELD_OUT])
    spec = CodebookSpec.preset(preset, bits)
    fit(np.array(training[:1000]), CodebookSpec.preset(preset, bits, rounds=1))  # compiles
    before = anonymous_mib()
    with Watch() as watch:
        start, cpu_start = time.perf_counter(), time.process_time()
        codebook = fit(training, spec)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    error = relative_error(held_out, decode(encode(held_out, codebook), codebook))
    return {
        "fit_s": seconds,
        "cpu_s": cpu_seconds,
        "peak_mib": watch.peak - before,
        "held_out": error,
    }


class Watch:
    """Looks at the process's memory every 10 ms."""

    def __enter__(self) -> "Watch":
        self.peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.01):
            self.peak = max(self.peak, anonymous_mib())


def anonymous_mib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("RssAnon is not in /proc/self/status")


if __name__ == "__main__":
    main()

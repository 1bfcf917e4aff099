"""Error against speed of our codebooks and their peers, in one run, each on one thread.

    .venv/bin/python benchmarks/quantizers.py front --plot docs/img   error, speed and fit time
    .venv/bin/python benchmarks/quantizers.py rows                    fit time against rows
    .venv/bin/python benchmarks/quantizers.py small                   error with few rows to fit

Each arm runs in its own process on the same rows: it is fitted on four fifths of a set (at most
32,768 rows, of which it may hold out some to choose by) and judged on the last fifth (at most
20,000). Seconds are CPU time of the process, which a busy machine lengthens little; speed is the
best of three measurements with 8,192 rows. An arm that fails or takes over --limit CPU seconds
says so in its row. Prints Markdown, writes JSON.
"""

import argparse
import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from _quantizers.arms import arms
from _quantizers.bounds import gaussian_bound, variances_of
from _quantizers.data import SETS, generated, load, split
from _quantizers.measure import gemm, measure, one_thread
from _quantizers.plot import plot
from _record import write_record

Result = dict[str, Any]

FEW = r"fast|balanced|faithful|faiss RQ, beam 5(, refined)?|faiss PQ"
SMALL = r"fast|binary|\d centroid.*|balanced|faithful|faiss RQ, beam [15]|faiss PQ|k-means.*"
ROWS = r"fast|balanced|faithful|faiss RQ, beam [15]"
GEMMS = {"fast": 5, "faithful": 256}  # rows of basis in a byte


def main() -> None:
    options = parse()
    one_thread()
    studies = {"front": front, "rows": rows_study, "small": small_study}
    output = options.output or Path(f"artifacts/quantizers_{options.study}.json")
    print(HEADER, flush=True)
    results: list[Result] = []
    for result in studies[options.study](options):
        results.append(result)
        print(line(result), flush=True)
        keep(output, options, results)  # each time, so that a long run may be stopped
    if options.plot:
        others = [json.loads(path.read_text())["results"]["measured"] for path in options.beside]
        plot(sum(others, results), options.plot)


def keep(output: Path, options: argparse.Namespace, results: list[Result]) -> None:
    peers = {name: version(name) for name in ("faiss-cpu", "scikit-learn", "torch")}
    setting = {key: str(value) for key, value in vars(options).items()}
    write_record(output, "quantizers", {"setting": setting, "peers": peers, "measured": results})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", choices=["front", "rows", "small"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="of front")
    parser.add_argument("--bits", nargs="+", type=int, default=[24, 40, 64])
    parser.add_argument(
        "--arms",
        help="regular expression of whole names; by default all of them on text, few on other sets",
    )
    parser.add_argument("--rows", nargs="+", type=int, help="to fit, of rows and small")
    parser.add_argument("--draws", type=int, default=3, help="of the rows to fit, of small")
    parser.add_argument("--limit", type=int, default=300, help="CPU seconds of an arm")
    parser.add_argument(
        "--beside", nargs="*", type=Path, default=[], help="JSON of runs of other arms, to plot too"
    )
    parser.add_argument("--output", type=Path)
    parser.add_argument("--plot", type=Path, help="folder for the pictures, of front")
    return parser.parse_args()


def front(options: argparse.Namespace) -> Iterator[Result]:
    for name in options.sets:
        training, held_out = split(load(name, options.data))
        chosen = options.arms or (".*" if name == "text" else FEW)
        for bits in options.bits:
            yield from ({"set": name, **limit} for limit in limits(held_out, bits))
            for result in measured(chosen, training, held_out, bits=bits, limit_s=options.limit):
                yield {"set": name, **result}


def rows_study(options: argparse.Namespace) -> Iterator[Result]:
    """Fit on growing parts of the generated rows."""
    sizes = options.rows or [10_000, 100_000, 1_000_000]
    rows = generated(max(sizes) + 20_000, 128)
    for size in sizes:
        for bits in options.bits:
            for result in measured(
                options.arms or ROWS, rows[:size], rows[-20_000:], bits=bits, limit_s=options.limit
            ):
                yield {"set": f"generated, {size:,} rows", **result}


def small_study(options: argparse.Namespace) -> Iterator[Result]:
    """Fit on several draws of few rows of the text of all sets, and take the mean."""
    rows, held_out = split(load("text", options.data))
    for size in options.rows or [300, 1000, 3000]:
        for bits in options.bits:
            draws = [
                measured(
                    options.arms or SMALL,
                    rows[draw * size : (draw + 1) * size],
                    held_out,
                    bits=bits,
                    limit_s=options.limit,
                )
                for draw in range(options.draws)
            ]
            for results in zip(*draws, strict=True):
                yield {"set": f"text, {size:,} rows", **mean_of(results)}


def measured(
    chosen: str, training: np.ndarray, held_out: np.ndarray, *, bits: int, limit_s: int
) -> Iterator[Result]:
    """Measure the arms of which a name matches."""
    for arm in arms(bits):
        if any(re.fullmatch(chosen, name) for name in arm.names):
            yield from measure(arm, training, held_out, bits=bits, limit_s=limit_s)


def mean_of(results: tuple[Result, ...]) -> Result:
    """Return the mean of each figure, and how far apart the held-out errors were."""
    failed = [result for result in results if "failure" in result]
    if failed:
        return failed[0]
    mean = {
        key: float(np.mean([result[key] for result in results]))
        if isinstance(value, float)
        else value
        for key, value in results[0].items()
    }
    return {**mean, "held_out_range": float(np.ptp([result["held_out"] for result in results]))}


def limits(held_out: np.ndarray, bits: int) -> Iterator[Result]:
    """Return the bound of error for Gaussian rows and the speeds of bare products."""
    bound = gaussian_bound(variances_of(held_out), bits)
    yield {
        "bits": bits,
        "arm": "Gaussian rate-distortion bound",
        "family": "limit",
        "held_out": bound,
    }
    for name, n_rows in GEMMS.items():
        figures = gemm(held_out, n_rows * bits // 8)
        yield {"bits": bits, "arm": f"bare GEMM of {name}", "family": "limit", **figures}


HEADER = """\
| set | bits | arm | held-out error | training error | fit, CPU s | thousand vectors / CPU s |
|---|---|---|---|---|---|---|"""


def line(result: Result) -> str:
    start = f"| {result['set']} | {result['bits']} | {result['arm']} "
    if "failure" in result:
        return start + f"| {result['failure']} | | | |"
    formats = {
        "held_out": ".4f",
        "training": ".4f",
        "fit_cpu_s": ".1f",
        "thousand_per_cpu_s": ".0f",
    }
    cells = [format(result[key], spec) if key in result else "" for key, spec in formats.items()]
    return start + "".join(f"| {cell} " for cell in cells) + "|"


if __name__ == "__main__":
    main()

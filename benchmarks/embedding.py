"""Events per second of SIDEmbedding against numpy decode and one look-up per byte, one thread.

.venv/bin/python benchmarks/embedding.py [--dim 64] [--n 4096] [--output FILE]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import record

from semantic_ids.codebook import Codebook, CodebookSpec, decode, decode_tables, sids_to_bytes
from semantic_ids.trainers import SIDEmbedding


def random_codebook(width: int, dim: int) -> Codebook:
    """Make a codebook of ternary digits; the speed does not depend on how it was fitted."""
    n_digits = 39 if width == 8 else 5 * width
    rng = np.random.default_rng(0)
    return Codebook(
        spec=CodebookSpec([{"ternary": n_digits}]),
        collections={"embedding": dim},
        mean=np.zeros(dim, np.float32),
        basis=rng.integers(-100, 100, (n_digits, dim)).astype(np.int16),
        x_exponent=-7,
        basis_exponent=-7,
    )


def arms_of(codebook: Codebook, n: int) -> dict[str, Callable[[], Any]]:
    rng = np.random.default_rng(1)
    symbols = rng.integers(0, 81, (n, codebook.width)).astype(np.uint8)
    sids = (symbols.astype(np.int64) << (8 * np.arange(codebook.width)[::-1])).sum(axis=1)
    assert np.array_equal(sids_to_bytes(sids, codebook.width), symbols)
    ints, packed = torch.from_numpy(sids), torch.from_numpy(symbols)
    decoded, digits = SIDEmbedding(codebook), SIDEmbedding(codebook, "digits")
    tables = torch.from_numpy(decode_tables(codebook))

    def look_up_each_byte() -> torch.Tensor:
        columns = packed.to(torch.int64)
        return sum(tables[j].index_select(0, columns[:, j]) for j in range(codebook.width))

    return {
        "decoded from int64 SIDs": lambda: decoded(ints),
        "decoded from uint8 bytes": lambda: decoded(packed),
        "digits from int64 SIDs": lambda: digits(ints),
        "index_select per byte": look_up_each_byte,
        "numpy decode": lambda: decode(sids, codebook),
    }


def best_seconds(arms: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    best = dict.fromkeys(arms, float("inf"))
    for i in range(rounds + 1):
        for name, run in arms.items():
            start = time.perf_counter()
            run()
            elapsed_s = time.perf_counter() - start
            best[name] = min(best[name], elapsed_s) if i else best[name]
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=16_384, help="SIDs per call")
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--width", type=int, default=5, help="bytes of a SID")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    codebook = random_codebook(options.width, options.dim)
    seconds = best_seconds(arms_of(codebook, options.n), options.rounds)
    rates = {name: round(options.n / s / 1e6, 2) for name, s in seconds.items()}
    setting = {k: v for k, v in vars(options).items() if k != "output"}
    results = {"setting": setting, "million_events_per_s": rates}
    text = json.dumps(record("embedding", results), indent=2)
    if options.output:
        options.output.write_text(text + "\n")
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()

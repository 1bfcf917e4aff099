"""Error against speed of our codebooks and faiss's, in one run on one thread.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/quantizers.py --data ../shared/data

Text embeddings of goodbooks, online_retail and x_wines pooled and shuffled; four fifths fit, one
fifth is held out and measured. Each method sees the same rows. Prints Markdown, writes JSON.
"""

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow.parquet as pq

from semantic_ids.codebook import CodebookSpec, decode, encode, fit, relative_error

COLUMNS = {
    "goodbooks": ["text_embedding"],
    "online_retail": ["text_embedding"],
    "x_wines": ["label_embedding", "profile_embedding"],
}
FULL = {"centroids": 256}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=COLUMNS, default=list(COLUMNS))
    parser.add_argument("--bits", nargs="+", type=int, default=[24, 40, 64])
    parser.add_argument("--out", type=Path, default=Path("artifacts/quantizers.json"))
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    rows = load(arguments.data, arguments.sets)
    training, held_out = np.split(rows, [len(rows) * 4 // 5])
    results = []
    print("| bits | method | held-out error | training error | fit s | thousand vectors/s |")
    print("|---|---|---|---|---|---|")
    for bits in arguments.bits:
        for name, method in methods(bits, rows.shape[1]):
            row = {"bits": bits, "method": name, **measure(method, training, held_out)}
            results.append(row)
            print(
                f"| {bits} | {name} | {row['held_out']:.4f} | {row['training']:.4f} "
                f"| {row['fit_s']:.1f} | {row['thousand_per_s']:.0f} |",
                flush=True,
            )
    report = {
        "environment": environment(),
        "rows": [len(training), len(held_out)],
        "results": results,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1))


def load(data: Path, sets: list[str]) -> np.ndarray:
    parts = []
    for name in sets:
        table = pq.read_table(data / name / "items.parquet", columns=COLUMNS[name])
        for column in COLUMNS[name]:
            values = table[column].combine_chunks()
            parts.append(np.asarray(values.flatten(), np.float32).reshape(len(values), -1))
    rows = np.concatenate(parts)
    return rows[np.random.default_rng(1).permutation(len(rows))]


Method = Callable[[np.ndarray], tuple[Callable[[np.ndarray], Any], Callable[[Any], np.ndarray]]]


def methods(bits: int, dim: int) -> Iterator[tuple[str, Method]]:
    n_bytes = bits // 8
    for preset in ("fast", "balanced", "faithful"):
        yield preset, ours(CodebookSpec.preset(preset, bits))
    yield "faithful, greedy", ours(CodebookSpec.preset("faithful", bits, beam=1, sweeps=0))
    yield "binary digits", ours(CodebookSpec([{"binary": bits - 1}]))
    yield "centroids [16, 16]", ours(CodebookSpec([{"centroids": [16, 16]}] * n_bytes))
    for beam in (1, 5):
        yield f"faiss RQ, beam {beam}, LUT", residual_quantizer(dim, n_bytes, beam)
    yield "faiss PQ", product_quantizer(dim, n_bytes)


def ours(spec: CodebookSpec) -> Method:
    def build(training: np.ndarray) -> Any:
        codebook = fit(training, spec)
        return lambda rows: encode(rows, codebook), lambda sids: decode(sids, codebook)

    return build


def residual_quantizer(dim: int, n_bytes: int, beam: int) -> Method:
    def build(training: np.ndarray) -> Any:
        quantizer = faiss.ResidualQuantizer(dim, n_bytes, 8)
        quantizer.max_beam_size = beam
        quantizer.use_beam_LUT = 1
        quantizer.train(training)
        return quantizer.compute_codes, quantizer.decode

    return build


def product_quantizer(dim: int, n_bytes: int) -> Method:
    def build(training: np.ndarray) -> Any:
        padded = -(-dim // n_bytes) * n_bytes
        quantizer = faiss.ProductQuantizer(padded, n_bytes, 8)
        quantizer.train(pad(training, padded))
        return (
            lambda rows: quantizer.compute_codes(pad(rows, padded)),
            lambda codes: quantizer.decode(codes)[:, :dim],
        )

    return build


def pad(rows: np.ndarray, width: int) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))


def measure(method: Method, training: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    start = time.perf_counter()
    encode_rows, decode_codes = method(training)
    fit_s = time.perf_counter() - start
    codes = encode_rows(held_out)
    seconds = min(timed(encode_rows, held_out) for _ in range(3))
    return {
        "held_out": relative_error(held_out, decode_codes(codes)),
        "training": relative_error(training, decode_codes(encode_rows(training))),
        "fit_s": fit_s,
        "thousand_per_s": len(held_out) / seconds / 1000,
    }


def timed(function: Callable[[np.ndarray], Any], rows: np.ndarray) -> float:
    start = time.perf_counter()
    function(rows)
    return time.perf_counter() - start


def environment() -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    packages = ("numpy", "numba", "faiss-cpu")
    return {
        "commit": commit,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()

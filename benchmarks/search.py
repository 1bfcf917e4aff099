"""Exact nearest items by SID: our look-ups against faiss on the same codebook, one thread.

    .venv/bin/python benchmarks/search.py [--n 1000000] [--bits 64] [--dim 128] [--output FILE]

The items are generated clusters, the queries further rows of them. Every index ranks by the same
distances, from a vector to what the SIDs decode to, and must find the same ones. Each is built and
searched in a process of its own; milliseconds are CPU time, the best of the rounds; memory is what
the process grew by while building. Prints Markdown, writes JSON.
"""

import argparse
import ctypes
import multiprocessing
import os
from collections.abc import Callable
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from _quantizers.data import generated
from _quantizers.measure import one_thread, timed
from _record import write_record

from semantic_ids.codebook import (
    Codebook,
    CodebookSpec,
    SIDIndex,
    decode,
    decode_tables,
    encode,
    fit,
    sids_to_bytes,
    to_faiss,
)

Search = Callable[[np.ndarray], np.ndarray]  # queries (m, dim) to distances (m, k), in order
Build = Callable[[np.ndarray, Codebook, int], Search]

HEADER = """\
| index | build, s | bytes an item | ms a query, one at a time | ms a query, all at once |
|---|---|---|---|---|"""


def main() -> None:
    options = parse()
    one_thread()
    rows = generated(options.n + options.queries, options.dim)
    rows, queries = np.split(rows, [options.n])
    spec = CodebookSpec.preset(options.preset, options.bits, rounds=options.rounds_of_fit)
    codebook = fit(rows[:65_536], spec)
    sids = encode(rows, codebook)
    del rows
    print(HEADER, flush=True)
    results = []
    for name, build in INDEXES.items():
        result = in_a_process(build, sids, codebook, queries, options)
        results.append({"index": name, **result})
        print(line(results[-1]), flush=True)
    check_agreement(results)
    setting = {key: value for key, value in vars(options).items() if key != "output"}
    peers = {"faiss-cpu": version("faiss-cpu")}
    write_record(
        options.output, "search", {"setting": setting, "peers": peers, "measured": results}
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1_000_000, help="items")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--preset", default="fast", help="speed does not depend on it")
    parser.add_argument("--rounds-of-fit", type=int, default=2, help="nor on this")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--queries", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("artifacts/search.json"))
    return parser.parse_args()


def sid_index(sids: np.ndarray, codebook: Codebook, k: int) -> Search:
    index = SIDIndex(sids, codebook)
    return lambda queries: np.array([index.nearest(query, k)[0] for query in queries])


def faiss_codes(sids: np.ndarray, codebook: Codebook, k: int) -> Search:
    index = to_faiss(codebook, sids)
    return lambda queries: index.search(queries, k)[0]


def faiss_look_ups(sids: np.ndarray, codebook: Codebook, k: int) -> Search:
    """Store the norm of each reconstruction beside its code, as SIDIndex does."""
    index = faiss.IndexResidualQuantizer(
        codebook.dim, codebook.width, 8, faiss.METRIC_L2, faiss.AdditiveQuantizer.ST_norm_float
    )
    tables = decode_tables(codebook)
    tables[0] += codebook.mean
    faiss.copy_array_to_vector(tables.ravel(), index.rq.codebooks)
    index.rq.is_trained = index.is_trained = True
    for part in np.array_split(sids, max(1, len(sids) // 65_536)):
        norms = (decode(part, codebook).astype(np.float64) ** 2).sum(axis=1).astype("<f4")
        packed = (sids_to_bytes(part, codebook.width), norms[:, None].view(np.uint8))
        index.add_sa_codes(np.hstack(packed))
    return lambda queries: index.search(queries, k)[0]


def faiss_flat(sids: np.ndarray, codebook: Codebook, k: int) -> Search:
    index = faiss.IndexFlatL2(codebook.dim)
    for part in np.array_split(sids, max(1, len(sids) // 65_536)):
        index.add(decode(part, codebook))
    return lambda queries: index.search(queries, k)[0]


INDEXES: dict[str, Build] = {
    "SIDIndex": sid_index,
    "faiss, to_faiss": faiss_codes,
    "faiss, look-ups and stored norms": faiss_look_ups,
    "faiss IndexFlatL2 of decoded vectors": faiss_flat,
}


def in_a_process(build: Build, *arguments: Any) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")  # a heap of its own, for its size to be read
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_report, args=(sender, build, *arguments))
    child.start()
    sender.close()
    result: dict[str, Any] = receiver.recv()
    child.join()
    return result


def _report(
    sender: Connection,
    build: Build,
    sids: np.ndarray,
    codebook: Codebook,
    queries: np.ndarray,
    options: argparse.Namespace,
) -> None:
    one_thread()
    build(sids[:1000], codebook, options.k)(queries[:1])  # compiles and loads
    before = resident_bytes()
    search, build_s, _ = timed(build, sids, codebook, options.k)
    held = resident_bytes() - before
    single, batch = [], []
    for _ in range(options.rounds):
        distances, cpu_s, _ = timed(lambda: [search(query[None])[0] for query in queries])
        single.append(cpu_s)
        batch.append(timed(search, queries)[1])
    sender.send(
        {
            "build_s": build_s,
            "bytes_per_item": held / len(sids),
            "ms_single": min(single) / len(queries) * 1000,
            "ms_batch": min(batch) / len(queries) * 1000,
            "distances": np.array(distances).tolist(),
        }
    )


def resident_bytes() -> int:
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back first
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def check_agreement(results: list[dict[str, Any]]) -> None:
    """Refuse figures of indexes that do not find the same neighbours; keep no distances."""
    expected = np.array(results[0].pop("distances"))
    for result in results[1:]:
        np.testing.assert_allclose(
            result.pop("distances"), expected, rtol=1e-3, atol=1e-3, err_msg=result["index"]
        )


def line(result: dict[str, Any]) -> str:
    return (
        f"| {result['index']} | {result['build_s']:.2f} | {result['bytes_per_item']:.0f} "
        f"| {result['ms_single']:.1f} | {result['ms_batch']:.1f} |"
    )


if __name__ == "__main__":
    main()

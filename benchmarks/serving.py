"""What a request costs by how its history is stored: latency, memory and bytes, one thread.

Two questions, each answered by several arms on the same requests: events to 32 floats, and the
similarity of a candidate with every event. An arm runs twice in a row, and the second run counts:
on new histories, as rows that were read a moment ago would be in a cache, but with its tables as
warm as a server's. Ratios are of CPU times, the least of all rounds: on one thread that is the
latency of a core that does nothing else.

.venv/bin/python benchmarks/serving.py [--rows 1000000] [--rounds 5] [--output FILE]
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import record, write_record
from embedding import random_codebook
from torch import Tensor, nn
from torch.nn import functional as F

from semantic_ids.trainers import SIDEmbedding, SimilarityFeatures, sid_scores

WIDTH, K, N_LOOKUPS = 8, 32, 3
SETTINGS = [(1, 100), (1, 1000), (1, 10_000), (64, 100), (64, 1000), (64, 10_000)]
REFERENCES = {"to 32 floats": "learned table, 3 look-ups", "similarity": "decoded, then dot"}


@dataclass(frozen=True)
class Request:
    """One batch: a candidate and a history of each user, in every form that an arm stores."""

    query: Tensor
    symbols: Tensor
    ngram_ids: Tensor
    item_ids: Tensor
    norms: Tensor


@dataclass(frozen=True)
class Arm:
    """A way to answer, and the bytes it needs for an event: sent, and read from tables."""

    question: str
    run: Callable[[Request], Tensor]
    tables: list[Tensor]
    sent: int
    looked_up: int


def arms_of(dim: int, rows: int, items: int) -> tuple[dict[str, Arm], SIDEmbedding]:
    generator = torch.Generator().manual_seed(0)
    embedding = SIDEmbedding(random_codebook(WIDTH, dim), norms=True)
    linear = nn.Linear(dim, K)
    folded = embedding.fold(linear)
    features = SimilarityFeatures()
    learned = torch.randn(rows, K, generator=generator)
    vectors = torch.randn(items, dim, generator=generator)
    decode, fold, fetched = [embedding.table], [folded.table], [vectors]
    factors = [embedding.design, embedding.basis] if embedding.design is not None else decode

    def fetch(request: Request) -> Tensor:
        shape = request.item_ids.shape
        return vectors.index_select(0, request.item_ids.flatten()).view(*shape, dim)

    def look_up_learned(request: Request) -> Tensor:
        ids = request.ngram_ids.view(-1, N_LOOKUPS)
        return F.embedding_bag(ids, learned, mode="sum").view(*request.item_ids.shape, K)

    def dots(events: Tensor, request: Request) -> Tensor:
        return (events @ request.query.unsqueeze(-1)).squeeze(-1)

    def scores(request: Request, **options: Any) -> Tensor:
        return sid_scores(embedding, request.query, request.symbols, **options)

    floats, row = "to 32 floats", WIDTH * dim * 4
    return {
        "SIDE folded": Arm(floats, lambda r: folded(r.symbols), fold, WIDTH, WIDTH * K * 4),
        "SIDE decoded, then linear": Arm(
            floats, lambda r: linear(embedding(r.symbols)), decode, WIDTH, row
        ),
        "learned table, 3 look-ups": Arm(
            floats, look_up_learned, [learned], 8 * N_LOOKUPS, N_LOOKUPS * K * 4
        ),
        "vectors fetched, then linear": Arm(
            floats, lambda r: linear(fetch(r)), fetched, 8, 4 * dim
        ),
        "asymmetric": Arm("similarity", scores, factors, WIDTH, WIDTH * 4),
        "asymmetric cosine": Arm(
            "similarity",
            lambda r: scores(r, metric="cosine"),
            [*factors, embedding.table, embedding.gram],
            WIDTH,
            4 * (2 * WIDTH + WIDTH * (WIDTH + 1) // 2),
        ),
        "asymmetric cosine, norms sent": Arm(
            "similarity",
            lambda r: scores(r, metric="cosine", norms=r.norms),
            factors,
            WIDTH + 4,
            WIDTH * 4,
        ),
        "the same, and 26 features": Arm(
            "similarity",
            lambda r: features(scores(r, metric="cosine", norms=r.norms)),
            factors,
            WIDTH + 4,
            WIDTH * 4,
        ),
        "decoded, then dot": Arm(
            "similarity", lambda r: dots(embedding(r.symbols), r), decode, WIDTH, row
        ),
        "vectors fetched, then dot": Arm(
            "similarity", lambda r: dots(fetch(r), r), fetched, 8, 4 * dim
        ),
    }, embedding


def draw(
    embedding: SIDEmbedding, n_users: int, n_events: int, seed: int, *, rows: int, items: int
) -> Request:
    rng = np.random.default_rng(seed)
    shape = (n_users, n_events)
    symbols = rng.integers(0, [81] + [243] * (WIDTH - 1), (*shape, WIDTH)).astype(np.uint8)
    symbols = torch.from_numpy(symbols)
    return Request(
        query=torch.from_numpy(rng.standard_normal((n_users, embedding.embedding_dim), np.float32)),
        symbols=symbols,
        ngram_ids=torch.from_numpy(rng.integers(0, rows, (*shape, N_LOOKUPS))),
        item_ids=torch.from_numpy(rng.integers(0, items, shape)),
        norms=embedding.norms(symbols),
    )


def check(arms: dict[str, Arm], request: Request) -> None:
    """Arms that must agree do, or there is nothing to compare."""
    pairs = [
        ("SIDE folded", "SIDE decoded, then linear"),
        ("asymmetric", "decoded, then dot"),
        ("asymmetric cosine", "asymmetric cosine, norms sent"),
    ]
    for one, other in pairs:
        torch.testing.assert_close(
            arms[one].run(request), arms[other].run(request), rtol=1e-3, atol=1e-2
        )


def peak_bytes(run: Callable[[], Any]) -> int:
    """Return the most bytes that torch held for a call, its result among them."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profiler:
        run()
    events = profiler.profiler.kineto_results.events()
    changes = sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns())
    return int(np.cumsum([0, *(change.nbytes() for change in changes)]).max())


def measure(arms: dict[str, Arm], requests: Callable[[int], Request], rounds: int) -> dict:
    wall: dict[str, list[float]] = {name: [] for name in arms}
    cpu: dict[str, list[float]] = {name: [] for name in arms}
    request = requests(0)
    for i in range(rounds):
        warm_up, request = request, requests(1 + i)
        for name, arm in arms.items():
            arm.run(warm_up)
            start, start_cpu = time.perf_counter(), time.thread_time()
            arm.run(request)
            cpu[name].append(time.thread_time() - start_cpu)
            wall[name].append(time.perf_counter() - start)
    n_events = request.symbols.shape[0] * request.symbols.shape[1]
    best = {name: min(times) for name, times in cpu.items()}
    return {
        name: {
            "cpu_ms": round(1000 * best[name], 3),
            "wall_ms": round(1000 * min(wall[name]), 3),
            "median_wall_ms": round(1000 * float(np.median(wall[name])), 3),
            "times_reference": round(best[name] / best[REFERENCES[arm.question]], 3),
            "working_bytes": peak_bytes(lambda arm=arm: arm.run(request)),
            "sent_bytes": n_events * arm.sent,
            "looked_up_bytes": n_events * arm.looked_up,
        }
        for name, arm in arms.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the learned table")
    parser.add_argument("--items", type=int, default=1_000_000, help="whose vectors are fetched")
    parser.add_argument("--rounds", type=int, default=40, help="3 for the largest batch")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["KINETO_LOG_LEVEL"] = "99"  # or the profiler reports each start and stop
    sizes = {"rows": options.rows, "items": options.items}
    results: dict[str, Any] = {"setting": {"threads": 1, "dim": options.dim, **sizes}}
    with torch.inference_mode():
        arms, embedding = arms_of(options.dim, **sizes)
        check(arms, draw(embedding, 2, 50, 0, **sizes))
        results["table_bytes"] = {
            name: sum(table.nbytes for table in arm.tables) for name, arm in arms.items()
        }
        results["question"] = {name: arm.question for name, arm in arms.items()}
        results["references"] = REFERENCES
        for users, events in SETTINGS:
            rounds = max(3, min(options.rounds, 2_000_000 // (users * events)))
            results[f"{users} x {events}"] = measure(
                arms, lambda i, n=(users, events): draw(embedding, *n, i, **sizes), rounds
            )
    if options.output:
        write_record(options.output, "serving", results)
    else:
        sys.stdout.write(json.dumps(record("serving", results), indent=1) + "\n")


if __name__ == "__main__":
    main()

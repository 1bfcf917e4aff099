"""What churn is normal: between two seeds, two halves and two collections, and after float16.

    .venv/bin/python benchmarks/churn.py [--data ../shared/data] [--bits 24 40 64] [--output FILE]

Per set and size: the share of an item's ten nearest by decoded SID that are kept by a codebook of
another seed, by one fitted on the other half of the items, and by one of another collection; the
distance that items move between the halves' codebooks, in radii; and the share of SIDs that move
under one codebook when its embeddings are rounded to float16. The rules of audit_churn rest on
these. All items that have each collection are encoded. Prints Markdown, writes JSON.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from _quantizers.measure import one_thread
from _record import write_record

from semantic_ids.codebook import CodebookSpec, decode, encode, fit, moved_distances
from semantic_ids.codebook import neighbour_recall as kept

SETS = {
    "x_wines": ("profile_embedding", "label_embedding"),
    "online_retail": ("text_embedding", "copurchase_embedding"),
    "goodbooks": ("text_embedding",),
}
HEADER = """\
| set | bits | kept, another seed | kept, other half | kept, another collection \
| median move, other half | SIDs moved by float16 |
|---|---|---|---|---|---|---|"""


def main() -> None:
    options = parse()
    one_thread()
    print(HEADER, flush=True)
    results = []
    for name, columns in SETS.items():
        table = pq.read_table(options.data / name / "items.parquet", columns=list(columns))
        arrays = [np.stack(table[column].to_numpy()).astype(np.float32) for column in columns]
        known = np.all([array.any(axis=1) for array in arrays], axis=0)  # a zero row is missing
        arrays = [array[known] for array in arrays]
        for bits in options.bits:
            result = {"set": name, "bits": bits, **measure(arrays, bits)}
            results.append(result)
            print("|", " | ".join(cells(result)), "|", flush=True)
    if options.output:
        write_record(options.output, "churn", results)


def cells(result: dict[str, Any]) -> list[str]:
    return [
        f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)
        for value in result.values()
    ]


def measure(arrays: list[np.ndarray], bits: int) -> dict[str, float | None]:
    """Fit on all rows, on each half, with another seed, and on the second collection."""
    rows = arrays[0]
    codebook = fit(rows, CodebookSpec.preset("faithful", bits), seed=0)
    sids = encode(rows, codebook)
    decoded = decode(sids, codebook)
    halves = [decoded_by(rows, rows[start::2], bits) for start in (0, 1)]
    other = decoded_by(arrays[1], arrays[1], bits) if len(arrays) > 1 else None
    rounded = encode(rows.astype(np.float16).astype(np.float32), codebook)
    return {
        "seeds": kept(decoded, decoded_by(rows, rows, bits, seed=1)).mean,
        "halves": kept(*halves).mean,
        "collections": None if other is None else kept(decoded, other).mean,
        "median_move": float(np.median(moved_distances(*halves))),
        "float16": float((rounded != sids).mean()),
    }


def decoded_by(rows: np.ndarray, sample: np.ndarray, bits: int, seed: int = 0) -> np.ndarray:
    """Decode the SIDs that rows have by a codebook of a sample."""
    codebook = fit(sample, CodebookSpec.preset("faithful", bits), seed=seed)
    return decode(encode(rows, codebook), codebook)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bits", type=int, nargs="+", default=[24, 40, 64])
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()

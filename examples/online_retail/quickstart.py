"""From a shop's embeddings to a batch in torch: the four jobs, then what a trainer sees.

    make quickstart

Runs ./spark-submit.sh for each job with its file in conf/, and reads the tables without Spark.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from torch.utils.data import DataLoader

from semantic_ids.codebook import Codebook, decode, load, sids_to_bytes
from semantic_ids.trainers import SequenceDataset, SIDEmbedding

ROOT = Path(__file__).parent.parent.parent
TABLES = ROOT / "quickstart" / "tables"
REPORT = ROOT / "quickstart" / "footprint"
WELL_KNOWN = {
    "85123A": "WHITE HANGING HEART T-LIGHT HOLDER",
    "22423": "REGENCY CAKESTAND 3 TIER",
    "20725": "LUNCH BAG RED RETROSPOT",
}
STEPS = {
    "fit_codebook": "Fit a codebook: 39 ternary directions of the text embeddings",
    "quantize_items": "Quantise: each of the shop's items gets a SID of 8 bytes",
    "build_sequences": "Sequence: each customer's history becomes a row of SIDs in Delta Lake",
    "audit_footprint": "Audit: what the files weigh, against the alternatives",
}


def main() -> None:
    """Run the jobs and show what came out."""
    started = time.monotonic()
    for number, (job, text) in enumerate(STEPS.items(), start=1):
        command = ["./spark-submit.sh", job, "--config", f"conf/{job}.yaml"]
        say(f"{number}. {text}", f"   $ {' '.join(command)}")
        finished = subprocess.run(command, cwd=ROOT, check=False)
        if finished.returncode:
            sys.exit(finished.returncode)
    items = read_delta(TABLES / "item_sids")
    codebook = quantised_with()
    say("5. Look: the nearest items by SID alone, from 8 bytes each")
    show_neighbours(items, codebook)
    say("6. Train: a batch of histories in torch, without Spark")
    show_batch(codebook)
    say("7. What an event costs on disk")
    show_cost()
    say(
        f"Done in {time.monotonic() - started:.0f} s. The tables are in {shown(TABLES)}/:",
        *(f"   {path.name}" for path in sorted(TABLES.iterdir())),
        f"The page is {shown(REPORT / 'audit_footprint.html')}. `make clean` removes all of it.",
    )


def quantised_with() -> Codebook:
    """Load the codebook of the newest run of quantize_items, as its row in runs says."""
    runs = read_delta(TABLES / "runs").to_pylist()
    quantised = [run for run in runs if run["job"] == "quantize_items" and run["codebook_id"]]
    codebook_id = max(quantised, key=lambda run: run["started_at"])["codebook_id"]
    rows = read_delta(TABLES / "codebooks").to_pylist()
    payload = next(row["payload"] for row in rows if row["codebook_id"] == codebook_id)
    return load(payload, expected_id=codebook_id)


def show_neighbours(items: pa.Table, codebook: Codebook) -> None:
    """Print the three nearest items of three well-known ones."""
    names = pq.read_table(
        ROOT / "examples" / "online_retail" / "items.parquet", columns=["item_id", "description"]
    )
    name_of = dict(zip(*(column.to_pylist() for column in names.columns), strict=True))
    rows = [row for row in items.to_pylist() if row["codebook_id"] == codebook.codebook_id]
    item_ids = [row["item_id"] for row in rows]
    sids = np.array([row["sid"] for row in rows])
    vectors = decode(sids, codebook)
    for item_id in WELL_KNOWN:
        place = item_ids.index(item_id)
        distances = np.square(vectors - vectors[place]).sum(axis=1)
        distances[place] = np.inf
        code = sids_to_bytes(sids[place : place + 1], codebook.width)[0].tobytes().hex(" ")
        say(f"   {name_of[item_id]}  (SID {code})")
        for near in np.argsort(distances, kind="stable")[:3]:
            say(f"      {distances[near]:.2f}  {name_of[item_ids[near]]}")


def show_batch(codebook: Codebook) -> None:
    """Print the shapes of the first batch, its SIDs decoded by a module without parameters."""
    dataset = SequenceDataset(str(TABLES / "sequences"), 256, shuffle_seed=0)
    batch = next(iter(DataLoader(dataset, batch_size=None)))
    embedding = SIDEmbedding(codebook)
    n_parameters = sum(parameter.numel() for parameter in embedding.parameters())
    say(
        f"   {len(batch)} histories, {len(batch.values):,} events:",
        f"   values {tuple(batch.values.shape)} int64, offsets {tuple(batch.offsets.shape)},",
        *(f"   {name} {tuple(c.shape)} {c.dtype}" for name, c in sorted(batch.columns.items())),
        f"   SIDEmbedding(values) {tuple(embedding(batch.values).shape)}, "
        f"{n_parameters} learned parameters",
    )


def show_cost() -> None:
    """Print the comparison that audit_footprint measured."""
    page = json.loads((REPORT / "audit_footprint.json").read_text())
    events = next(section for section in page["sections"] if section["key"] == "events")
    for row in events["rows"]:
        say(
            f"   {row['arm']:<34} {row['bytes_per_event']:8.2f} bytes an event, "
            f"{row['ratio']:7.2f} x ours, {row['raw_bytes_per_event']:8.2f} before compression"
        )


def read_delta(path: Path) -> pa.Table:
    """Read a small Delta table through its file list."""
    table = DeltaTable(str(path))
    rows = [pq.read_table(unquote(file), partitioning="hive") for file in table.file_uris()]
    return pa.concat_tables(rows, promote_options="permissive")


def shown(path: Path) -> str:
    """Give a path as seen from the checkout."""
    return str(path.relative_to(ROOT))


def say(*lines: object) -> None:
    """Print lines at once, in order with what the jobs print."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    main()

"""What evaluate_ne measures on the shop and on the wines, without Spark around it.

    .venv/bin/python benchmarks/normalized_entropy.py --data shop --history 200 --relist-days 7
    .venv/bin/python benchmarks/normalized_entropy.py --data wines --relist-days 30
    .venv/bin/python benchmarks/normalized_entropy.py --data shop --copurchase 64

Reads ../shared/data, writes a sequences table of the events, and runs the job's own experiment on
it: `semantic_ids.experiment`, the same arms, protocol and figures. Writes the scores as JSON.
"""

import argparse
import datetime
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from _record import write_record

from semantic_ids.codebook import CodebookSpec, encode, fit, sids_to_bytes
from semantic_ids.experiment import ARMS, Data, Regime, make_settings, run_experiment
from semantic_ids.report import RegimeScore
from semantic_ids.trainers.lookup import buckets_of

ROOT = Path(__file__).parent.parent
SETS = {"shop": ("online_retail", "text_embedding"), "wines": ("x_wines", "label_embedding")}
SPEC = CodebookSpec([{"ternary": 39}], rounds=5)
N_BUCKETS = 4


def main() -> None:
    options = parse()
    name, collection = SETS[options.data]
    collections = [collection, *options.collections]
    settings = make_settings(
        SPEC,
        collections=collections,
        copurchase=options.copurchase,
        arms=options.arms,
        seeds=options.seeds,
        rates=options.rates,
        table_rates=options.table_rates,
        positives=options.positives,
    )
    regime = Regime(options.history, options.relist_days, options.noise, options.share)
    with tempfile.TemporaryDirectory() as folder:
        data = read(ROOT.parent / "shared" / "data" / name, collections, Path(folder))
        (score,) = run_experiment(data, [regime], settings, show_step).scores
    show(score)
    about = {"data": name, "collections": collections, "copurchase": options.copurchase}
    write_record(options.output, "normalized_entropy", about | asdict(score))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=sorted(SETS), default="shop")
    parser.add_argument("--history", type=int, default=50)
    parser.add_argument("--relist-days", type=int)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument(
        "--collections", nargs="+", default=[], metavar="COLUMN", help="more of them"
    )
    parser.add_argument("--copurchase", type=int, help="floats of one made from the past")
    parser.add_argument("--positives", type=int, default=10_000)
    parser.add_argument("--arms", nargs="+", choices=sorted(ARMS), metavar="ARM")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.003])
    parser.add_argument("--table-rates", type=float, nargs="+", default=[0.03, 0.1])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "normalized_entropy.json")
    return parser.parse_args()


def read(source: Path, collections: list[str], folder: Path) -> Data:
    events = pq.read_table(source / "events.parquet")
    items = pq.read_table(source / "items.parquet", columns=["item_id", *collections])
    items = items.sort_by("item_id")
    vectors = {name: np.stack(items[name].to_numpy()).astype(np.float32) for name in collections}
    codebook = fit(vectors[collections[0]], SPEC, collection=collections[0])
    sids = encode(vectors[collections[0]], codebook)
    item_ids, user_ids = items["item_id"].combine_chunks(), pc.unique(events["user_id"]).sort()
    places = pc.index_in(events["item_id"], item_ids).to_numpy().astype(np.int64)
    users = pc.index_in(events["user_id"], user_ids).to_numpy().astype(np.int64)
    times = events["timestamp"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    order = np.lexsort((places, times, users))
    path = folder / "sequences"
    table = sequences(user_ids, users[order], times[order], sids[places[order]], codebook)
    deltalake.write_deltalake(path, table, partition_by=["ds", "bucket"])
    properties = {"semantic_ids.format": "1", "semantic_ids.buckets": str(N_BUCKETS)}
    written = deltalake.DeltaTable(path)
    written.alter.set_table_properties(properties, raise_if_not_exists=False)
    return Data(
        sequences=str(path),
        version=deltalake.DeltaTable(path).version(),
        codebook_id=codebook.codebook_id,
        user_ids=user_ids,
        item_ids=item_ids,
        users=users,
        items=places,
        times=times,
        labels=None,
        sids=sids,
        vectors=vectors,
    )


def sequences(user_ids, users, times, sids, codebook) -> pa.Table:
    """One segment a user, its blobs packed as the job packs them."""
    bounds = np.append(np.flatnonzero(np.diff(users, prepend=-1)), len(users))
    first, last = times[bounds[:-1]], times[bounds[1:] - 1]
    n_users = len(user_ids)

    def blobs(array: np.ndarray, row_bytes: int) -> pa.Array:
        ends = pa.py_buffer(bounds.astype(np.int64) * row_bytes)
        found = pa.Array.from_buffers(
            pa.large_binary(), n_users, [None, ends, pa.py_buffer(array.tobytes())]
        )
        return found.cast(pa.binary())

    day = datetime.datetime.fromtimestamp(int(times.max()) / 1e6, datetime.UTC).date()
    return pa.table(
        {
            "user_id": user_ids,
            "bucket": pa.array(buckets_of(user_ids, N_BUCKETS), pa.int32()),
            "ds": pa.array([day] * n_users),
            "n_events": pa.array(np.diff(bounds), pa.int32()),
            "first_ts": pa.array(first, pa.timestamp("us", tz="UTC")),
            "last_ts": pa.array(last, pa.timestamp("us", tz="UTC")),
            "sids": blobs(sids_to_bytes(sids, codebook.width), codebook.width),
            "timestamps": blobs(times.astype("<i8"), 8),
            "codebook_id": [codebook.codebook_id] * n_users,
        }
    )


def show_step(step: str) -> None:
    sys.stderr.write(f"\r{step}\033[K")


def show(score: RegimeScore) -> None:
    print(
        f"\n{score.name}: {score.n_reported:,} examples reported of {score.n_examples:,}, "
        f"{score.n_users:,} users, {score.events_per_item:.1f} events an item"
    )
    print("arm, NE of the second quarter, NE, spread, gain, ratio, parameters, bytes, rates")
    for arm in score.arms:
        ratio = arm.ratio
        of = f"{ratio.value:5.2f}  {ratio.low:.2f}-{ratio.high:.2f}" if ratio else ""
        print(
            f"{arm.key:27} {arm.second_quarter_ne:.4f} {arm.ne:.4f} {arm.ne_spread:.4f} "
            f"{arm.gain.value:7.4f} {arm.gain.low:.4f}-{arm.gain.high:.4f} {of:18} "
            f"{arm.n_parameters:9,} {arm.raw_bytes:6g} {arm.stored_bytes:8.2f} B  "
            f"{arm.rate:g} {arm.table_rate or ''} {arm.seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()

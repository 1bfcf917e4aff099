"""Fused codebooks against their peers at equal bits, on held-out items.

    .venv/bin/python benchmarks/fusion.py arms        all arms
    .venv/bin/python benchmarks/fusion.py ablation    the choices of the fused codebook, one by one

Four fifths of the items, drawn by each seed, are to fit; all figures but collisions are of the
rest. The objective is the sum of relative errors plus 0.2 times the cross-entropies of a logistic
regression on the digits of training items, the same probe for every arm. Prints Markdown, mean and
standard deviation over seeds, and writes JSON.
"""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _fusion.arms import ABLATION, ARMS, WEIGHT, Arm, Coded
from _fusion.data import SETS, Items, load
from _record import write_record
from sklearn.linear_model import LogisticRegression

from semantic_ids.codebook import decode, digits_of, encode, neighbour_recall, relative_error

Measured = dict[str, float]


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    arms = ARMS if options.study == "arms" else ABLATION
    results = []
    for name in options.sets:
        for digits in options.digits:
            rows = {}
            for arm in options.arms or arms:
                runs = [run(arms[arm], name, options.data, digits, s) for s in options.seeds]
                rows[arm] = runs
                print(f"  {name}, {digits} digits, {arm}: {said(runs, 'objective')}", flush=True)
                results.append({"set": name, "digits": digits, "arm": arm, "runs": runs})
            print_table(f"{name}, {digits} digits", rows)
            write_record(options.output, f"fusion {options.study}", results)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=["arms", "ablation"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--digits", nargs="+", type=int, default=[25, 39])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", help="names of arms; by default all of the study")
    parser.add_argument("--output", type=Path, default=Path("build/fusion.json"))
    return parser.parse_args()


def run(arm: Arm, name: str, data: Path, digits: int, seed: int) -> Measured:
    """Fit one arm with one seed, and measure it."""
    items = load(name, data, seed)
    started = time.process_time()
    coded = arm(items, digits, seed)
    seconds = time.process_time() - started
    found = {"objective": 0.0}
    for collection, x in items.vectors.items():
        has = items.present(collection, items.held_out)
        decoded = np.asarray(coded.decoded[collection], np.float32)[has]
        error = relative_error(x[has], decoded)
        recall = neighbour_recall(x[has], decoded)
        found[f"error of {collection}"] = error
        found[f"recall of {collection}"] = recall.mean if recall else 0.0
        found["objective"] += error
    for category, labels in items.labels.items():
        accuracy, entropy = probe(coded, np.array(labels), items)
        found[f"accuracy of {category}"], found[f"CE of {category}"] = accuracy, entropy
        found["objective"] += WEIGHT * entropy
    found["use"] = use_of(coded)
    found["colliding items"] = colliding(coded)
    if coded.codebook is not None:
        found |= lacking(coded, items)
    return found | coded.extra | {"CPU s": seconds}


def probe(coded: Coded, labels: np.ndarray, items: Items) -> tuple[float, float]:
    """Return accuracy and cross-entropy in nats of held-out items whose class the fit has seen."""
    seen, unseen = items.training, items.held_out
    model = LogisticRegression(max_iter=5000).fit(coded.features[seen], labels[seen])
    unseen = unseen[np.isin(labels[unseen], model.classes_)]
    P = model.predict_proba(coded.features[unseen])
    places = np.searchsorted(model.classes_, labels[unseen])
    right = P[np.arange(len(unseen)), places]
    return float((P.argmax(axis=1) == places).mean()), float(-np.log(right).mean())


def use_of(coded: Coded) -> float:
    """Return the entropy of codes over all items, by what their values could carry; mean."""
    shares = []
    for column in coded.codes.T:
        p = np.bincount(column) / len(column)
        p = p[p > 0]
        most = min(coded.n_values, len(column))
        shares.append(float(-(p * np.log(p)).sum() / np.log(most)))
    return float(np.mean(shares))


def colliding(coded: Coded) -> float:
    """Return the share of all items that share all codes with another."""
    counts = Counter(row.tobytes() for row in np.ascontiguousarray(coded.codes))
    return sum(n for n in counts.values() if n > 1) / len(coded.codes)


def lacking(coded: Coded, items: Items) -> Measured:
    """Say how far SIDs of held-out items move when one collection is taken away.

    Digits that change, and the error of the collection that stays.
    """
    codebook, found = coded.codebook, {}
    assert codebook is not None
    both = items.held_out
    for name in items.vectors:
        both = items.present(name, both)
    full = items.some(both)
    whole = digits_of(encode(full, codebook), codebook)
    for gone in items.vectors:
        rest = {**full, gone: np.full_like(full[gone], np.nan)}
        sids = encode(rest, codebook)
        changed = (digits_of(sids, codebook) != whole).mean()
        found[f"digits changed without {gone}"] = float(changed)
        for name in items.vectors:
            decoded = decode(sids, codebook, collection=name)
            error = relative_error(full[name], decoded)
            found[f"error of {name} without {gone}"] = error
    return found


def said(runs: list[Measured], key: str) -> str:
    values = [each[key] for each in runs]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=min(1, len(values) - 1)):.3f}"


def print_table(title: str, rows: dict[str, list[Measured]]) -> None:
    keys: list[str] = []
    for runs in rows.values():
        keys += [key for key in runs[0] if key not in keys]
    print(f"\n{title}\n\n| | {' | '.join(rows)} |\n|---|{'---|' * len(rows)}")
    for key in keys:
        cells: list[Any] = [said(runs, key) if key in runs[0] else "" for runs in rows.values()]
        print(f"| {key} | {' | '.join(cells)} |")
    print(flush=True)


if __name__ == "__main__":
    main()

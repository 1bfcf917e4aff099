"""The fused codebook and its peers at equal bits: fit on training items, then code all items."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from _fusion.data import Items
from semantic_ids.codebook import (
    Codebook,
    CodebookSpec,
    FusionSpec,
    decode,
    digits_of,
    encode,
    fit,
    sids_to_bytes,
)
from semantic_ids.fusion import FusionRows, train


@dataclass(frozen=True)
class Coded:
    """All items of a set, coded by one arm.

    Parameters
    ----------
    codes : ndarray of shape (n, m)
        Small integers; two items with equal rows collide.
    features : ndarray of shape (n, k)
        What a linear probe sees: digits, or one-hot codes where there are no digits.
    decoded : dict of str to ndarray of shape (n, dim)
    n_values : int
        Values of a code.
    codebook : Codebook, optional
        Of the fused arms.
    """

    codes: np.ndarray
    features: np.ndarray
    decoded: dict[str, np.ndarray]
    n_values: int
    codebook: Codebook | None = None
    extra: dict[str, Any] = field(default_factory=dict)


Arm = Callable[[Items, int, int], Coded]  # items, digits, seed

WEIGHT = 0.2  # of each category's cross-entropy in the objective


def fused(*, weight: float = WEIGHT, **options: Any) -> Arm:
    """Return the arm of a fused codebook, with its categories' weight and options of its spec."""

    def code(items: Items, digits: int, seed: int) -> Coded:
        given: dict[str, Any] = {
            "collections": dict.fromkeys(items.vectors, 1.0),
            "categories": dict.fromkeys(items.labels, weight),
            "digits": digits,
            "seed": seed,
        }
        spec = FusionSpec(**(given | options))
        labels = {
            name: [values[i] for i in items.training] for name, values in items.labels.items()
        }
        rows = FusionRows.of(items.some(items.training), labels, spec)
        codebook = train(rows, spec)
        sids = encode(items.vectors, codebook)
        history = codebook.metrics["history"]
        best = min(history, key=lambda measures: measures["loss"])
        return Coded(
            sids_to_bytes(sids, codebook.width),
            digits_of(sids, codebook).astype(np.float64),
            {name: decode(sids, codebook, collection=name) for name in items.vectors},
            243,
            codebook,
            {"best_epoch": best["epoch"], "epochs": len(history) - 1},
        )

    return code


def scaled(items: Items) -> tuple[dict[str, np.ndarray], dict[str, tuple[np.ndarray, float]]]:
    """Centre collections and scale them to a variance of 1; what is missing becomes the mean."""
    columns, units = {}, {}
    for name, x in items.vectors.items():
        seen = x[items.present(name, items.training)]
        mean = seen.mean(axis=0)
        scale = float(np.sqrt(((seen - mean) ** 2).sum(axis=1).mean()))
        columns[name] = np.nan_to_num((x - mean) / scale, nan=0.0).astype(np.float32)
        units[name] = mean, scale
    return columns, units


def apart(joined: np.ndarray, units: dict[str, tuple[np.ndarray, float]]) -> dict[str, np.ndarray]:
    """Cut decoded concatenations into collections, in their own units."""
    found, at = {}, 0
    for name, (mean, scale) in units.items():
        found[name] = joined[:, at : at + len(mean)] * scale + mean
        at += len(mean)
    return found


def concatenated(items: Items, digits: int, seed: int) -> Coded:
    """(a) DPCA on the scaled collections side by side."""
    joined, units = side_by_side(items)
    codebook = fit(joined[items.training], CodebookSpec([{"ternary": digits}]), seed=seed)
    sids = encode(joined, codebook)
    codes, features = sids_to_bytes(sids, codebook.width), digits_of(sids, codebook)
    return Coded(codes, features.astype(np.float64), apart(decode(sids, codebook), units), 243)


def faithful(items: Items, digits: int, seed: int) -> Coded:
    """(a) too, with the preset `faithful` of as many bytes in the place of ternary digits."""
    joined, units = side_by_side(items)
    spec = CodebookSpec.preset("faithful", bits=8 * n_bytes(digits))
    codebook = fit(joined[items.training], spec, seed=seed)
    sids = encode(joined, codebook)
    codes = sids_to_bytes(sids, codebook.width)
    return Coded(codes, one_hot(codes), apart(decode(sids, codebook), units), 256)


def side_by_side(items: Items) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, float]]]:
    """Concatenate the scaled collections; give their means and scales too."""
    columns, units = scaled(items)
    return np.concatenate(list(columns.values()), axis=1), units


def n_bytes(digits: int) -> int:
    """Give the whole bytes that ternary digits take."""
    return math.ceil(digits * math.log2(3) / 8)


def one_hot(codes: np.ndarray) -> np.ndarray:
    """Turn bytes (n, m) into indicators (n, 256 m)."""
    return np.eye(256)[codes].reshape(len(codes), -1)


def shared_out(items: Items, digits: int, seed: int) -> Coded:
    """(b) The digits shared out evenly over one DPCA codebook for each collection."""
    columns, units = scaled(items)
    codes, features, decoded = [], [], []
    for number, (name, x) in enumerate(columns.items()):
        own = digits // len(columns) + (number < digits % len(columns))
        seen = x[items.present(name, items.training)]
        codebook = fit(seen, CodebookSpec([{"ternary": own}]), seed=seed)
        sids = encode(x, codebook)
        codes.append(sids_to_bytes(sids, codebook.width))
        features.append(digits_of(sids, codebook).astype(np.float64))
        decoded.append(decode(sids, codebook))
    joined = np.concatenate(decoded, axis=1)
    return Coded(np.hstack(codes), np.hstack(features), apart(joined, units), 243)


def alone(number: int) -> Arm:
    """(c) DPCA on one collection; the others are a ridge regression on its digits."""

    def code(items: Items, digits: int, seed: int) -> Coded:
        columns, units = scaled(items)
        name = list(columns)[number]
        seen = items.present(name, items.training)
        codebook = fit(columns[name][seen], CodebookSpec([{"ternary": digits}]), seed=seed)
        sids = encode(columns[name], codebook)
        features = digits_of(sids, codebook).astype(np.float64)
        parts = []
        for other, x in columns.items():
            if other == name:
                parts.append(decode(sids, codebook))
                continue
            has = items.present(other, items.training)
            B = features[has]
            D = np.linalg.solve(B.T @ B + np.eye(digits), B.T @ x[has])
            parts.append(features @ D)
        codes = sids_to_bytes(sids, codebook.width)
        return Coded(codes, features, apart(np.hstack(parts), units), 243)

    return code


def rq_vae(items: Items, digits: int, seed: int) -> Coded:
    """(d) RQ-VAE with 256 words a level on the scaled collections side by side.

    It has as many whole bytes as the digits take: a few bits more than they have.
    """
    from _quantizers import rq_vae as peer

    joined, units = side_by_side(items)
    order = np.random.default_rng(seed).permutation(items.training)
    model = peer.train(joined[order], n_bytes(digits))
    codes = peer.encode(model, joined)
    decoded = apart(peer.decode(model, codes), units)
    return Coded(codes, one_hot(codes), decoded, 256)


ARMS: dict[str, Arm] = {
    "fused": fused(),
    "concatenated": concatenated,
    "concatenated, faithful": faithful,
    "shared out": shared_out,
    "first alone": alone(0),
    "second alone": alone(1),
    "RQ-VAE": rq_vae,
}
ABLATION: dict[str, Arm] = {
    "as it is": fused(),
    "start only, no epochs": fused(epochs=0),
    "start without categories": fused(supervision=0.0),
    "random start": fused(initial="random", rate=1e-3),
    "directions by gradient": fused(directions="gradient"),
    "linear encoder": fused(hidden=()),
    "modality dropout 0.3": fused(modality_dropout=0.3),
    "categories at 0.05": fused(weight=WEIGHT / 4),
    "decoder of 64 hidden": fused(decoder_hidden=64),
}

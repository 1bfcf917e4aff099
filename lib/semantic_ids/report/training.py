"""A training of a fused codebook as a page: measures of every epoch, and of the codebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semantic_ids.report.page import Chart, Column, Page, Section, Table, Value

__all__ = ["Training", "training_page"]


@dataclass(frozen=True)
class Training:
    """What a training measured.

    Parameters
    ----------
    name, codebook_id : str
    history : sequence of mappings
        Measures of each epoch on the rows that chose the epoch to keep; the first is the start.
    measured : mapping
        ``relative_errors`` and ``categories`` of the codebook, on rows that chose nothing.
    n_training, n_held_out : int
        Rows trained on, the choosing ones included, and rows that chose nothing.
    embeddings, run_id, trained_at : str
    """

    name: str
    codebook_id: str
    history: Sequence[Mapping[str, Any]]
    measured: Mapping[str, Any]
    n_training: int
    n_held_out: int
    embeddings: str
    run_id: str
    trained_at: str


def training_page(training: Training) -> Page:
    """Give the page: what a SID keeps of each source, then the loss and its terms by epoch."""
    best = min(training.history, key=lambda measures: float(measures["loss"]))
    return Page(
        job="train_fusion",
        title=f"How codebook {training.name} was trained",
        headline=f"Epoch {best['epoch']} of {len(training.history) - 1} was kept, with a loss of "
        f"{best['loss']:.4g} after {training.history[0]['loss']:.4g} at the start.",
        facts=(
            ("Codebook", f"{training.name} ({training.codebook_id})"),
            ("Rows", f"{training.n_training:,} to train on, {training.n_held_out:,} held out"),
            ("embeddings", training.embeddings),
            ("Run", f"{training.run_id}, {training.trained_at} UTC"),
        ),
        sections=(
            *_collections(training),
            *_categories(training),
            _by_epoch(training, "loss", "The weighted loss", ["loss"]),
            _by_epoch(training, "errors", "Relative errors", _names(training, "error of ")),
            *(
                [_by_epoch(training, "entropies", "Cross-entropies in nats", names)]
                if (names := _names(training, "cross-entropy of "))
                else []
            ),
        ),
    )


def _collections(training: Training) -> list[Section]:
    rows = tuple(training.measured["relative_errors"].items())
    columns = (
        Column("collection", "collection"),
        Column("relative_error", "relative error", "number"),
    )
    reading = (
        "The share of each collection's variance that SIDs lose, of held-out items that have it."
    )
    return [Section("collections", "What SIDs keep of collections", reading, Table(columns, rows))]


def _categories(training: Training) -> list[Section]:
    found = training.measured["categories"]
    if not found:
        return []
    columns = (
        Column("category", "category"),
        Column("accuracy", "accuracy", "share"),
        Column("cross_entropy", "cross-entropy, nats", "number"),
        Column("prior", "of the shares alone, nats", "number"),
    )
    rows = tuple(
        (name, each["accuracy"], each["cross_entropy"], each["prior"])
        for name, each in found.items()
    )
    reading = "How well SIDs tell categories of held-out items, by the codebook's own heads."
    return [Section("categories", "What SIDs tell of categories", reading, Table(columns, rows))]


def _names(training: Training, prefix: str) -> list[str]:
    return [name for name in training.history[0] if name.startswith(prefix)]


def _by_epoch(training: Training, key: str, title: str, names: list[str]) -> Section:
    columns = (
        Column("epoch", "epoch", "count"),
        *(Column(f"{key}_{i}", name, "number") for i, name in enumerate(names)),
    )
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (each["epoch"], *(each[name] for name in names)) for each in training.history
    )
    chart = Chart("line", "epoch", tuple(column.name for column in columns[1:]), title)
    reading = "On the rows that choose which epoch is kept; epoch 0 is the start."
    return Section(key, f"{title} by epoch", reading, Table(columns, rows), chart)

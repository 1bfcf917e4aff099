"""The training loop: seeded, stopped early, and resumed from its last epoch."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semantic_ids.codebook import Codebook, FusionSpec
from semantic_ids.errors import InputError
from semantic_ids.fusion.batches import Loader, Places
from semantic_ids.fusion.checkpoint import Checkpoint, Progress
from semantic_ids.fusion.export import export
from semantic_ids.fusion.model import Batch, FusionModel
from semantic_ids.fusion.ranks import Ranks
from semantic_ids.fusion.rows import FusionRows, held_out_rows
from semantic_ids.fusion.start import start

Report = Callable[[Mapping[str, Any]], None]


def train(
    rows: FusionRows,
    spec: FusionSpec,
    *,
    checkpoint: Path | None = None,
    report: Report | None = None,
    ranks: Ranks | None = None,
) -> Codebook:
    """Train a fused codebook.

    The same rows, spec and number of processes give the same codebook on the same machine, also
    where training was killed and resumed from its checkpoint.

    Parameters
    ----------
    rows : FusionRows
    checkpoint : Path, optional
        A folder for the state after each epoch; what is there is resumed.
    report : callable, optional
        Called after each epoch with its measures on held-out rows.
    ranks : Ranks, optional
        The processes that train together; default: this one alone.

    Returns
    -------
    Codebook
        Of the epoch with the least loss on held-out rows. Its ``metrics`` hold the ``history``.

    Raises
    ------
    InputError
        If the loss is not finite: it names the step and the term.
    ArtefactError
        If the checkpoint is of other rows or another spec.
    """
    ranks = ranks or Ranks()
    device = ranks.device
    generator = torch.Generator().manual_seed(spec.seed)
    order = torch.randperm(len(rows), generator=generator).numpy()
    n_held_out = held_out_rows(len(rows), spec)
    held_out, training = np.sort(order[:n_held_out]), np.sort(order[n_held_out:])
    loader = Loader(rows, spec, device)
    dims = {name: array.shape[1] for name, array in rows.vectors.items()}
    n_classes = {name: len(names) for name, names in rows.classes.items()}
    model = FusionModel(spec, dims, n_classes).to(device)
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learned, spec.rate, weight_decay=spec.decay)
    store = Checkpoint(checkpoint, spec, rows) if checkpoint else None
    progress = store.load(model, optimiser) if store else None
    if progress is None:
        start(model, loader, training, held_out)
        progress = Progress.first(measure(model, loader, held_out, epoch=0), model)
        (report or _ignore)(progress.history[-1])
    for epoch in range(len(progress.history), spec.epochs + 1):
        if epoch - progress.best_epoch > spec.patience:
            break
        _set_rate(optimiser, spec, epoch)
        _run_epoch(model, optimiser, loader, training, epoch=epoch, ranks=ranks)
        progress.add(measure(model, loader, held_out, epoch=epoch), model)
        if store and ranks.rank == 0:
            store.save(model, optimiser, progress)
        (report or _ignore)(progress.history[-1])
    model.load_state_dict(progress.best)
    return export(model, loader, training, held_out, history=progress.history)


def _run_epoch(
    model: FusionModel,
    optimiser: torch.optim.Optimizer,
    loader: Loader,
    training: Places,
    *,
    epoch: int,
    ranks: Ranks,
) -> None:
    """Take one pass over the rows, in an order that the seed and the epoch give."""
    spec = model.spec
    generator = torch.Generator().manual_seed(spec.seed * 1_000_003 + epoch)
    order = training[torch.randperm(len(training), generator=generator).numpy()]
    n_steps = max(1, round(len(order) / spec.batch_rows))
    for step, places in enumerate(np.array_split(order, n_steps)):
        keep = _kept(loader.rows, places, spec, generator)
        as_many_each = len(places) // ranks.size * ranks.size
        own = slice(ranks.rank, as_many_each, ranks.size)
        batch = loader.batch(places[own])
        shown = [has * kept[own].to(has) for has, kept in zip(batch.present, keep, strict=True)]
        loss, latents, digits = _loss(model, batch, shown, where=f"epoch {epoch}, step {step}")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        ranks.average_gradients(model)
        optimiser.step()
        gathered = ranks.average(model.quantiser.gather(latents, digits))
        model.quantiser.follow(gathered, ranks.first(latents), generator)


def _loss(
    model: FusionModel, batch: Batch, shown: list[Tensor], *, where: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss of a step, its latents and their digits."""
    inputs = model.normalised(batch)
    latents = model.latents(inputs, shown)
    _require_finite({"latent": latents}, batch, model.spec, where)
    digits = model.quantiser.digits(latents)
    terms = model.terms(batch, model.quantiser.straight_through(latents, digits), inputs)
    commitment = model.commitment(latents, digits)
    _require_finite({**terms, "commitment": commitment}, batch, model.spec, where)
    return model.total(terms) + commitment, latents, digits


def _require_finite(
    terms: Mapping[str, Tensor], batch: Batch, spec: FusionSpec, where: str
) -> None:
    wrong = [name for name, value in terms.items() if not torch.isfinite(value).all()]
    if wrong:
        sizes = ", ".join(
            f"{name} {float(x.abs().max()):.3g}"
            for name, x in zip(spec.collections, batch.vectors, strict=True)
        )
        raise InputError(
            f"training must keep a finite loss, got {' and '.join(wrong)} not finite at {where}; "
            f"the largest values of that batch are {sizes}; a lower rate than {spec.rate:g} may "
            "help, and the checkpoint of the last epoch stays as it is"
        )


def _kept(
    rows: FusionRows, places: Places, spec: FusionSpec, generator: torch.Generator
) -> list[Tensor]:
    """Draw which collections of which items a step sees, shape (n, 1) each; one always stays."""
    n, names = len(places), list(spec.collections)
    if not spec.modality_dropout or len(names) < 2:
        return [torch.ones(n, 1) for _ in names]
    has = torch.from_numpy(np.stack([rows.present[name][places] for name in names], axis=1))
    draws = torch.rand(n, len(names), generator=generator)
    kept = has & (draws >= spec.modality_dropout)
    likeliest = torch.where(has, draws, -1.0).argmax(dim=1)
    kept[torch.arange(n), likeliest] = True
    return [column[:, None] for column in kept.unbind(dim=1)]


def measure(model: FusionModel, loader: Loader, places: Places, *, epoch: int) -> dict[str, Any]:
    """Measure the terms of the loss, accuracies and the use of digits on held-out rows."""
    with torch.no_grad():
        batch = loader.batch(places)
        inputs = model.normalised(batch)
        latents = model.latents(inputs, batch.present)
        _require_finite({"latent": latents}, batch, model.spec, f"the end of epoch {epoch}")
        digits = model.quantiser.digits(latents)
        terms = model.terms(batch, digits, inputs)
        accuracy = {}
        for name, head, target in zip(
            model.spec.categories, model.heads, batch.targets, strict=True
        ):
            known = target >= 0 if target.ndim == 1 else ~target.isnan().any(dim=1)
            right = target[known] if target.ndim == 1 else target[known].argmax(dim=1)
            hits = (head(digits[known]).argmax(dim=1) == right).float()
            accuracy[name] = float(hits.mean()) if len(hits) else None
        return {
            "epoch": epoch,
            "loss": float(model.total(terms)),
            **{name: float(value) for name, value in terms.items()},
            **{f"accuracy of {name}": value for name, value in accuracy.items()},
            "digits in use": int((digits != 0).any(dim=0).sum()),
        }


def _set_rate(optimiser: torch.optim.Optimizer, spec: FusionSpec, epoch: int) -> None:
    share = 0.5 * (1 + math.cos(math.pi * (epoch - 1) / max(spec.epochs, 1)))
    for group in optimiser.param_groups:
        group["lr"] = spec.rate * max(share, 0.01)


def _ignore(measures: Mapping[str, Any]) -> None:
    """Report nothing."""

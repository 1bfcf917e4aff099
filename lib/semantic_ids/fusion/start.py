"""Where training starts: branches from a PCA that sees categories, directions from a DPCA fit."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from semantic_ids.codebook import fit
from semantic_ids.fusion.batches import Loader, Places
from semantic_ids.fusion.model import FusionModel, linears
from semantic_ids.fusion.readers import solve_readers
from semantic_ids.fusion.rows import MISSING, FusionRows

Array = npt.NDArray[np.float64]

MAX_ROWS = 65_536
_CHUNK_ROWS = 8192
_RIDGES = tuple(10.0**power for power in range(-7, 0))  # of the trace of C^T C


def start(model: FusionModel, loader: Loader, training: Places, held_out: Places) -> None:
    """Set all weights from at most 65,536 of the training rows.

    With ``initial: dpca`` latents are the principal components of the collections, weighted, side
    by side with the categories as ridge regression predicts them from the collections: components
    that tell classes apart count for more. The trunk adds nothing yet.
    """
    spec = model.spec
    generator = torch.Generator().manual_seed(spec.seed)
    some = training[np.sort(torch.randperm(len(training), generator=generator)[:MAX_ROWS].numpy())]
    _normalise(model, loader.rows, training)
    _draw(model, generator)
    if spec.initial == "dpca":
        _set_branches(model, _components(model, loader, some, held_out))
        latents = loader.latents(model, some)
        codebook = fit(latents.cpu().numpy(), spec.codebook_spec, seed=spec.seed)
        V = np.ldexp(codebook.basis.astype(np.float64), codebook.basis_exponent)
    else:
        latents = loader.latents(model, some)
        noise = torch.randn(spec.digits, spec.latent, generator=generator).numpy()
        V = noise * float(latents.std()) / np.sqrt(spec.digits)
    model.quantiser.begin(torch.from_numpy(V), latents)
    solve_readers(model, loader, some)


def _normalise(model: FusionModel, rows: FusionRows, training: Places) -> None:
    """Learn each collection's mean and scale from the training rows that have it."""
    for i, name in enumerate(model.spec.collections):
        has, vectors = training[rows.present[name][training]], rows.vectors[name]
        chunks = [has[at : at + _CHUNK_ROWS] for at in range(0, len(has), _CHUNK_ROWS)]
        total = sum(
            (vectors[chunk].sum(axis=0, dtype=np.float64) for chunk in chunks),
            start=np.zeros(vectors.shape[1]),
        )
        mean = (total / max(len(has), 1)).astype(np.float32)
        squares = sum(float(((vectors[c] - mean).astype(np.float64) ** 2).sum()) for c in chunks)
        scale = (squares / max(len(has) * vectors.shape[1], 1)) ** 0.5
        model.means[i].data.copy_(torch.from_numpy(mean))
        model.scales[i].data.fill_(scale if scale > 0 else 1.0)


def _draw(model: FusionModel, generator: torch.Generator) -> None:
    """Draw all weights uniformly, in a range that keeps the size of what passes through."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            drawn = 2 * torch.rand(module.weight.shape, generator=generator) - 1
            module.weight.data.copy_(drawn * module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _set_branches(model: FusionModel, A: Array) -> None:
    """Let the branches give latents ``C A``, and the trunk nothing."""
    at, latent = 0, model.spec.latent
    for branch, weight in zip(
        linears(model.branches), model.spec.collections.values(), strict=True
    ):
        dim = branch.in_features
        own = A[at : at + dim] * (weight / dim) ** 0.5
        branch.weight.data[-latent:] = torch.from_numpy(own.T)
        at += dim
    for layer in linears(model.trunk)[-1:]:
        nn.init.zeros_(layer.weight)


def _components(model: FusionModel, loader: Loader, some: Places, held_out: Places) -> Array:
    """Return A, shape (n_columns, latent), which takes collections side by side to latents."""
    C, Y = _side_by_side(model, loader, some), _classes(model, loader, some)
    M = np.eye(C.shape[1])
    if Y.shape[1]:
        unseen = _side_by_side(model, loader, held_out), _classes(model, loader, held_out)
        M = np.concatenate([M, _regression(C, Y, *unseen)], axis=1)
    _, vectors = np.linalg.eigh(M.T @ (C.T @ C) @ M)
    top = M @ vectors[:, ::-1][:, : model.spec.latent]
    A = np.zeros((C.shape[1], model.spec.latent))  # fewer columns than the latent leave zeros
    A[:, : top.shape[1]] = top
    return A


def _side_by_side(model: FusionModel, loader: Loader, places: Places) -> Array:
    """Return the collections as columns; each has its weight as its total variance."""
    columns = loader.normalised(model, places)
    weights = model.spec.collections.values()
    parts = [x * (w / x.shape[1]) ** 0.5 for x, w in zip(columns, weights, strict=True)]
    return np.concatenate(parts, axis=1).astype(np.float64)


def _classes(model: FusionModel, loader: Loader, places: Places) -> Array:
    """Return the classes as centred columns, zeros where missing.

    Their total variance is the category's weight times ``supervision``.
    """
    found = [np.zeros((len(places), 0))]
    for name, weight in model.spec.categories.items():
        if not model.spec.supervision:
            continue
        targets = loader.rows.targets[name]
        if targets.ndim == 1:
            one_hot = np.eye(len(loader.rows.classes[name]))[targets]
            one_hot[targets == MISSING] = np.nan
        else:
            one_hot = targets.astype(np.float64)
        mean = np.nanmean(one_hot, axis=0)
        variance = max(float(np.nansum((one_hot - mean) ** 2, axis=1).mean()), 1e-12)
        scale = (model.spec.supervision * weight / variance) ** 0.5
        found.append(scale * np.nan_to_num(one_hot[places] - mean))
    return np.concatenate(found, axis=1)


def _regression(C: Array, Y: Array, unseen_C: Array, unseen_Y: Array) -> Array:
    """Return W of ``Y ~ C W``, with the ridge that predicts unseen rows best."""
    values, Q = np.linalg.eigh(C.T @ C)
    rotated = Q.T @ (C.T @ Y)
    weights = [
        Q @ (rotated / (np.maximum(values, 0) + ridge * values.sum())[:, None]) for ridge in _RIDGES
    ]
    return min(weights, key=lambda W: float(((unseen_Y - unseen_C @ W) ** 2).sum()))

"""A trained model as a codebook: matrices on integer grids, decode tables and heads solved anew."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from semantic_ids.codebook import (
    Affine,
    Branch,
    Codebook,
    Fusion,
    Head,
    choose_grid,
    to_units,
)
from semantic_ids.fusion.batches import Loader, Places
from semantic_ids.fusion.measures import measure_rows
from semantic_ids.fusion.model import FusionModel
from semantic_ids.fusion.readers import decoder_of, head_of
from semantic_ids.fusion.start import MAX_ROWS

_TYPICAL = 0.999


def export(
    model: FusionModel,
    loader: Loader,
    training: Places,
    held_out: Places,
    *,
    history: Sequence[Mapping[str, Any]],
) -> Codebook:
    """Turn a model into a codebook, and measure that on held-out rows.

    Decode tables are the ridge regression of each collection on the digits of training rows,
    whatever decoders were trained; heads are the logistic regression of each category on them.
    """
    some = training[np.linspace(0, len(training), min(MAX_ROWS, len(training)), False, dtype=int)]
    latents = loader.latents(model, some)
    digits = model.quantiser.digits(latents).cpu().numpy()
    codebook = replace(
        model.quantiser.codebook(latents),
        collections={name: x.shape[1] for name, x in loader.rows.vectors.items()},
        fusion=Fusion(
            _branches(model),
            tuple(_affine(layer) for layer in model.trunk),
            _decoders(model, loader, some, digits),
            _heads(model, loader, some, digits),
        ),
    )
    metrics = {
        "rows_fitted": len(training),
        "rows_held_out": len(held_out),
        **measure_rows(loader.rows.part(held_out), codebook),
        "history": [dict(each) for each in history],
    }
    return replace(codebook, metrics=metrics)


def _affine(layer: nn.Module) -> Affine:
    return Affine.rounded(_numpy(layer.weight), _numpy(layer.bias))


def _numpy(values: Any) -> npt.NDArray[np.float64]:
    tensor: Tensor = values
    return tensor.detach().cpu().numpy().astype(np.float64)


def _branches(model: FusionModel) -> dict[str, Branch]:
    parts = zip(model.means, model.scales, model.branches, model.placeholders, strict=True)
    return {
        name: Branch(
            _numpy(mean).astype(np.float32),
            _numpy(scale).astype(np.float32),
            _affine(layer),
            to_units(_numpy(placeholder)),
            name in model.spec.zero_is_missing,
        )
        for name, (mean, scale, layer, placeholder) in zip(
            model.spec.collections, parts, strict=True
        )
    }


def _decoders(
    model: FusionModel, loader: Loader, places: Places, digits: npt.NDArray[np.float32]
) -> dict[str, Codebook]:
    spec, found = model.spec.codebook_spec, {}
    columns = zip(loader.normalised(model, places), model.means, model.scales, strict=True)
    for name, (x, mean, scale) in zip(model.spec.collections, columns, strict=True):
        has = loader.rows.present[name][places]
        unit = float(scale)
        D = decoder_of(digits, x, has).astype(np.float64) * unit
        norms = np.linalg.norm(x[has], axis=1) * unit
        typical = float(np.quantile(norms, _TYPICAL))
        grid = choose_grid(D, spec.layout, typical_norm=typical)
        found[name] = Codebook(spec, {name: x.shape[1]}, _numpy(mean).astype(np.float32), *grid)
    return found


def _heads(
    model: FusionModel, loader: Loader, places: Places, digits: npt.NDArray[np.float32]
) -> dict[str, Head]:
    return {
        name: Head(classes, *head_of(digits, loader.rows.targets[name][places], len(classes)))
        for name, classes in loader.rows.classes.items()
    }

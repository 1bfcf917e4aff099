"""Rows to batches on a device, and a model's outputs over many rows."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semantic_ids.codebook import FusionSpec
from semantic_ids.fusion.model import Batch, FusionModel
from semantic_ids.fusion.rows import FusionRows

Places = npt.NDArray[np.int64]

_ROWS = 4096


class Loader:
    """Gives rows by their places, without reading the others."""

    def __init__(self, rows: FusionRows, spec: FusionSpec, device: torch.device) -> None:
        self.rows, self.spec, self.device = rows, spec, device

    def batch(self, places: Places) -> Batch:
        """Return some rows on the device."""
        vectors, present = [], []
        for name in self.spec.collections:
            has = self.rows.present[name][places]
            x = np.where(has[:, None], self.rows.vectors[name][places], np.float32(0))
            vectors.append(self._tensor(x))
            present.append(self._tensor(has[:, None].astype(np.float32)))
        targets = [self._tensor(self.rows.targets[name][places]) for name in self.spec.categories]
        return Batch(vectors, present, targets)

    def batches(self, places: Places) -> Iterator[Batch]:
        """Yield rows in order, a few thousand at a time."""
        for start in range(0, len(places), _ROWS):
            yield self.batch(places[start : start + _ROWS])

    def normalised(self, model: FusionModel, places: Places) -> list[npt.NDArray[np.float32]]:
        """Return each collection as the branches see it, zeros where it is missing."""
        with torch.no_grad():
            parts = [model.normalised(batch) for batch in self.batches(places)]
        return [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]

    def latents(self, model: FusionModel, places: Places) -> Tensor:
        """Return the latents of rows, float32 of shape (n, latent)."""
        with torch.no_grad():
            found = [
                model.latents(model.normalised(batch), batch.present)
                for batch in self.batches(places)
            ]
        return torch.cat(found)

    def _tensor(self, array: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

"""The state after an epoch on disk: tensors as safetensors, the rest as JSON; nothing pickled."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from semantic_ids.codebook import FusionSpec
from semantic_ids.errors import ArtefactError
from semantic_ids.fusion.model import FusionModel
from semantic_ids.fusion.rows import FusionRows

_FILE = "checkpoint.safetensors"
_KEY = "training"


@dataclass
class Progress:
    """The measures of every epoch, and the weights of the best one so far."""

    history: list[dict[str, Any]]
    best_epoch: int
    best: dict[str, Tensor]

    @classmethod
    def first(cls, measures: dict[str, Any], model: FusionModel) -> "Progress":
        """Begin with the start, epoch 0."""
        return cls([measures], 0, _copy(model.state_dict()))

    def add(self, measures: dict[str, Any], model: FusionModel) -> None:
        """Add an epoch; keep its weights if none before it was as good."""
        if measures["loss"] < self.history[self.best_epoch]["loss"]:
            self.best_epoch, self.best = measures["epoch"], _copy(model.state_dict())
        self.history.append(measures)


class Checkpoint:
    """A folder with the state of one training.

    Parameters
    ----------
    folder : Path
    spec : FusionSpec
    rows : FusionRows
        A state of another spec or of other rows is refused.
    """

    def __init__(self, folder: Path, spec: FusionSpec, rows: FusionRows) -> None:
        self.path = folder / _FILE
        self._spec, self._rows = spec.to_dict(), rows.digest()

    def save(
        self, model: FusionModel, optimiser: torch.optim.Optimizer, progress: Progress
    ) -> None:
        """Write the state; a kill at any moment leaves the state before or this one."""
        tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in progress.best.items()}
        for place, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{place}.{name}": value for name, value in state.items()}
        said = {
            "spec": self._spec,
            "rows": self._rows,
            "best_epoch": progress.best_epoch,
            "history": progress.history,
        }
        partial = self.path.with_suffix(".partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(_copy(tensors), partial, metadata={_KEY: json.dumps(said)})
            partial.replace(self.path)
        except (OSError, SafetensorError) as error:
            raise ArtefactError(f"checkpoint: {self.path} cannot be written: {error}") from None

    def load(self, model: FusionModel, optimiser: torch.optim.Optimizer) -> Progress | None:
        """Set model and optimiser to the stored state; None where there is none.

        Raises
        ------
        ArtefactError
            If the file is damaged, or of another spec or other rows.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                said = json.loads(file.metadata()[_KEY])
                tensors = {name: file.get_tensor(name) for name in list(file.keys())}
        except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
            raise ArtefactError(f"checkpoint: {self.path} is damaged: {error}") from None
        self._require_same(said)
        model.load_state_dict(_under("model.", tensors))
        state = optimiser.state_dict()
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimiser.", tensors).items():
            place, _, moment = name.partition(".")
            moments.setdefault(int(place), {})[moment] = value
        optimiser.load_state_dict({**state, "state": moments})
        return Progress(said["history"], said["best_epoch"], _under("best.", tensors))

    def _require_same(self, said: Mapping[str, Any]) -> None:
        stored = said["spec"]
        for key, value in self._spec.items():
            if stored.get(key) != value:
                raise ArtefactError(
                    f"checkpoint: {self.path} must be of {key} {value!r}, got one of "
                    f"{stored.get(key)!r}; remove it, or name another folder"
                )
        if said["rows"] != self._rows:
            raise ArtefactError(
                f"checkpoint: {self.path} must be of these rows, got one of others; remove it, or "
                "name another folder"
            )


def _copy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }

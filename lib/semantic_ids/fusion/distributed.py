"""Training by several processes that share a folder: rows in, a codebook out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed

from semantic_ids.codebook import Codebook, FusionSpec, load_file, save_file
from semantic_ids.fusion.ranks import Ranks
from semantic_ids.fusion.rows import FusionRows
from semantic_ids.fusion.training import train

_SAID, _CODEBOOK, _EPOCHS = "rows.json", "codebook.safetensors", "epochs.jsonl"


def write_rows(folder: Path, rows: FusionRows, spec: FusionSpec) -> None:
    """Put rows and spec where every process can read them."""
    parts = {"vectors": rows.vectors, "present": rows.present, "targets": rows.targets}
    for part, arrays in parts.items():
        for number, array in enumerate(arrays.values()):
            np.save(folder / f"{part}-{number}.npy", array)
    said = {"spec": spec.to_dict(), "classes": {k: list(v) for k, v in rows.classes.items()}}
    (folder / _SAID).write_text(json.dumps(said), encoding="utf-8")


def train_rank(folder: str, checkpoint: str | None) -> None:
    """Train as one process of those that torch.distributed's environment names.

    The first one writes the codebook, and a line of measures after each epoch.
    """
    place = Path(folder)
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        ranks = Ranks(distributed.get_rank(), distributed.get_world_size())
        rows, spec = _read_rows(place)

        def report(measures: Mapping[str, Any]) -> None:
            with (place / _EPOCHS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(dict(measures)) + "\n")

        codebook = train(
            rows,
            spec,
            checkpoint=Path(checkpoint) if checkpoint else None,
            report=report if ranks.rank == 0 else None,
            ranks=ranks,
        )
        if ranks.rank == 0:
            save_file(codebook, place / _CODEBOOK)
    finally:
        distributed.destroy_process_group()


def read_codebook(folder: Path) -> Codebook:
    """Read what the processes trained."""
    return load_file(folder / _CODEBOOK)


def _read_rows(folder: Path) -> tuple[FusionRows, FusionSpec]:
    said = json.loads((folder / _SAID).read_text(encoding="utf-8"))
    spec = FusionSpec.from_dict(said["spec"])

    def arrays(part: str, names: Mapping[str, Any]) -> dict[str, Any]:
        paths = ((name, folder / f"{part}-{number}.npy") for number, name in enumerate(names))
        return {name: np.load(path, mmap_mode="r") for name, path in paths}

    classes = {name: tuple(values) for name, values in said["classes"].items()}
    vectors, present = arrays("vectors", spec.collections), arrays("present", spec.collections)
    return FusionRows(vectors, present, arrays("targets", spec.categories), classes), spec

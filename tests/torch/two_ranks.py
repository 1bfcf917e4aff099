"""What `test_two_ranks` starts under torchrun: each rank reads, stops, and may go on."""

import json
import sys
from pathlib import Path

import torch.distributed as dist
from torch.utils.data import DataLoader

from semantic_ids.trainers import ExampleDataset, SequenceDataset, SequenceHistories


def main(folder: Path, stop_after: int | None) -> None:
    """Read until `stop_after` batches, or from where the last run stopped to the end."""
    dist.init_process_group("gloo")
    rank, world_size = dist.get_rank(), dist.get_world_size()
    shares = {"rank": rank, "world_size": world_size, "shuffle_seed": 4}
    histories = SequenceHistories(folder / "sequences", columns=["timestamps"])
    datasets = {
        "segments": SequenceDataset(folder / "sequences", 4, **shares),
        "examples": ExampleDataset(
            folder / "examples", histories, 4, features=["example"], window=20, **shares
        ),
    }
    for name, dataset in datasets.items():
        state = folder / f"{name}-{rank}-state.json"
        if state.exists():
            dataset.load_state_dict(json.loads(state.read_text()))
        read = []
        for n, batch in enumerate(DataLoader(dataset, batch_size=None, num_workers=2), start=1):
            read += rows_of(batch, name)
            if n == stop_after:
                state.write_text(json.dumps(dataset.state_dict(batch)))
                break
        everyone: list = [None] * world_size
        dist.all_gather_object(everyone, read)
        if rank == 0:
            (folder / f"{name}-{stop_after}.json").write_text(json.dumps(everyone))
    dist.destroy_process_group()


def rows_of(batch, name: str) -> list:
    """Give what names each row of a batch."""
    if name == "examples":
        return list(
            zip(batch.features["example"].tolist(), batch.histories.lengths.tolist(), strict=True)
        )
    firsts = batch.timestamps[batch.offsets[:-1]].tolist()
    return list(zip(batch.user_ids.tolist(), firsts, batch.lengths.tolist(), strict=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)

"""Two ranks under torchrun, each with two DataLoader workers, stopped in the middle and resumed."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pytest
from history_tables import history, write
from sequence_tables import Segment, random_segments

from semantic_ids.trainers.lookup import buckets_of

pytestmark = [pytest.mark.torch, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("two_ranks.py")


def torchrun(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", str(SCRIPT), str(folder), *arguments),
        ],
        check=True,
        timeout=120,
    )


def test_every_segment_and_example_is_read_once_by_two_ranks_that_stop_and_go_on(tmp_path):
    segments = bucketed(random_segments(90, codebook_id="a" * 32))
    write(tmp_path / "sequences", segments[:50], segments[50:], row_group_size=3)
    examples = write_examples(tmp_path / "examples")
    torchrun(tmp_path, "3")
    torchrun(tmp_path)
    found = {}
    for name in ("segments", "examples"):
        runs = [json.loads((tmp_path / f"{name}-{n}.json").read_text()) for n in (3, None)]
        assert [len(rows) for rows in runs[0]] == [12, 12]
        assert all(runs[1])
        found[name] = Counter(tuple(row) for run in runs for rows in run for row in rows)
    assert found["segments"] == Counter(
        (s.user_id, s.timestamps[0], len(s.timestamps)) for s in segments
    )
    assert found["examples"] == Counter(
        (i, len(history(segments, "a" * 32, user, before=time)))
        for i, (user, time) in enumerate(examples)
    )


def bucketed(segments: list[Segment]) -> list[Segment]:
    found = [segment for segment in segments if segment.timestamps]
    for segment in found:
        segment.bucket = int(buckets_of(pa.array([segment.user_id]), 3)[0])
    return found


def write_examples(path: Path) -> list[tuple[int, int]]:
    rng = np.random.default_rng(2)
    users = rng.integers(0, 95, 100)
    times = rng.integers(0, 2**48, 100)
    table = pa.table({"example": np.arange(100), "user_id": users, "timestamp": times})
    writing = deltalake.WriterProperties(max_row_group_size=9)
    deltalake.write_deltalake(path, table, writer_properties=writing)
    return list(zip(users.tolist(), times.tolist(), strict=True))

"""Fixtures: a sequences table, and torch kept to one thread."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from sequence_tables import Sequences, random_segments, write_sequences


@pytest.fixture
def sequences(tmp_path: Path) -> Sequences:
    """150 segments of width 5 in two commits: about a dozen files, two dozen row groups."""
    return write_sequences(
        tmp_path / "sequences",
        random_segments(90),
        random_segments(60, seed=1, first_user=90),
    )


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)

"""Going on from a state: once, wherever the table lies, and whatever the workers do meanwhile."""

import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pytest
from history_tables import write
from sequence_tables import Segment, random_segments, write_sequences
from torch.utils.data import DataLoader

from semantic_ids.errors import InputError
from semantic_ids.trainers import ExampleDataset, SequenceDataset, SequenceHistories
from semantic_ids.trainers.batch import Position
from semantic_ids.trainers.start import MAX_STREAMS, Start

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

WORKERS = {
    "none": {},
    "one": {"num_workers": 1},
    "forked": {"num_workers": 2, "multiprocessing_context": "fork"},
    "forked, persistent": {
        "num_workers": 2,
        "multiprocessing_context": "fork",
        "persistent_workers": True,
    },
    "spawned": {"num_workers": 2, "multiprocessing_context": "spawn"},
    "spawned, persistent": {
        "num_workers": 2,
        "multiprocessing_context": "spawn",
        "persistent_workers": True,
    },
}


def users(loader) -> list[list[int]]:
    return [batch.user_ids.tolist() for batch in loader]


@pytest.fixture
def segments_of(sequences) -> Callable[[], SequenceDataset]:
    return lambda: SequenceDataset(sequences.path, 8, shuffle_seed=5)


def epoch_and_state(dataset: SequenceDataset, n_streams: int) -> tuple[list[list[int]], dict]:
    """Give the batches of an epoch in the order of so many streams, and the fourth's state."""
    batches = list(DataLoader(dataset, batch_size=None, num_workers=n_streams))
    return users(batches), dataset.state_dict(batches[3])


def two_epochs_and_a_state(dataset: SequenceDataset, n_streams: int) -> tuple:
    dataset.set_epoch(2)
    second, _ = epoch_and_state(dataset, n_streams)
    dataset.set_epoch(1)
    first, state = epoch_and_state(dataset, n_streams)
    return first, second, state


@pytest.mark.parametrize(
    "workers",
    [
        pytest.param(workers, id=name, marks=[pytest.mark.slow] if "spawned" in name else [])
        for name, workers in WORKERS.items()
    ],
)
def test_a_loaded_place_counts_for_one_iteration(segments_of, workers):
    n_workers = workers.get("num_workers", 0)
    first, second, state = two_epochs_and_a_state(segments_of(), n_workers)
    dataset = segments_of()
    loader = DataLoader(dataset, batch_size=None, **workers)
    dataset.load_state_dict(state)
    dataset.set_epoch(1)
    read = [users(loader), users(loader)]
    dataset.set_epoch(2)
    assert [*read, users(loader)] == [first[4:], first, second]


@pytest.mark.parametrize("kind", ["none", "forked", "forked, persistent"])
def test_a_loop_over_epochs_goes_on_in_the_first_and_reads_the_others_whole(segments_of, kind):
    n_workers = WORKERS[kind].get("num_workers", 0)
    first, second, state = two_epochs_and_a_state(segments_of(), n_workers)
    dataset = segments_of()
    loader = DataLoader(dataset, batch_size=None, **WORKERS[kind])
    for _ in range(2):
        dataset.load_state_dict(state)
        read = []
        for epoch in range(dataset.epoch, 3):
            dataset.set_epoch(epoch)
            read.append(users(loader))
        assert read == [first[4:], second]


def test_set_epoch_with_the_epoch_that_was_resumed_reads_it_whole(segments_of):
    dataset = segments_of()
    whole, state = epoch_and_state(dataset, 0)
    dataset.load_state_dict(state)
    for expected in (whole[4:], whole, whole):
        dataset.set_epoch(0)
        assert users(dataset) == expected


def test_a_resumed_iteration_that_is_left_early_has_used_its_place(segments_of):
    dataset = segments_of()
    for persistent_workers in (False, True):
        whole, state = epoch_and_state(dataset, 3)
        loader = DataLoader(
            dataset, batch_size=None, num_workers=3, persistent_workers=persistent_workers
        )
        dataset.load_state_dict(state)
        assert next(iter(loader)).user_ids.tolist() == whole[4]
        assert users(loader) == whole


def wait_for(file: Path, worker: int) -> None:
    while worker and not file.exists():
        time.sleep(0.01)


def test_a_worker_that_is_slow_to_start_leaves_a_place_to_the_iteration_it_is_for(
    segments_of, tmp_path
):
    dataset = segments_of()
    whole, state = epoch_and_state(dataset, 2)
    loader = DataLoader(
        dataset,
        batch_size=None,
        num_workers=2,
        persistent_workers=True,
        worker_init_fn=partial(wait_for, tmp_path / "go"),
    )
    assert next(iter(loader)).user_ids.tolist() == whole[0]
    dataset.load_state_dict(state)
    (tmp_path / "go").touch()
    assert users(loader) == whole[4:]
    assert users(loader) == whole


def test_another_number_of_workers_may_follow_once_the_place_is_used(segments_of):
    dataset = segments_of()
    whole = users(dataset)
    _, state = epoch_and_state(dataset, 2)
    dataset.load_state_dict(state)
    with pytest.raises(InputError, match="num_workers must be 2, as when the state was taken"):
        users(dataset)
    list(DataLoader(dataset, batch_size=None, num_workers=2))
    assert users(dataset) == whole


def test_a_place_in_another_epoch_is_given_up(segments_of):
    dataset = segments_of()
    whole, state = epoch_and_state(dataset, 0)
    dataset.load_state_dict(state)
    dataset.set_epoch(1)
    dataset.set_epoch(0)
    assert users(dataset) == whole


def test_set_epoch_gives_up_a_place_that_only_some_streams_have_used():
    start = Start()
    start.load(Position(4, 7, 2))
    start.set_epoch(4)
    assert start.take(1, 2) == Position(4, 7, 2)
    start.set_epoch(4)
    assert start.take(0, 2) == Position(4, 0, 2)


def test_too_many_workers_are_refused():
    with pytest.raises(InputError, match=f"num_workers must be {MAX_STREAMS} or less, got 2000"):
        Start().take(0, 2000)


def test_a_state_is_json_whatever_the_integers_are(sequences):
    dataset = SequenceDataset(sequences.path, np.int64(8), rank=np.int32(0), world_size=np.int8(1))
    dataset.set_epoch(np.int64(2))
    state = dataset.state_dict(next(iter(dataset)))
    assert json.loads(json.dumps(state)) == state


@pytest.mark.parametrize("epoch", [-1, 0.5, True])
def test_an_epoch_that_is_no_number_is_refused(segments_of, epoch):
    with pytest.raises(InputError, match=f"epoch must be a whole number, 0 or more, got {epoch}"):
        segments_of().set_epoch(epoch)


def write_examples(path: Path, *, n: int = 90) -> None:
    for start in range(0, n, 10):
        numbers = pa.array(range(start, start + 10), pa.int64())
        examples = {"example": numbers, "user_id": numbers, "timestamp": numbers}
        deltalake.write_deltalake(path, pa.table(examples), mode="append")


def test_a_state_goes_on_where_the_table_lies_elsewhere(tmp_path):
    write(tmp_path / "a" / "sequences", segments())
    write_examples(tmp_path / "a" / "examples")
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere" / "b")
    (tmp_path / "elsewhere/b/examples").rename(tmp_path / "elsewhere/b/train")

    def dataset(folder: Path, name: str) -> ExampleDataset:
        histories = SequenceHistories(folder / "sequences")
        return ExampleDataset(folder / name, histories, 8, features=["example"], shuffle_seed=1)

    here = dataset(tmp_path / "a", "examples")
    batches = list(here)
    there = dataset(tmp_path / "elsewhere" / "b", "train")
    assert users(there) == users(batches)
    there.load_state_dict(json.loads(json.dumps(here.state_dict(batches[2]))))
    assert users(there) == users(batches[3:])


def segments() -> list[Segment]:
    return [s for s in random_segments(9, width=3, codebook_id="a" * 32) if s.timestamps]


def test_a_state_of_another_table_is_refused(tmp_path):
    for name in "ab":
        write_sequences(tmp_path / name, random_segments(9))
    one, other = (SequenceDataset(tmp_path / name, 8) for name in "ab")
    with pytest.raises(InputError, match=r"table_id must be that of the state, .*-.*, got .*-.*"):
        other.load_state_dict(one.state_dict(next(iter(one))))


@pytest.mark.parametrize(
    ("examples", "sequences", "said"),
    [("b", "a", "examples_table must be that of"), ("a", "b", "sequences_table must be that of")],
)
def test_a_state_of_another_table_of_examples_or_sequences_is_refused(
    tmp_path, examples, sequences, said
):
    for name in "ab":
        write(tmp_path / name / "sequences", segments())
        write_examples(tmp_path / name / "examples")

    def dataset(examples: str, sequences: str) -> ExampleDataset:
        histories = SequenceHistories(tmp_path / sequences / "sequences")
        return ExampleDataset(tmp_path / examples / "examples", histories, 8)

    one = dataset("a", "a")
    state = one.state_dict(next(iter(one)))
    with pytest.raises(InputError, match=said):
        dataset(examples, sequences).load_state_dict(state)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("n_batches", 10**6, "n_batches must be at most 19, those of epoch 0, got 1000000"),
        ("n_batches", -5, "n_batches must be a whole number, 0 or more, got -5"),
        ("n_batches", 1.5, "n_batches must be a whole number, 0 or more, got 1.5"),
        ("n_batches", True, "n_batches must be a whole number, 0 or more, got True"),
        ("n_batches", None, "n_batches must be a whole number, 0 or more, got None"),
        ("n_batches", 10**30, r"n_batches must be below 2 \*\* 63, got 10{30}"),
        ("epoch", -1, "epoch must be a whole number, 0 or more, got -1"),
        ("epoch", 10**30, r"epoch must be below 2 \*\* 63, got 10{30}"),
        ("n_streams", 0, "n_streams must be a whole number, 1 or more, got 0"),
        ("n_streams", 10**6, f"num_workers must be {MAX_STREAMS} or less, got 1000000"),
    ],
)
def test_a_state_with_a_place_that_is_none_is_refused(segments_of, field, value, said):
    dataset = segments_of()
    state = dataset.state_dict(next(iter(dataset)))
    with pytest.raises(InputError, match=said):
        dataset.load_state_dict(state | {field: value})


def test_a_state_that_lacks_a_key_is_refused(sequences):
    dataset = SequenceDataset(sequences.path, 8)
    state = dataset.state_dict(next(iter(dataset)))
    assert state["ds"] is state["shuffle_seed"] is None
    for name in state:
        with pytest.raises(InputError, match=f"state must have {name}, as state_dict gives it"):
            dataset.load_state_dict({key: state[key] for key in state if key != name})
    with pytest.raises(InputError, match=r"state must have table_id, .*, got None"):
        dataset.load_state_dict(None)


def test_the_state_after_the_last_batch_is_one_to_go_on_from(segments_of):
    dataset = segments_of()
    *_, last = dataset
    dataset.load_state_dict(dataset.state_dict(last))
    assert users(dataset) == []

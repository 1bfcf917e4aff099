"""What the reader yields: every segment once, in an order that can be repeated and resumed."""

import datetime
import json
from collections import Counter
from collections.abc import Iterable
from itertools import chain

import pytest
import torch
from pyarrow import fs
from sequence_tables import Segment, random_segments, write_sequences
from torch.utils.data import DataLoader

from semantic_ids.errors import InputError
from semantic_ids.trainers import SequenceBatch, SequenceDataset

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


DTYPES = {
    "timestamps": torch.int64,
    "quantity": torch.int32,
    "price": torch.float32,
    "is_gift": torch.bool,
}


def load(dataset: SequenceDataset, num_workers: int = 0, **kwargs) -> list[SequenceBatch]:
    return list(DataLoader(dataset, batch_size=None, num_workers=num_workers, **kwargs))


def rows(batches: list[SequenceBatch]) -> list[tuple]:
    """Cut batches into rows of plain values with the loop that the reader does without."""
    found = []
    for batch in batches:
        offsets = batch.offsets.tolist()
        assert len(offsets) == len(batch.user_ids) + 1 == len(batch) + 1
        assert offsets[0] == 0
        assert offsets[-1] == len(batch.values) == len(batch.columns["timestamps"])
        for i, user_id in enumerate(batch.user_ids):
            events = slice(offsets[i], offsets[i + 1])
            columns = {name: column[events].tolist() for name, column in batch.columns.items()}
            plain_id = user_id if isinstance(user_id, str) else int(user_id)
            found.append((plain_id, batch.values[events].tolist(), columns))
    return found


def expected(segments: list[Segment]) -> list[tuple]:
    return [(s.user_id, s.sid_values(), {"timestamps": s.timestamps} | s.columns) for s in segments]


def users(batches: Iterable[SequenceBatch]) -> list[list[int]]:
    return [batch.user_ids.tolist() for batch in batches]


def all_users(batches: Iterable[SequenceBatch]) -> list[int]:
    return list(chain.from_iterable(users(batches)))


def by_user(found: list[tuple]) -> list[tuple]:
    return sorted(found, key=lambda row: row[0])


@pytest.mark.parametrize("num_workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_every_event_is_read_once_with_all_its_columns(sequences, num_workers, batch_size):
    batches = load(SequenceDataset(sequences.path, batch_size), num_workers)
    assert by_user(rows(batches)) == expected(sequences.segments)
    assert {name: c.dtype for name, c in batches[0].columns.items()} == DTYPES
    assert batches[0].values.dtype == batches[0].offsets.dtype == torch.int64
    assert batches[0].lengths.tolist() == batches[0].offsets.diff().tolist()


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_two_ranks_read_every_segment_once_and_the_same_with_any_workers(sequences, num_workers):
    shares = [
        load(SequenceDataset(sequences.path, 8, rank=rank, world_size=2), num_workers)
        for rank in (0, 1)
    ]
    found = [sorted(all_users(share)) for share in shares]
    assert sorted(found[0] + found[1]) == [s.user_id for s in sequences.segments]
    alone = [
        sorted(all_users(load(SequenceDataset(sequences.path, 8, rank=r, world_size=2))))
        for r in (0, 1)
    ]
    assert found == alone


def test_more_ranks_and_workers_than_row_groups_leave_some_with_nothing(tmp_path):
    table = write_sequences(tmp_path / "t", random_segments(3))
    read = [
        load(SequenceDataset(table.path, 2, rank=rank, world_size=5), num_workers=2)
        for rank in range(5)
    ]
    assert [] in read
    assert sorted(all_users(chain.from_iterable(read))) == [0, 1, 2]


def test_all_batches_but_the_last_are_full(sequences):
    lengths = [len(batch) for batch in SequenceDataset(sequences.path, 16)]
    assert lengths == [16] * 9 + [6]


@pytest.mark.parametrize("num_workers", [0, 3])
def test_n_batches_says_what_a_loader_yields(sequences, num_workers):
    dataset = SequenceDataset(sequences.path, 8, rank=1, world_size=2, shuffle_seed=3)
    assert dataset.n_batches(num_workers) == len(load(dataset, num_workers))
    other = SequenceDataset(sequences.path, 8, rank=0, world_size=2, shuffle_seed=3)
    assert dataset.n_batches(num_workers, rank=0) == other.n_batches(num_workers)


def test_the_order_is_that_of_seed_and_epoch(sequences):
    def order(seed: int | None, epoch: int) -> list[list[int]]:
        dataset = SequenceDataset(sequences.path, 8, shuffle_seed=seed)
        dataset.set_epoch(epoch)
        return users(load(dataset, num_workers=2))

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert order(None, 0) == order(None, 1)
    assert sorted(chain.from_iterable(order(1, 5))) == [s.user_id for s in sequences.segments]


def test_shuffling_keeps_the_rows_of_a_file_in_order(sequences):
    dataset = SequenceDataset(sequences.path, 1000, shuffle_seed=7)
    read = users(load(dataset))[0]
    place = {s.user_id: (s.ds, s.bucket, s.user_id >= 90) for s in sequences.segments}
    files = [place[user] for user in read]
    assert len(set(files)) == sum(a != b for a, b in zip(files, [None, *files], strict=False))
    assert files != sorted(files)


@pytest.mark.parametrize("num_workers", [0, 1, 3])
@pytest.mark.parametrize("world_size", [1, 2])
def test_a_state_resumes_with_exactly_the_rest_of_the_epoch(sequences, num_workers, world_size):
    def dataset() -> SequenceDataset:
        return SequenceDataset(
            sequences.path, 8, shuffle_seed=5, rank=world_size - 1, world_size=world_size
        )

    first = dataset()
    first.set_epoch(2)
    batches = load(first, num_workers)
    for i in (0, 1, 4, len(batches) - 2, len(batches) - 1):
        state = json.loads(json.dumps(first.state_dict(batches[i])))
        resumed = dataset()
        resumed.load_state_dict(state)
        resumed.set_epoch(2)
        rest = load(resumed, num_workers)
        assert rows(rest) == rows(batches[i + 1 :])
        assert [b.position for b in rest] == [b.position for b in batches[i + 1 :]]


def test_a_resumed_epoch_can_be_resumed_again(sequences):
    dataset = SequenceDataset(sequences.path, 8, shuffle_seed=5)
    batches = load(dataset, 3)
    dataset.load_state_dict(dataset.state_dict(batches[3]))
    some = load(dataset, 3)[:4]
    again = SequenceDataset(sequences.path, 8, shuffle_seed=5)
    again.load_state_dict(dataset.state_dict(some[-1]))
    assert users(load(again, 3)) == users(batches[8:])


def test_the_epoch_after_a_resumed_one_starts_at_its_beginning(sequences):
    dataset = SequenceDataset(sequences.path, 8, shuffle_seed=5)
    dataset.set_epoch(1)
    whole = users(load(dataset))
    dataset.set_epoch(0)
    dataset.load_state_dict(dataset.state_dict(load(dataset)[3]))
    load(dataset)
    dataset.set_epoch(1)
    assert users(load(dataset)) == whole


def test_persistent_workers_see_a_new_epoch_and_a_loaded_state(sequences):
    dataset = SequenceDataset(sequences.path, 8, shuffle_seed=5)
    loader = DataLoader(dataset, batch_size=None, num_workers=2, persistent_workers=True)
    first, second = users(loader), []
    dataset.set_epoch(1)
    batches = list(loader)
    second = users(batches)
    assert first != second
    dataset.load_state_dict(dataset.state_dict(batches[4]))
    assert users(loader) == second[5:]
    dataset.set_epoch(0)
    assert users(loader) == first


@pytest.mark.slow
def test_workers_may_be_spawned(sequences):
    dataset = SequenceDataset(sequences.path, 64, shuffle_seed=5)
    dataset.set_epoch(3)
    spawned = load(dataset, num_workers=1, multiprocessing_context="spawn")
    assert rows(spawned) == rows(load(dataset))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": 9}, "batch_size must be that of the state, 8, got 9"),
        ({"shuffle_seed": 6}, "shuffle_seed must be that of the state, 5, got 6"),
        ({"world_size": 2}, "world_size must be that of the state, 1, got 2"),
        ({"version": 2}, "version must be that of the state, 4, got 2"),
        ({"ds": ("2024-01-01", "2024-01-02")}, r"ds must be that of the state, None, got \['2024"),
    ],
)
def test_a_state_of_another_reading_is_refused(sequences, change, said):
    write_sequences(sequences.path, random_segments(5, first_user=150))
    arguments = {"batch_size": 8, "shuffle_seed": 5}
    dataset = SequenceDataset(sequences.path, **arguments)
    state = dataset.state_dict(next(iter(dataset)))
    other = SequenceDataset(sequences.path, **(arguments | change))
    with pytest.raises(InputError, match=said):
        other.load_state_dict(state)


def test_a_state_taken_without_workers_resumes_with_one(sequences):
    dataset = SequenceDataset(sequences.path, 8, shuffle_seed=5)
    batches = load(dataset)
    dataset.load_state_dict(dataset.state_dict(batches[2]))
    assert users(load(dataset, 1)) == users(batches[3:])


def test_a_state_of_another_number_of_workers_is_refused(sequences):
    dataset = SequenceDataset(sequences.path, 8)
    dataset.load_state_dict(dataset.state_dict(load(dataset, 3)[2]))
    with pytest.raises(
        InputError, match="num_workers must be 3, as when the state was taken, got 1"
    ):
        load(dataset)


def test_a_dataset_stays_at_its_version_while_the_table_grows(sequences):
    pinned = SequenceDataset(sequences.path, 8)
    write_sequences(sequences.path, random_segments(20, first_user=150))
    again = SequenceDataset(sequences.path, 8, version=2)
    latest = SequenceDataset(sequences.path, 8)
    n_read = [sum(map(len, dataset)) for dataset in (pinned, again, latest)]
    assert n_read == [150, 150, 170]
    assert [d.version for d in (pinned, again, latest)] == [2, 2, 4]


@pytest.mark.parametrize("width", range(1, 9))
def test_sids_of_every_width_are_read_as_integers_and_as_bytes(tmp_path, width):
    segments = random_segments(40, width=width)
    segments[3].sids = [b"\xff" * width] * len(segments[3].sids)
    table = write_sequences(tmp_path / "t", segments)
    dataset = SequenceDataset(table.path, 7)
    assert dataset.width == width
    assert by_user(rows(list(dataset))) == expected(segments)
    for batch in SequenceDataset(table.path, 7, values="bytes"):
        assert batch.values.dtype == torch.uint8
        assert batch.values.shape == (int(batch.offsets[-1]), width)
        sids = [s for user in batch.user_ids.tolist() for s in segments[user].sids]
        assert bytes(batch.values.flatten().tolist()) == b"".join(sids)


def test_user_ids_may_be_strings(tmp_path):
    segments = random_segments(30, user_id="user {:03}".format)
    table = write_sequences(tmp_path / "t", segments)
    batches = load(SequenceDataset(table.path, 8), num_workers=2)
    assert isinstance(batches[0].user_ids, list)
    assert by_user(rows(batches)) == expected(segments)


def test_only_the_columns_asked_for_are_read(sequences):
    batch = next(iter(SequenceDataset(sequences.path, 8, columns=["price"])))
    assert list(batch.columns) == ["price"]
    assert not next(iter(SequenceDataset(sequences.path, 8, columns=[]))).columns


def test_a_table_may_have_no_event_columns(tmp_path):
    table = write_sequences(tmp_path / "t", random_segments(9), event_columns={})
    batch = next(iter(SequenceDataset(table.path, 9)))
    assert list(batch.columns) == ["timestamps"]
    assert torch.equal(batch.timestamps, batch.columns["timestamps"])


def test_ds_chooses_days_with_both_ends(sequences):
    days = (datetime.date(2024, 1, 2), "2024-01-03")
    read = all_users(load(SequenceDataset(sequences.path, 8, ds=days)))
    assert sorted(read) == [s.user_id for s in sequences.segments if s.ds >= days[0]]


def test_one_of_several_codebooks_is_read_even_out_of_one_row_group(tmp_path):
    segments = random_segments(60)
    for segment in segments[::3]:
        segment.codebook_id = "f" * 32
        segment.sids = [sid[:3] for sid in segment.sids]
    others = random_segments(20, first_user=60, codebook_id="e" * 32)
    table = write_sequences(tmp_path / "t", segments, others)
    dataset = SequenceDataset(table.path, 4, codebook_id="f" * 32, shuffle_seed=0)
    batches = load(dataset, 2)
    assert by_user(rows(batches)) == expected(segments[::3])
    assert dataset.width == 3
    assert len(batches) == dataset.n_batches(2)
    dataset.load_state_dict(dataset.state_dict(batches[1]))
    assert users(load(dataset, 2)) == users(batches[2:])


def test_an_empty_table_yields_nothing(tmp_path):
    table = write_sequences(tmp_path / "t", [])
    dataset = SequenceDataset(table.path, 8)
    assert load(dataset) == load(dataset, 2) == []
    assert dataset.n_batches() == 0
    assert dataset.width is None
    assert dataset.codebook_id is None


def test_segments_without_events_are_read(tmp_path):
    table = write_sequences(tmp_path / "t", random_segments(5, max_events=0))
    (batch,) = SequenceDataset(table.path, 8)
    assert batch.offsets.tolist() == [0] * 6
    assert batch.values.shape == (0,)


def test_a_user_may_have_several_segments(tmp_path):
    table = write_sequences(tmp_path / "t", random_segments(5), random_segments(5, seed=1))
    read = Counter(all_users(load(SequenceDataset(table.path, 3))))
    assert read == Counter(dict.fromkeys(range(5), 2))


def test_a_batch_moves_to_a_device_whole(sequences):
    batch = next(iter(SequenceDataset(sequences.path, 8))).to("meta")
    tensors = [batch.user_ids, batch.values, batch.offsets, *batch.columns.values()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_changing_a_batch_in_place_does_not_change_the_next_reading(sequences):
    dataset = SequenceDataset(sequences.path, 8)
    before = rows(list(dataset))
    for batch in dataset:
        batch.values.zero_()
        for column in batch.columns.values():
            column.zero_()
    assert rows(list(dataset)) == before


def test_a_table_is_found_by_path_by_uri_and_through_a_file_system(tmp_path):
    table = write_sequences(tmp_path / "a folder", random_segments(9))
    datasets = [
        SequenceDataset(tmp_path / "a folder", 4),
        SequenceDataset((tmp_path / "a folder").as_uri(), 4),
        SequenceDataset(table.path, 4, filesystem=fs.LocalFileSystem()),
    ]
    assert [by_user(rows(load(d))) for d in datasets] == [expected(table.segments)] * 3

"""Examples with their histories: each once, in order, with what stood before it."""

import datetime
import json
from itertools import chain

import deltalake
import numpy as np
import pyarrow as pa
import pytest
import torch
from history_tables import FIRST_DAY, history, moment, rows, write
from sequence_tables import Segment
from torch.utils.data import DataLoader

from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers import ExampleBatch, ExampleDataset, SequenceHistories
from semantic_ids.trainers.lookup import buckets_of

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

CODEBOOK = "a" * 32


@pytest.fixture(scope="module")
def segments() -> list[Segment]:
    """Histories of 40 users, each in up to four overlapping segments."""
    rng = np.random.default_rng(0)
    return [
        Segment(
            user_id=user,
            ds=FIRST_DAY + datetime.timedelta(days=int(rng.integers(3, 5))),
            bucket=int(buckets_of(pa.array([user]), 3)[0]),
            sids=[rng.bytes(3) for _ in range(n)],
            timestamps=[moment(int(d), 0) for d in np.sort(rng.integers(0, 3, n))],
            columns={"quantity": rng.integers(0, 9, n).tolist()},
            codebook_id=CODEBOOK,
        )
        for user in range(40)
        for n in rng.integers(1, 8, rng.integers(1, 5)).tolist()
    ]


@pytest.fixture(scope="module")
def sequences(tmp_path_factory, segments) -> str:
    return write(tmp_path_factory.mktemp("t") / "sequences", segments[:60], segments[60:]).path


def write_examples(path, *, n=200, n_commits=3, order=None, change=lambda t: t) -> list[dict]:
    """Write examples of users of whom some have no history; `order` sorts them all."""
    rng = np.random.default_rng(1)
    table = pa.table(
        {
            "example": np.arange(n),
            "user_id": rng.integers(0, 50, n),
            "timestamp": pa.array(
                [moment(int(d), 0) for d in rng.integers(0, 5, n)], pa.timestamp("us", "UTC")
            ),
            "score": rng.random(n, np.float32),
            "label": rng.random(n) < 0.5,
            "query": [f"query {i}" for i in range(n)],
            "shown": pa.array(rng.integers(0, 2**50, n), pa.timestamp("us", "UTC")),
        }
    )
    table = change(table if order is None else table.sort_by(order))
    step = -(-n // n_commits)
    for start in range(0, n, step):
        deltalake.write_deltalake(
            path,
            table.slice(start, step),
            mode="append",
            writer_properties=deltalake.WriterProperties(max_row_group_size=23),
        )
    return table.to_pylist()


def load(dataset: ExampleDataset, num_workers: int = 0) -> list[ExampleBatch]:
    return list(DataLoader(dataset, batch_size=None, num_workers=num_workers))


def examples(batches) -> list[tuple]:
    found = []
    for batch in batches:
        features = [
            column if isinstance(column, list) else column.tolist()
            for column in batch.features.values()
        ]
        plain = zip(
            batch.user_ids.tolist(),
            batch.timestamps.tolist(),
            *features,
            rows(batch.histories),
            strict=True,
        )
        found += [tuple(example) for example in plain]
    return found


def micros(time: datetime.datetime) -> int:
    return (time - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(
        microseconds=1
    )


FEATURES = ["example", "score", "label", "query", "shown"]


def expected(written, segments, *, newest=None) -> list[tuple]:
    found = []
    for e in written:
        time = micros(e["timestamp"])
        features = [e["example"], e["score"], e["label"], e["query"], micros(e["shown"])]
        before = history(segments, CODEBOOK, e["user_id"], before=time, newest=newest)
        found.append((e["user_id"], time, *features, before))
    return found


def by_number(found: list[tuple]) -> list[tuple]:
    return sorted(found, key=lambda example: example[2])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_each_example_comes_once_with_the_history_before_it(
    tmp_path, sequences, segments, num_workers
):
    written = write_examples(tmp_path / "e")
    shares = []
    for rank in (0, 1):
        dataset = ExampleDataset(
            tmp_path / "e",
            SequenceHistories(sequences),
            16,
            newest=5,
            features=FEATURES,
            window=40,
            rank=rank,
            world_size=2,
            shuffle_seed=3,
        )
        batches = load(dataset, num_workers)
        assert len(batches) == dataset.n_batches(num_workers)
        shares += examples(batches)
    assert by_number(shares) == expected(written, segments, newest=5)


def test_features_have_the_types_of_their_columns(tmp_path, sequences):
    write_examples(tmp_path / "e")
    batch = next(
        iter(ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 16, features=FEATURES))
    )
    assert len(batch) == len(batch.timestamps) == 16
    types = {name: getattr(column, "dtype", str) for name, column in batch.features.items()}
    assert types == {
        "example": torch.int64,
        "score": torch.float32,
        "label": torch.bool,
        "query": str,
        "shown": torch.int64,
    }
    moved = batch.to("meta")
    assert moved.timestamps.device.type == moved.histories.values.device.type == "meta"
    assert moved.features["score"].device.type == "meta"
    assert moved.position == batch.position


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_state_resumes_in_the_middle_of_a_window(tmp_path, sequences, num_workers):
    write_examples(tmp_path / "e")
    histories = SequenceHistories(sequences)

    def dataset(window: int) -> ExampleDataset:
        return ExampleDataset(
            tmp_path / "e", histories, 8, features=FEATURES, window=window, shuffle_seed=1
        )

    batches = load(dataset(50), num_workers)
    for i in (0, 4, 7, len(batches) - 1):
        resumed = dataset(64)
        resumed.load_state_dict(json.loads(json.dumps(dataset(50).state_dict(batches[i]))))
        rest = load(resumed, num_workers)
        assert examples(rest) == examples(batches[i + 1 :])
        assert [b.position for b in rest] == [b.position for b in batches[i + 1 :]]


def test_a_state_of_other_histories_is_refused(tmp_path, segments):
    sequences = write(tmp_path / "s", segments[:9]).path
    write_examples(tmp_path / "e")
    dataset = ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8, newest=3)
    state = dataset.state_dict(next(iter(dataset)))
    other = ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8, newest=4)
    with pytest.raises(InputError, match="newest must be that of the state, 3, got 4"):
        other.load_state_dict(state)
    write(tmp_path / "s", segments[9:20])
    other = ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8, newest=3)
    with pytest.raises(InputError, match="sequences must be that of the state, 1, got 3"):
        other.load_state_dict(state)


def test_batches_do_not_share_memory_with_their_window(tmp_path, sequences):
    write_examples(tmp_path / "e")
    dataset = ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8, features=["score"])
    batch = next(iter(dataset))
    tensors = [batch.timestamps, batch.features["score"], batch.histories.values, batch.user_ids]
    for tensor in tensors:
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


@pytest.mark.parametrize("kind", ["timestamp", "bigint"])
def test_examples_come_in_time_order_whatever_the_names_of_the_files(tmp_path, sequences, kind):
    def as_micros(table: pa.Table) -> pa.Table:
        times = table.column("timestamp").cast(pa.int64())
        return table.set_column(2, "timestamp", times) if kind == "bigint" else table

    write_examples(tmp_path / "e", n_commits=9, order="timestamp", change=as_micros)
    histories = SequenceHistories(sequences)
    dataset = ExampleDataset(
        tmp_path / "e", histories, 8, order="time", window=24, features=["example"]
    )
    batches = load(dataset)
    times = torch.cat([batch.timestamps for batch in batches])
    assert (times.diff() >= 0).all()
    numbers = chain.from_iterable(batch.features["example"].tolist() for batch in batches)
    assert sorted(numbers) == list(range(200))


def test_files_out_of_time_order_are_refused(tmp_path, sequences):
    write_examples(tmp_path / "e")
    with pytest.raises(
        TableError, match=r"must not overlap in time where order is 'time', got .*parquet"
    ):
        ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8, order="time")


def test_rows_out_of_time_order_are_refused_while_reading(tmp_path, sequences):
    write_examples(tmp_path / "e", n=20, n_commits=1)
    dataset = ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8, order="time")
    with pytest.raises(
        InputError,
        match=r"timestamps must not decrease where order is 'time', one does in .*parquet",
    ):
        list(dataset)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"batch_size": 0}, InputError, "batch_size must be a whole number, 1 or more, got 0"),
        ({"batch_size": 2.5}, InputError, "batch_size must be a whole number, .* got 2.5"),
        ({"newest": 2.5}, InputError, "newest must be a whole number, 1 or more, got 2.5"),
        ({"newest": True}, InputError, "newest must be a whole number, 1 or more, got True"),
        ({"window": 8.5}, InputError, "window must be a whole number, 1 or more, got 8.5"),
        ({"window": 7}, InputError, "window must be batch_size, 8, or more, got 7"),
        ({"order": "user"}, InputError, "order must be 'stored' or 'time', got 'user'"),
        ({"order": "time", "shuffle_seed": 1}, InputError, "shuffle_seed must be None where order"),
        ({"features": ["lable"]}, TableError, r"columns of .* got 'lable'; did you mean 'label'\?"),
        ({"features": ["tags"]}, TableError, "tags must be .* in .*, got array"),
        ({"version": 9}, TableError, r"version must be one that the log .* got 9"),
    ],
)
def test_arguments_that_cannot_be_are_refused(tmp_path, sequences, arguments, error, said):
    tags = pa.array([["a"]] * 20)
    write_examples(
        tmp_path / "e", n=20, n_commits=1, change=lambda t: t.append_column("tags", tags)
    )
    with pytest.raises(error, match=said):
        ExampleDataset(
            tmp_path / "e", SequenceHistories(sequences), **({"batch_size": 8} | arguments)
        )


def test_examples_whose_users_are_of_another_type_are_refused(tmp_path, sequences):
    def as_text(table: pa.Table) -> pa.Table:
        return table.set_column(1, "user_id", table.column("user_id").cast(pa.string()))

    write_examples(tmp_path / "e", change=as_text)
    with pytest.raises(TableError, match=r"user_id must be long in .*, got string"):
        ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8)
    with pytest.raises(
        TableError, match=r"examples must be a Delta table, found none at .*nowhere"
    ):
        ExampleDataset(tmp_path / "nowhere", SequenceHistories(sequences), 8)


def test_a_null_among_the_features_is_refused_with_its_file(tmp_path, sequences):
    def with_null(table: pa.Table) -> pa.Table:
        scores = pa.array([None, *table.column("score").to_pylist()[1:]], pa.float32())
        return table.set_column(3, "score", scores)

    write_examples(tmp_path / "e", change=with_null)
    dataset = ExampleDataset(tmp_path / "e", SequenceHistories(sequences), 8, features=["score"])
    with pytest.raises(InputError, match=r"score must not be null, got a null in .*parquet"):
        list(dataset)


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("timestamp", pa.array(["2024-01-01"]), "timestamp must be timestamp or .*, got string"),
        ("timestamp", pa.array([1.5]), "timestamp must be timestamp or .*, got double"),
        ("user_id", pa.array([1.5]), "user_id must be long in .*, got double"),
        ("user_id", pa.array(["a"]), "user_id must be long in .*, got string"),
    ],
)
def test_a_key_that_is_a_feature_too_is_of_its_type(tmp_path, sequences, name, column, said):
    histories = SequenceHistories(sequences)
    columns = {"user_id": pa.array([1]), "timestamp": pa.array([0])}
    deltalake.write_deltalake(tmp_path / "e", pa.table(columns | {name: column}))
    with pytest.raises(TableError, match=said):
        ExampleDataset(tmp_path / "e", histories, 8, features=[name])

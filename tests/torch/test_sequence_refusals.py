"""What the reader refuses, and how it says so."""

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from sequence_tables import CODEBOOK_ID, Segment, Sequences, random_segments, write_sequences

from semantic_ids.errors import InputError, TableError
from semantic_ids.trainers import SequenceDataset, SequenceHistories

pytestmark = pytest.mark.torch


def change_log(path: str, version: int, change) -> None:
    """Rewrite the actions of a commit: what deltalake cannot write is written by hand."""
    file = Path(path) / "_delta_log" / f"{version:020}.json"
    actions = [change(json.loads(line)) for line in file.read_text().splitlines()]
    file.write_text("\n".join(map(json.dumps, actions)) + "\n")


def delete_row_0(table: Sequences) -> None:
    """Mark the first row of one file as deleted by a deletion vector, as Delta's protocol says."""
    keys = struct.pack("<iIHHIH", 12346, 1, 0, 0, 16, 0)  # a roaring bitmap that holds 0
    bitmap = struct.pack("<IQI", 1681511377, 1, 0) + keys
    stored = struct.pack(">i", len(bitmap)) + bitmap + struct.pack(">I", zlib.crc32(bitmap))
    vector = Path(table.path) / "deletion_vector.bin"
    vector.write_bytes(b"\x01" + stored)
    descriptor = {
        "storageType": "p",
        "pathOrInlineDv": vector.as_uri(),
        "offset": 1,
        "sizeInBytes": len(bitmap),
        "cardinality": 1,
    }
    marked = []

    def mark(action: dict) -> dict:
        if "add" in action and not marked:
            marked.append(True)
            action["add"]["deletionVector"] = descriptor
        return action

    change_log(table.path, 0, mark)


def enable_deletion_vectors(table: Sequences) -> None:
    protocol = {
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": ["deletionVectors"],
        "writerFeatures": ["deletionVectors"],
    }
    change_log(table.path, 0, lambda a: {"protocol": protocol} if "protocol" in a else a)


def test_a_table_with_deletion_vectors_is_refused(sequences):
    enable_deletion_vectors(sequences)
    delete_row_0(sequences)
    with pytest.raises(TableError, match=r"without deletion vectors.* has some in version 2"):
        SequenceDataset(sequences.path, 8)


def test_a_table_that_may_have_deletion_vectors_but_has_none_is_read(sequences):
    enable_deletion_vectors(sequences)
    dataset = SequenceDataset(sequences.path, 8)
    assert sum(len(batch) for batch in dataset) == len(sequences.segments)


def test_a_table_with_column_mapping_is_refused(sequences):
    def map_columns(action: dict) -> dict:
        if "metaData" in action:
            action["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"
            schema = json.loads(action["metaData"]["schemaString"])
            for i, field in enumerate(schema["fields"]):
                field["metadata"] = {
                    "delta.columnMapping.id": i + 1,
                    "delta.columnMapping.physicalName": field["name"],
                }
            action["metaData"]["schemaString"] = json.dumps(schema)
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        return action

    change_log(sequences.path, 0, map_columns)
    change_log(sequences.path, 2, map_columns)
    with pytest.raises(TableError, match="without column mapping, got mode 'name'"):
        SequenceDataset(sequences.path, 8)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"must be a Delta table, found none at .*nowhere"):
        SequenceDataset(str(tmp_path / "nowhere"), 8)


@pytest.mark.parametrize("version", [3, 99])
def test_a_version_that_does_not_exist_is_refused(sequences, version):
    with pytest.raises(TableError, match=rf"the latest is 2\), got {version}"):
        SequenceDataset(sequences.path, 8, version=version)


def test_a_negative_version_is_refused(sequences):
    with pytest.raises(InputError, match="version must be a whole number, 0 or more, got -1"):
        SequenceDataset(sequences.path, 8, version=-1)


def test_an_unknown_column_is_refused_with_the_nearest_name(sequences):
    with pytest.raises(TableError, match=r"columns must .* 'quantty'; did you mean 'quantity'\?"):
        SequenceDataset(sequences.path, 8, columns=["quantty"])


def test_a_table_that_lacks_a_column_is_refused_with_the_nearest_name(tmp_path):
    table = write_sequences(
        tmp_path / "t",
        random_segments(3),
        change=lambda t: t.rename_columns([{"sids": "sid"}.get(c, c) for c in t.column_names]),
    )
    with pytest.raises(TableError, match="must have a column 'sids'; did you mean 'sid'"):
        SequenceDataset(table.path, 8)


def test_a_column_of_the_wrong_type_is_refused(tmp_path):
    table = write_sequences(
        tmp_path / "t",
        random_segments(3),
        change=lambda t: t.set_column(3, "n_events", pa.array([1.5, 2.5, 3.5])),
    )
    with pytest.raises(TableError, match=r"n_events must be integer .*, got double"):
        SequenceDataset(table.path, 8)


def test_a_table_of_another_format_is_refused(tmp_path):
    table = write_sequences(
        tmp_path / "t", random_segments(3), properties={"semantic_ids.format": "2"}
    )
    with pytest.raises(TableError, match=r"semantic_ids.format must be '1' .*, got '2'"):
        SequenceDataset(table.path, 8)


@pytest.mark.parametrize(
    ("event_columns", "said"),
    [({"quantity": "<u4"}, "got quantity: <u4"), ({"colour": "<i4"}, "on a column of None")],
)
def test_event_columns_that_are_not_there_are_refused(tmp_path, event_columns, said):
    properties = {
        "semantic_ids.format": "1",
        "semantic_ids.event_columns": json.dumps(event_columns),
    }
    table = write_sequences(tmp_path / "t", random_segments(3), properties=properties)
    with pytest.raises(TableError, match=said):
        SequenceDataset(table.path, 8)


def test_a_table_of_several_codebooks_is_refused_unless_one_is_chosen(tmp_path):
    table = write_sequences(
        tmp_path / "t",
        random_segments(5, codebook_id="a" * 32),
        random_segments(5, first_user=5, codebook_id="b" * 32),
    )
    with pytest.raises(TableError, match=r"codebook_id must be chosen .* has a{32}, b{32}"):
        SequenceDataset(table.path, 8)
    with pytest.raises(TableError, match=r"got 'c{32}'; it must be one of: a{32}, b{32}"):
        SequenceDataset(table.path, 8, codebook_id="c" * 32)


def test_files_that_lack_a_later_column_are_refused(tmp_path):
    old = write_sequences(tmp_path / "t", random_segments(5), event_columns={})
    new = write_sequences(tmp_path / "u", random_segments(5), event_columns={"quantity": "<i4"})
    change_log(
        old.path,
        0,
        lambda a: a if "metaData" not in a else _metadata_of(new.path),
    )
    change_log(old.path, 1, lambda a: a if "metaData" not in a else _metadata_of(new.path))
    with pytest.raises(TableError, match="each file must have one column quantity, got 0 in"):
        SequenceDataset(old.path, 8)


def _metadata_of(path: str) -> dict:
    log = Path(path) / "_delta_log" / f"{1:020}.json"
    return next(a for a in map(json.loads, log.read_text().splitlines()) if "metaData" in a)


def test_a_file_that_is_gone_is_refused(sequences):
    next(Path(sequences.path).rglob("*.parquet")).unlink()
    with pytest.raises(TableError, match=r"is gone: was the table vacuumed\?"):
        SequenceDataset(sequences.path, 8)


def test_a_damaged_file_is_refused(sequences):
    file = next(Path(sequences.path).rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(TableError, match="must be a sound Parquet file"):
        SequenceDataset(sequences.path, 8)


@pytest.mark.parametrize(
    ("name", "blob", "said"),
    [
        ("sids", b"1234", "sids must have 5 bytes for each of .* events, got 4 bytes for user 1"),
        ("quantity", b"1", "quantity must have 4 bytes for each .* got 1 bytes for user 1"),
        ("timestamps", None, "timestamps must not be null"),
    ],
)
def test_a_segment_whose_columns_disagree_is_refused_while_reading(tmp_path, name, blob, said):
    def damage(table):
        blobs = table.column(name).to_pylist()
        blobs[1] = blob
        return table.set_column(table.column_names.index(name), name, pa.array(blobs, pa.binary()))

    table = write_sequences(tmp_path / "t", random_segments(9), change=damage)
    dataset = SequenceDataset(table.path, 2)
    with pytest.raises(InputError, match=said):
        list(dataset)


def replaced(table: pa.Table, name: str, change: Callable[[list], list]) -> pa.Table:
    """Give a table with other values in a column."""
    place = table.column_names.index(name)
    column = pa.array(change(table.column(name).to_pylist()), table.schema.field(place).type)
    return table.set_column(place, name, column)


READERS = [lambda path: SequenceDataset(path, 8), SequenceHistories]


@pytest.mark.parametrize("reader", READERS)
def test_segments_without_a_codebook_are_refused_with_their_file(tmp_path, reader):
    table = write_sequences(
        tmp_path / "t",
        in_one_file(random_segments(9)),
        row_group_size=3,
        change=lambda t: replaced(t, "codebook_id", lambda ids: [None, None, *ids[2:-1], None]),
    )
    with pytest.raises(
        TableError, match=r"codebook_id must not be null, got null in 3 of 9 rows of .*parquet"
    ):
        reader(table.path)


def test_histories_do_not_take_a_log_that_counts_no_nulls_for_one_without(tmp_path):
    table = write_sequences(
        tmp_path / "t",
        in_one_file(random_segments(9)),
        change=lambda t: replaced(t, "codebook_id", lambda ids: [None, *ids[1:]]),
    )

    def forget(action: dict) -> dict:
        if "add" in action:
            stats = json.loads(action["add"]["stats"])
            del stats["nullCount"]["codebook_id"]
            action["add"]["stats"] = json.dumps(stats)
        return action

    change_log(table.path, 0, forget)
    with pytest.raises(TableError, match="codebook_id must not be null, got null in 1 of 9 rows"):
        SequenceHistories(table.path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("n_bytes_left", [4, 10, 0])
def test_the_width_is_that_of_most_segments_and_not_of_a_damaged_one(
    tmp_path, reader, n_bytes_left
):
    segments = in_one_file([s for s in random_segments(20) if s.sids])
    n_events = [len(s.sids) for s in segments]
    damaged = n_events.index(max(n_events))
    segments.insert(0, segments.pop(damaged))

    def damage(sids: list[bytes]) -> list[bytes]:
        return [b"x" * n_bytes_left * max(n_events), *sids[1:]]

    table = write_sequences(tmp_path / "t", segments, change=lambda t: replaced(t, "sids", damage))
    assert reader(table.path).width == 5
    with pytest.raises(InputError, match=f"sids must have 5 .* for user {segments[0].user_id} in"):
        list(SequenceDataset(table.path, 8))


@pytest.mark.parametrize("reader", READERS)
def test_statistics_are_those_of_the_column_though_a_struct_stands_before_it(tmp_path, reader):
    structs = pa.array([{"a": "x", "b": "y"}] * 30)
    table = write_sequences(
        tmp_path / "t", random_segments(30), change=lambda t: t.add_column(0, "extra", structs)
    )
    assert reader(table.path).codebook_id == CODEBOOK_ID
    expected = [len(s.sids) for s in table.segments]
    assert sum(map(len, SequenceDataset(table.path, 8))) == len(expected)
    assert SequenceHistories(table.path).of(range(30)).lengths.tolist() == expected


def in_one_file(segments: list[Segment]) -> list[Segment]:
    return [replace(s, ds=segments[0].ds, bucket=0) for s in segments]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or more, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number, 1 or more, got 2.5"),
        ({"rank": 0.5}, "rank must be a whole number, 0 or more, got 0.5"),
        ({"rank": -1}, "rank must be a whole number, 0 or more, got -1"),
        ({"world_size": True}, "world_size must be a whole number, 1 or more, got True"),
        ({"version": 10**30}, r"version must be below 2 \*\* 63, got 10{30}"),
        ({"version": 1.5}, "version must be a whole number, 0 or more, got 1.5"),
        ({"rank": 2, "world_size": 2}, r"rank must be in \[0, world_size\), got 2 of 2"),
        ({"values": "int"}, "values must be 'sids' or 'bytes', got 'int'"),
    ],
)
def test_arguments_out_of_range_are_refused(sequences, arguments, said):
    with pytest.raises(InputError, match=said):
        SequenceDataset(sequences.path, **({"batch_size": 8} | arguments))


@pytest.mark.parametrize("arguments", [{"codebook_id": 5}, {"columns": [1]}])
def test_names_that_are_none_are_refused(sequences, arguments):
    with pytest.raises(TableError, match=r"(codebook_id|columns) must be of the table, got [51];"):
        SequenceDataset(sequences.path, 8, **arguments)


@pytest.mark.parametrize("ds", [("2024-01-01",), "2024-01-01", ["2024-01-01"] * 3])
def test_dates_that_are_not_two_are_refused(sequences, ds):
    with pytest.raises(
        InputError, match=r"ds must be two dates such as 2024-01-31, got .*2024-01-01"
    ):
        SequenceDataset(sequences.path, 8, ds=ds)


@pytest.mark.parametrize("user_id", [2**63, -(2**63) - 1])
def test_users_beyond_int64_are_refused(sequences, user_id):
    with pytest.raises(InputError, match="user_ids must be int64 as in the table"):
        SequenceHistories(sequences.path).of([user_id])


def test_more_newest_events_than_can_be_counted_are_refused(sequences):
    with pytest.raises(InputError, match=r"newest must be below 2 \*\* 63, got 10{30}"):
        SequenceHistories(sequences.path).of([1], newest=10**30)


def test_dates_that_are_none_are_refused(sequences):
    with pytest.raises(InputError, match="ds must be two dates such as 2024-01-31, got 'monday'"):
        SequenceDataset(sequences.path, 8, ds=("2024-01-01", "monday"))


def test_the_timestamps_of_a_batch_read_without_them_are_refused(sequences):
    batch = next(iter(SequenceDataset(sequences.path, 8, columns=["quantity"])))
    with pytest.raises(TableError, match=r"timestamps must be among .* got \['quantity'\]"):
        batch.timestamps  # noqa: B018  # the property raises

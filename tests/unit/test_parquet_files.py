"""Parquet files read beside Spark: footers, sharing out, rows, and what is said of damage."""

import itertools
import re
import subprocess
import sys
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.errors import TableError
from semantic_ids.spark.parquet_files import (
    RowGroup,
    balance,
    read_footers,
    read_rows,
)

DIM = 6


def table_of(n, ids=None, kind=None):
    vectors = np.arange(n * DIM, dtype=np.float32).reshape(n, DIM)
    ids = pa.array(range(n), pa.int64()) if ids is None else ids
    return pa.table(
        {"item_id": ids, "text": pa.array(list(vectors), kind or pa.list_(pa.float32()))}
    )


def uri_of(path, scheme="file://"):
    return scheme + quote(str(path))


def footers_of(*uris, collection="text"):
    return read_footers(uris, range(len(uris)), [collection]).to_pylist()


def groups_of(*uris):
    return [
        RowGroup(uris[row["file"]], row["row_group"], row["size_bytes"])
        for row in footers_of(*uris)
    ]


def rows_of(groups, item_id=None, batch_rows=4):
    batches = list(
        read_rows(groups, ["text"], item_id=item_id or pa.int64(), batch_rows=batch_rows)
    )
    assert all(len(batch) <= batch_rows for batch in batches)
    return pa.Table.from_batches(batches)


@pytest.fixture
def write(tmp_path):
    numbers = itertools.count()

    def write(table, row_group_size=7, **options):
        path = tmp_path / f"part {next(numbers)} 100%25 #1.parquet"
        pq.write_table(table, path, row_group_size=row_group_size, **options)
        return path

    return write


def test_of_files_of_a_feed_the_rows_that_came_are_read_with_their_version(write):
    kinds = ["insert", "delete", "update_preimage", "update_postimage"] * 5
    changes = write(table_of(20).append_column("_change_type", pa.array(kinds)))
    appended = write(table_of(3))
    groups = [
        RowGroup(uri_of(path), index, 1, version)
        for path, version, n_groups in ((changes, 4, 3), (appended, 5, 1))
        for index in range(n_groups)
    ]
    rows = rows_of(groups)
    came = [i for i in range(20) if i % 4 in (0, 3)]
    assert rows["item_id"].to_pylist() == [*came, 0, 1, 2]
    assert rows["version"].to_pylist() == [4] * 10 + [5] * 3
    vectors = table_of(20)["text"].take(came).to_pylist()
    assert rows["text"].to_pylist() == [*vectors, *table_of(3)["text"].to_pylist()]
    whole = RowGroup(uri_of(changes), 0, 1)
    assert rows_of([whole]).num_rows == 7


@pytest.mark.parametrize("scheme", ["file://", "file:"])
def test_footers_list_every_row_group_and_what_its_two_columns_weigh(write, scheme):
    wide = table_of(20).append_column("text2", pa.array(["x" * 1000] * 20))
    path = write(wide)
    metadata = pq.read_metadata(path)
    found = footers_of(uri_of(path, scheme))
    assert [(row["row_group"], row["rows"]) for row in found] == [(0, 7), (1, 7), (2, 6)]
    for row in found:
        chunks = [metadata.row_group(row["row_group"]).column(i) for i in (0, 1)]
        assert row["size_bytes"] == sum(chunk.total_compressed_size for chunk in chunks)
        assert row["problem"] is None


def test_only_the_places_asked_for_are_read(write):
    uris = [uri_of(write(table_of(3))), "file:///there/is/none", uri_of(write(table_of(2)))]
    found = read_footers(uris, [0, 2], ["text"]).to_pylist()
    assert [(row["file"], row["rows"]) for row in found] == [(0, 3), (2, 2)]
    assert read_footers(uris, [], ["text"]).num_rows == 0


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("file:///there is/none.parquet", "pyarrow cannot open file:///there is/none.parquet: "),
        ("abfss://a@b/c.parquet", "pyarrow cannot open abfss://a@b/c.parquet: its scheme must be"),
        ("no scheme", "pyarrow cannot open no scheme: "),
    ],
)
def test_a_file_that_pyarrow_cannot_reach_is_no_broken_file(uri, sentence):
    (found,) = footers_of(uri)
    assert found["problem"].startswith(sentence)
    assert not found["broken"]


def test_an_encrypted_file_is_left_to_spark(write):
    path = write(table_of(3))
    path.write_bytes(path.read_bytes()[:-4] + b"PARE")
    (found,) = footers_of(uri_of(path))
    assert (found["broken"], found["problem"]) == (False, f"file://{path} is encrypted")


@pytest.mark.parametrize("damage", ["empty", "short", "cut", "text", "footer"])
def test_a_broken_file_is_named(write, damage):
    path = write(table_of(50))
    whole = path.read_bytes()
    broken = {
        "empty": b"",
        "short": b"PAR",
        "cut": whole[: len(whole) // 2],
        "text": b"item_id,text\n" * 100,
        "footer": whole[:-60] + b"\xff" * 52 + whole[-8:],
    }
    path.write_bytes(broken[damage])
    (found,) = footers_of(uri_of(path))
    assert found["broken"]
    assert found["problem"].startswith(f"file://{path} is no Parquet file: ")
    assert "\n" not in found["problem"]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (table_of(2).rename_columns(["item_id", "Text"]), "has no column of the very name 'text'"),
        (table_of(2).drop(["item_id"]), "has no column of the very name 'item_id'"),
        (table_of(2, pa.array([1.0, 2.0])), "holds 'item_id' as double"),
        (table_of(2, kind=pa.list_(pa.int32())), "holds 'text' as list<element: int32>"),
    ],
)
def test_a_type_that_pyarrow_would_read_otherwise_is_left_to_spark(write, table, problem):
    path = write(table)
    (found,) = footers_of(uri_of(path))
    assert (found["broken"], found["problem"]) == (False, f"file://{path} {problem}")


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.uint32(), pa.int64()], ids=str)
def test_integer_ids_are_read_as_int64(write, kind):
    rows = rows_of(groups_of(uri_of(write(table_of(20, pa.array(range(20), kind))))))
    assert rows.schema.names == ["item_id", "text"]
    assert rows["item_id"].type == pa.int64()
    assert rows["item_id"].to_pylist() == list(range(20))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_string_ids_are_read_as_strings(write, kind):
    ids = [*"abcdefghi", None]
    rows = rows_of(groups_of(uri_of(write(table_of(10, pa.array(ids, kind))))), pa.string())
    assert rows["item_id"].type == pa.string()
    assert rows["item_id"].to_pylist() == ids


def test_the_row_groups_asked_for_are_read_from_several_files(write):
    first, second = (uri_of(write(table_of(n))) for n in (20, 9))
    groups = groups_of(first, second)
    chosen = [groups[4], groups[1], groups[2]]
    ids = rows_of(chosen)["item_id"].to_pylist()
    assert sorted(ids) == sorted([7, 8, *range(7, 14), *range(14, 20)])
    assert rows_of(groups)["text"].to_pylist()[:2] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


@pytest.mark.parametrize("damage", ["header", "one bit"])
def test_a_page_that_is_damaged_is_one_sentence_that_names_the_file(write, damage):
    options = {"use_dictionary": False, "write_page_checksum": True}
    path = write(table_of(500), row_group_size=500, **options)
    groups = groups_of(uri_of(path))
    chunk = pq.read_metadata(path).row_group(0).column(1)
    damaged = bytearray(path.read_bytes())
    start = chunk.data_page_offset
    if damage == "header":
        damaged[start : start + 100] = b"\x00" * 100
    else:
        damaged[start + chunk.total_compressed_size // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(TableError, match=f"^file://{re.escape(str(path))} cannot be read: .+$"):
        rows_of(groups)


def test_a_file_that_went_away_is_named(write):
    path = write(table_of(5))
    groups = groups_of(uri_of(path))
    path.unlink()
    with pytest.raises(TableError, match=f"^file://{re.escape(str(path))} cannot be read: "):
        rows_of(groups)


@given(
    sizes=st.lists(st.integers(0, 1000), max_size=30),
    n_tasks=st.integers(1, 12),
)
def test_sharing_out_loses_no_row_group_and_is_near_the_best(sizes, n_tasks):
    groups = [RowGroup(f"file:///{n % 3}", n, size) for n, size in enumerate(sizes)]
    tasks = balance(groups, n_tasks)
    assert sorted(itertools.chain(*tasks), key=lambda g: g.index) == groups
    assert all(tasks)
    assert len(tasks) == min(n_tasks, len(sizes))
    if sizes:
        best_at_least = max(*sizes, sum(sizes) / n_tasks)
        heaviest = max(sum(group.size_bytes for group in task) for task in tasks)
        assert heaviest <= 2 * best_at_least
    assert balance(groups[::-1], n_tasks) == tasks


def test_few_large_and_many_small_row_groups_weigh_alike():
    sizes = [400, 390, *[10] * 80]
    groups = [RowGroup("file:///a", n, size) for n, size in enumerate(sizes)]
    weights = [sum(group.size_bytes for group in task) for task in balance(groups, 4)]
    assert max(weights) - min(weights) <= 10


def test_a_large_row_group_is_read_in_little_memory(tmp_path):
    path = tmp_path / "large.parquet"
    values = pa.array(np.zeros(20_000 * 384, np.float32))
    lists = pa.FixedSizeListArray.from_arrays(values, 384).cast(pa.list_(pa.float32()))
    table = pa.table({"item_id": np.arange(20_000), "text": lists})
    options = {"row_group_size": 20_000, "compression": "none", "use_dictionary": False}
    pq.write_table(table, path, **options)
    script = f"""
import pyarrow as pa
from semantic_ids.spark.parquet_files import RowGroup, read_rows
groups = [RowGroup({uri_of(path)!r}, 0, 0)]
rows = sum(len(b) for b in read_rows(groups, ["text"], item_id=pa.int64(), batch_rows=1_000))
print(rows, pa.default_memory_pool().max_memory())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=120
    )
    rows, peak_bytes = map(int, done.stdout.split())
    assert rows == 20_000
    assert peak_bytes < table.nbytes * 0.8

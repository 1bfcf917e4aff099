"""Rows to SIDs through Spark and through pyarrow: the same rows, whatever is in the files."""

from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta_tables import embeddings
from pyspark.sql.types import LongType, StringType

from semantic_ids.codebook import encode
from semantic_ids.errors import TableError
from semantic_ids.spark import encoding
from semantic_ids.spark.encoding import Stored, sids_of
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of

pytestmark = pytest.mark.spark

FLOATS, DOUBLES = pa.list_(pa.float32()), pa.list_(pa.float64())


@pytest.fixture
def folder(tmp_path):
    """Name a folder that a careless program would not find again."""
    path = tmp_path / "a folder" / "100% #1 %20"
    path.mkdir(parents=True)
    return path


def write(folder, *tables, row_group_size=7, **options):
    """Write a file a table and give their URIs."""
    paths = [folder / f"part {n} 50%25 #2 ü.parquet" for n in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path, row_group_size=row_group_size, **options)
    return ["file://" + quote(str(path)) for path in paths]


def both(spark, folder, codebook, files, *, item_id=None, binary_dtype="float32"):
    """Encode a folder's files both ways and give the rows, once they are found to be equal."""
    rows = spark.read.parquet(f"file://{folder}")
    options = {"item_id": item_id or StringType(), "binary_dtype": binary_dtype}
    through_spark = sids_of(rows, codebook, **options)
    direct = sids_of(rows, codebook, stored=Stored(files), **options)
    assert (through_spark.path, direct.path) == ("spark", "pyarrow")
    assert direct.frame.schema == through_spark.frame.schema
    found, expected = (sorted_rows(encoded.frame) for encoded in (direct, through_spark))
    assert found == expected
    return found


def sorted_rows(frame):
    return sorted((tuple(row) for row in frame.collect()), key=repr)


def spoiled(items):
    """Give rows of every fault among good ones, two of them of one item."""
    good = items.vectors[0].tolist()
    faults = [None, [], good[:-1], [*good, 0.0], [None, *good[1:]], [float("nan"), *good[1:]]]
    vectors = [*(row.tolist() for row in items.vectors[:20]), *faults, good, good]
    return embeddings([*items.ids[:20], *"abcdef", None, items.ids[0]], vectors, DOUBLES)


def test_ids_that_are_no_text_are_rejects(spark, folder, items, codebook):
    ids = pa.array([b"a", b"\xffA", None, "ü".encode()]).view(pa.string())
    files = write(folder, embeddings(ids, [row.tolist() for row in items.vectors[:4]]))
    rows = spark.read.parquet(f"file://{folder}")
    for stored in (None, Stored(files)):
        encoded = sids_of(
            rows, codebook, item_id=StringType(), binary_dtype="float32", stored=stored
        )
        found = {
            bytes.fromhex(row["id"] or ""): row["reason"]
            for row in encoded.frame.selectExpr("hex(item_id) as id", "reason").collect()
        }
        reasons = {b"\xffA": "item_id is not UTF-8", b"": "item_id is null"}
        assert found == {b"a": None, "ü".encode(): None} | reasons


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (FLOATS, "float32"),
        (DOUBLES, "float32"),
        (pa.large_list(pa.float32()), "float32"),
        (pa.list_(pa.float32(), 384), "float32"),
        (pa.binary(), "float32"),
        (pa.binary(), "float16"),
        (pa.binary(768), "float16"),
    ],
    ids=str,
)
def test_every_embedding_type_gives_the_same_rows(
    spark, folder, items, codebook, expected_sids, kind, dtype
):
    vectors = items.vectors
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        vectors = [row.astype(f"<{np.dtype(dtype).str[1:]}").tobytes() for row in vectors]
    table = embeddings(items.ids, vectors, kind)
    files = write(folder, table.slice(0, 50), table.slice(50))
    rows = both(spark, folder, codebook, files, binary_dtype=dtype)
    assert {item_id: sid for item_id, sid, _ in rows} == expected_sids


@pytest.mark.parametrize("parallelism", [1, 3, 40])
def test_faulty_rows_and_files_without_rows_give_the_same_rows(
    spark, folder, items, codebook, monkeypatch, parallelism
):
    monkeypatch.setattr(encoding, "_TASK_BYTES", 1 + 2_000_000 // parallelism**2)
    table = spoiled(items)
    files = write(folder, table, table.slice(0, 0), table.slice(5, 3), row_group_size=4)
    rows = both(spark, folder, codebook, files)
    assert len(rows) == len(table) + 3
    assert all((sid is None) != (reason is None) for _, sid, reason in rows)
    assert len({reason for _, _, reason in rows}) == 7


@pytest.mark.parametrize(
    ("kind", "item_id"),
    [(pa.int32(), LongType()), (pa.int64(), LongType()), (pa.large_string(), StringType())],
    ids=str,
)
def test_every_type_of_item_id_gives_the_same_rows(spark, folder, items, codebook, kind, item_id):
    ids = pa.array([None, *range(-1, 10)]).cast(kind)
    files = write(folder, embeddings(ids, items.vectors[:12]))
    rows = both(spark, folder, codebook, files, item_id=item_id)
    sids = encode(items.vectors[:12], codebook).tolist()
    cast = int if isinstance(item_id, LongType) else str
    expected = {cast(n): sid for n, sid in zip(range(-1, 10), sids[1:], strict=True)}
    assert {row[0]: row[1] for row in rows if row[2] is None} == expected


def test_a_table_without_rows_gives_none(spark, folder, items, codebook):
    files = write(folder, embeddings(items.ids, items.vectors).slice(0, 0))
    assert both(spark, folder, codebook, files) == []


def test_which_path_ran_and_why_is_said(spark, folder, items, codebook):
    table = embeddings(items.ids[:20], items.vectors[:20])
    files = write(folder, table, table)
    rows = spark.read.parquet(f"file://{folder}")

    def why(given):
        found = sids_of(
            rows,
            codebook,
            item_id=StringType(),
            binary_dtype="float32",
            stored=None if given is None else Stored(given),
        )
        assert found.frame.count() == 40
        return found.path, found.why

    assert why(files) == ("pyarrow", "2 files of 6 row groups")
    assert why(None) == ("spark", "no files hold exactly these rows")
    path, said = why([*files[:1], "wasb://somewhere/else.parquet"])
    assert (path, said.startswith("pyarrow cannot open wasb://somewhere/else.parquet: ")) == (
        "spark",
        True,
    )
    path, said = why(["wasb://somewhere/else.parquet"])
    assert (path, said.startswith("pyarrow cannot open wasb://")) == ("spark", True)


def test_files_that_only_spark_reads_as_meant_go_through_spark(spark, folder, items, codebook):
    narrow = pa.array(items.vectors[:3].tolist(), FLOATS)
    tables = [pa.table({"item_id": ["a", "b", "c"], name: narrow}) for name in ("text", "other")]
    files = write(folder, *tables)
    rows = spark.read.option("mergeSchema", True).parquet(f"file://{folder}")
    found = sids_of(
        rows, codebook, item_id=StringType(), binary_dtype="float32", stored=Stored(files)
    )
    assert found.path == "spark"
    assert found.why.endswith("has no column of the very name 'text'")
    assert [reason for _, _, reason in sorted_rows(found.frame)].count(None) == 3


def test_a_truncated_file_is_one_sentence_before_any_work(spark, folder, items, codebook):
    files = write(folder, *[embeddings(items.ids, items.vectors)] * 3)
    rows = spark.read.parquet(f"file://{folder}")
    path = sorted(folder.iterdir())[1]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TableError) as caught:
        sids_of(rows, codebook, item_id=StringType(), binary_dtype="float32", stored=Stored(files))
    assert str(caught.value).startswith(f"embeddings: file://{path} is no Parquet file: ")


def test_a_damaged_page_is_one_sentence_from_the_executor(spark, folder, items, codebook):
    table = embeddings(items.ids, items.vectors)
    files = write(folder, table, table, row_group_size=120, use_dictionary=False)
    path = sorted(folder.iterdir())[1]
    start = pq.read_metadata(path).row_group(0).column(1).data_page_offset
    damaged = bytearray(path.read_bytes())
    damaged[start : start + 200] = b"\x00" * 200
    path.write_bytes(damaged)
    rows = spark.read.parquet(f"file://{folder}")
    found = sids_of(
        rows, codebook, item_id=StringType(), binary_dtype="float32", stored=Stored(files)
    )
    with pytest.raises(SPARK_ERRORS) as caught:
        found.frame.count()
    assert sentence_of(caught.value).startswith(f"file://{path} cannot be read: ")

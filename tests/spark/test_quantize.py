"""SIDs on executors against encode on arrays, and what the two tables hold after each run."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from delta_tables import embeddings, version_of
from pyspark.sql import SparkSession

from semantic_ids.codebook import encode
from semantic_ids.errors import TableError
from semantic_ids.spark.item_runs import ItemRun, update_sids
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.quantize import (
    Outputs,
    id_type,
    item_sids_output,
    quantize,
    rejected_items_output,
    with_ids,
)

pytestmark = pytest.mark.spark

DUPLICATE = "another row has the same item_id"
NOT_FINITE = "the embedding holds a null, NaN, infinity or too large a value"
FLOATS, DOUBLES = pa.list_(pa.float32()), pa.list_(pa.float64())


def quantized(source, codebook, binary_dtype="float32", n_parts=2):
    item_id = id_type(source, "item_id")
    rows = with_ids(source.rows, codebook, item_id)
    options = {"item_id": item_id, "binary_dtype": binary_dtype, "n_parts": n_parts}
    return quantize(rows, codebook, **options).frame


def rows_of(source, codebook, binary_dtype="float32"):
    table = quantized(source, codebook, binary_dtype).toArrow()
    assert table.schema.names == ["item_id", "sid", "reason"]
    for sid, reason in zip(*(table[name].to_pylist() for name in ("sid", "reason")), strict=True):
        assert (sid is None) != (reason is None)
    return table


def sids_of(table):
    pairs = zip(table["item_id"].to_pylist(), table["sid"].to_pylist(), strict=True)
    return {item_id: sid for item_id, sid in pairs if sid is not None}


def reasons_of(table):
    rows = zip(table["item_id"].to_pylist(), table["reason"].to_pylist(), strict=True)
    return sorted((row for row in rows if row[1] is not None), key=repr)


# On executors


@pytest.mark.parametrize(("partitions", "batch_rows"), [(1, 10_000), (1, 7), (3, 10_000), (8, 7)])
def test_quantize_equals_encode_whatever_the_partitioning(
    source, items, codebook, expected_sids, spark_conf, partitions, batch_rows
):
    spark_conf("spark.sql.execution.arrow.maxRecordsPerBatch", str(batch_rows))
    opened = source(embeddings(items.ids, items.vectors), partitions=partitions)
    assert sids_of(rows_of(opened, codebook)) == expected_sids


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (FLOATS, "float32"),
        (DOUBLES, "float32"),
        (pa.large_list(pa.float32()), "float32"),
        (pa.binary(), "float32"),
        (pa.binary(), "float16"),
    ],
    ids=str,
)
def test_every_embedding_type_gives_the_same_sids(
    source, items, codebook, expected_sids, kind, dtype
):
    vectors = items.vectors  # float16 in the shop, so every type holds them exactly
    if kind == pa.binary():
        vectors = [row.astype(f"<{np.dtype(dtype).str[1:]}").tobytes() for row in vectors]
    opened = source(embeddings(items.ids, vectors, kind))
    assert sids_of(rows_of(opened, codebook, dtype)) == expected_sids


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (pa.int64(), "bigint"),
        (pa.int32(), "bigint"),
        (pa.int16(), "bigint"),
        (pa.string(), "string"),
        (pa.large_string(), "string"),
    ],
    ids=str,
)
def test_item_ids_are_bigint_or_string(source, items, codebook, expected_sids, kind, given):
    numbers = range(-3, len(items.ids) - 3)
    ids = pa.array(map(str, numbers) if given == "string" else numbers, kind)
    found = quantized(source(embeddings(ids, items.vectors)), codebook)
    assert found.schema["item_id"].dataType.simpleString() == given
    table = found.toArrow().sort_by("sid")
    assert sorted(table["sid"].to_pylist()) == sorted(expected_sids.values())
    assert set(table["item_id"].to_pylist()) == set(ids.to_pylist())


@pytest.mark.parametrize("kind", [pa.float64(), pa.date32(), pa.decimal128(20, 0)], ids=str)
def test_item_ids_of_another_type_are_refused(source, items, codebook, kind):
    ids = pa.array(range(3), pa.int32()).cast(kind)
    opened = source(embeddings(ids, items.vectors[:3]))
    with pytest.raises(TableError, match="column 'item_id' must be bigint or string, got "):
        quantized(opened, codebook)


@pytest.mark.parametrize("partitions", [1, 8])
def test_every_row_gets_a_sid_or_a_reason(source, items, codebook, expected_sids, partitions):
    good = [row.tolist() for row in items.vectors[:4]]
    spoiled = {
        "null": (None, "the embedding is null"),
        "empty": ([], "the embedding must have 384 values, got 0 values"),
        "short": (good[0][:-1], "the embedding must have 384 values, got 383 values"),
        "long": ([*good[0], 0.0], "the embedding must have 384 values, got 385 values"),
        "null value": ([None, *good[0][1:]], NOT_FINITE),
        "nan": ([float("nan"), *good[0][1:]], NOT_FINITE),
        "inf": ([*good[0][:-1], float("inf")], NOT_FINITE),
        "-inf": ([*good[0][:-1], -float("inf")], NOT_FINITE),
        "too large": ([1e39, *good[0][1:]], NOT_FINITE),
        None: (good[0], "item_id is null"),
    }
    ids = [*items.ids[:4], *spoiled, None]
    vectors = [*good, *(vector for vector, _ in spoiled.values()), None]
    table = rows_of(source(embeddings(ids, vectors, DOUBLES), partitions=partitions), codebook)
    assert len(table) == len(ids)
    assert sids_of(table) == {item_id: expected_sids[item_id] for item_id in items.ids[:4]}
    reasons = [(item_id, reason) for item_id, (_, reason) in spoiled.items()]
    assert reasons_of(table) == sorted([*reasons, (None, "item_id is null")], key=repr)


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_of_one_item_s_rows_the_lowest_sid_stays(source, items, codebook, partitions):
    ids = ["a", "b"] * 5 + ["c", "c"]
    vectors = [row.tolist() for row in items.vectors[:11]] + [None]
    table = rows_of(source(embeddings(ids, vectors, FLOATS), partitions=partitions), codebook)
    sids = encode(items.vectors[:11], codebook).tolist()
    assert sids_of(table) == {"a": min(sids[0:10:2]), "b": min(sids[1:10:2]), "c": sids[10]}
    assert reasons_of(table) == sorted(
        [("a", DUPLICATE)] * 4 + [("b", DUPLICATE)] * 4 + [("c", "the embedding is null")]
    )


def test_a_collection_is_found_by_its_very_name(source, items, codebook, expected_sids):
    table = embeddings(items.ids, items.vectors).rename_columns(["item_id", "text.v1 `x`"])
    named = dataclasses.replace(codebook, collections={"text.v1 `x`": 384})
    assert sids_of(rows_of(source(table), named)) == expected_sids


# The two tables


def read_delta(path):
    """Read a table that may have deletion vectors."""
    spark = SparkSession.getActiveSession()
    return spark.read.format("delta").load(str(path)).toArrow()


class Shop:
    """Two output tables, and the work that fills them."""

    def __init__(self, place, item_id):
        self.sids, self.rejects = place(), place()
        self.outputs = Outputs(
            item_sids_output(self.sids, item_id), rejected_items_output(self.rejects, item_id)
        )

    def run(self, source, codebook, run_id="run", binary_dtype="float32"):
        return update_sids(ItemRun(source, codebook, self.outputs, binary_dtype, "remove", run_id))

    def versions(self):
        return version_of(self.sids), version_of(self.rejects)

    def rows(self, codebook):
        table = read_delta(self.sids)
        keep = pa.compute.equal(table["codebook_id"], codebook.codebook_id)
        return sids_of(table.filter(keep))


@pytest.fixture
def shop(place, spark):
    from pyspark.sql.types import StringType

    return Shop(place, StringType())


def spoil(items, n):
    """Give n good rows, and a null embedding and a duplicate after them."""
    vectors = [*(row.tolist() for row in items.vectors[:n]), None, items.vectors[0].tolist()]
    return embeddings([*items.ids[:n], "none", items.ids[0]], vectors, FLOATS)


def test_rows_in_are_sids_and_rejects(shop, source, items, codebook, expected_sids):
    opened = source(spoil(items, 20))
    summary = shop.run(opened, codebook, run_id="run-1")
    assert shop.rows(codebook) == {item_id: expected_sids[item_id] for item_id in items.ids[:20]}
    rejects = read_delta(shop.rejects).sort_by("item_id").to_pylist()
    reasons = {items.ids[0]: DUPLICATE, "none": "the embedding is null"}
    assert rejects == [
        {
            "item_id": item_id,
            "reason": reasons[item_id],
            "run_id": "run-1",
            "codebook_id": codebook.codebook_id,
        }
        for item_id in sorted(reasons)
    ]
    assert (summary.rows_in, summary.rows_out, summary.rows_rejected) == (22, 20, 2)
    assert summary.message.startswith("22 rows in = 20 SIDs + 2 rejects (")
    assert summary.inputs == {"embeddings": opened.label}
    assert summary.codebook_id == codebook.codebook_id
    assert summary.metrics["by_reason"] == {DUPLICATE: 1, "the embedding is null": 1}


def test_a_second_run_with_nothing_new_makes_no_commit(shop, source, items, codebook):
    opened = source(spoil(items, 20))
    first = shop.run(opened, codebook)
    before = shop.versions()
    again = shop.run(opened, codebook)
    assert shop.versions() == before
    assert again.message.endswith("; nothing to do, this version has its SIDs")
    counts = ("rows_in", "rows_out", "rows_rejected", "metrics")
    assert [getattr(again, c) for c in counts] == [getattr(first, c) for c in counts]


@pytest.mark.slow
def test_a_changed_source_replaces_what_stood_and_one_that_goes_back_too(
    shop, source, items, codebook, expected_sids
):
    first = source(spoil(items, 20))
    second = source(embeddings(items.ids[10:30], items.vectors[10:30]))
    for opened, ids, rejects in ((first, items.ids[:20], 2), (second, items.ids[10:30], 0)) * 2:
        shop.run(opened, codebook)
        assert shop.rows(codebook) == {item_id: expected_sids[item_id] for item_id in ids}
        assert len(read_delta(shop.rejects)) == rejects


@pytest.mark.slow
def test_two_codebooks_live_side_by_side(shop, source, items, codebook, other_codebook):
    opened = source(embeddings(items.ids[:20], items.vectors[:20]))
    fewer = source(embeddings(items.ids[:5], items.vectors[:5]))
    shop.run(opened, codebook)
    shop.run(opened, other_codebook)
    shop.run(fewer, other_codebook)
    for found, n in ((codebook, 20), (other_codebook, 5)):
        sids = encode(items.vectors[:n], found).tolist()
        assert shop.rows(found) == dict(zip(items.ids[:n], sids, strict=True))
    before = shop.versions()
    assert "nothing to do" in shop.run(opened, codebook).message
    assert shop.versions() == before


@pytest.mark.slow
def test_rows_that_somebody_deleted_come_back(spark, shop, source, items, codebook):
    opened = source(spoil(items, 5))
    shop.run(opened, codebook)
    for path in (shop.sids, shop.rejects):
        spark.sql(f"delete from delta.`{path}`")
        shop.run(opened, codebook)
        assert len(read_delta(shop.sids)) == 5
        assert len(read_delta(shop.rejects)) == 2


def test_housekeeping_is_no_reason_to_run_again(spark, shop, source, items, codebook):
    opened = source(embeddings(items.ids[:5], items.vectors[:5]))
    shop.run(opened, codebook)
    before = shop.versions()
    assert "nothing to do" in shop.run(opened, codebook).message
    assert shop.versions() == before
    spark.sql(f"optimize delta.`{shop.sids}`")
    spark.sql(f"alter table delta.`{shop.sids}` set tblproperties ('shop.owner' = 'us')")
    assert "nothing to do" in shop.run(opened, codebook).message


def test_a_run_that_ends_between_its_commits_is_mended_by_the_next(
    monkeypatch, shop, source, items, codebook, expected_sids
):
    replace = Output.replace

    def fail(output, rows, where, commit, **options):
        if output.name == "item_sids":
            raise OSError("no more power")
        replace(output, rows, where, commit, **options)

    opened = source(spoil(items, 20))
    monkeypatch.setattr(Output, "replace", fail)
    with pytest.raises(OSError, match="no more power"):
        shop.run(opened, codebook, run_id="run-1")
    monkeypatch.undo()
    shop.run(opened, codebook, run_id="run-2")
    assert len(shop.rows(codebook)) == 20
    assert set(read_delta(shop.rejects)["run_id"].to_pylist()) == {"run-2"}


@pytest.mark.parametrize(
    ("ids", "vectors", "got"),
    [
        ([], [], "got no rows"),
        (
            ["a", "b"],
            [None, [1.0, 2.0]],
            "got the embedding is null: 1 rows; the embedding must "
            "have 384 values, got 2 values: 1 rows",
        ),
    ],
)
def test_where_no_row_can_be_quantised_what_stood_is_kept(
    shop, source, items, codebook, ids, vectors, got
):
    shop.run(source(embeddings(items.ids[:5], items.vectors[:5])), codebook)
    before = shop.versions()
    table = embeddings(pa.array(ids, pa.string()), vectors, FLOATS)
    with pytest.raises(TableError, match=r"embeddings: .* must hold a row to quantise, ") as caught:
        shop.run(source(table), codebook)
    assert str(caught.value).endswith(got)
    assert shop.versions() == before


def test_files_of_item_sids_are_partitioned_by_codebook_and_sorted_by_item(
    spark, shop, source, items, codebook
):
    shop.run(source(embeddings(items.ids, items.vectors), partitions=3), codebook)
    detail = spark.sql(f"describe detail delta.`{shop.sids}`").collect()[0]
    assert detail["partitionColumns"] == ["codebook_id"]
    assert detail["numFiles"] == 1
    ids = read_delta(shop.sids)["item_id"].to_pylist()
    assert ids == sorted(items.ids)

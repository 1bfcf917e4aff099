"""What the jobs write does not depend on how Spark cuts the rows, and equals plain Python."""

import random
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta_tables import embeddings, read_delta, version_of
from deltalake import DeltaTable

from semantic_ids.codebook import encode, null_sid, sids_to_bytes
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.quantize import Outputs, item_sids_output, quantize, rejected_items_output
from semantic_ids.spark.quantize import replace_sids as replace
from semantic_ids.spark.sequences import build_segments, sequences_output
from semantic_ids.spark.sources import open_source

pytestmark = pytest.mark.spark


def quantized(source, codebook):
    rows = quantize(source, codebook, binary_dtype="float32").collect()
    return {row["item_id"]: (row["sid"], row["reason"]) for row in rows}


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_quantize_equals_encode_whatever_the_partitioning(
    source, items, codebook, expected_sids, spark_conf, partitions
):
    spark_conf("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    found = quantized(source(embeddings(items.ids, items.vectors), partitions=partitions), codebook)
    assert found == {item_id: (sid, None) for item_id, sid in expected_sids.items()}


def test_every_bad_row_is_rejected_with_its_reason_and_none_is_lost(
    source, items, codebook, place, spark
):
    good = items.vectors[0].tolist()
    vectors = [good, good, good, None, good[:-1], [*good[:-1], float("nan")], [*good[:-1], None]]
    ids = ["a", "a", None, "null", "short", "nan", "hole"]
    table = pa.table({"item_id": ids, "text": pa.array(vectors, pa.list_(pa.float32()))})
    items_source = source(table)
    outputs = Outputs(
        item_sids_output(place(), items_source.rows.schema["item_id"].dataType),
        rejected_items_output(place(), items_source.rows.schema["item_id"].dataType),
    )
    options = {"binary_dtype": "float32", "outputs": outputs, "run_id": "run"}
    summary = replace(items_source, codebook, **options)
    assert (summary.rows_in, summary.rows_out, summary.rows_rejected) == (7, 1, 6)
    rejected = read_delta(outputs.rejected_items.table).to_pylist()
    assert {(row["item_id"], row["reason"]) for row in rejected} == {
        ("a", "another row has the same item_id"),
        (None, "item_id is null"),
        ("null", "the embedding is null"),
        ("short", "the embedding must have 384 values, got 383 values"),
        ("nan", "the embedding holds a null, NaN, infinity or too large a value"),
        ("hole", "the embedding holds a null, NaN, infinity or too large a value"),
    }
    before = version_of(outputs.item_sids.table), version_of(outputs.rejected_items.table)
    assert "nothing to do" in replace(items_source, codebook, **options).message
    assert (version_of(outputs.item_sids.table), version_of(outputs.rejected_items.table)) == before


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), "float32", "float16"])
def test_every_type_of_embedding_gives_the_same_sids(source, items, codebook, kind):
    halves = items.vectors[:20].astype(np.float16)
    ids = list(range(20))
    if isinstance(kind, str):
        blobs = [row.astype(np.dtype(kind).newbyteorder("<")).tobytes() for row in halves]
        table = pa.table({"item_id": ids, "text": pa.array(blobs, pa.binary())})
    else:
        table = embeddings(ids, halves.astype(np.float64), kind)
    dtype = kind if isinstance(kind, str) else "float32"
    rows = quantize(source(table), codebook, binary_dtype=dtype).collect()
    expected = encode(halves.astype(np.float32), codebook).tolist()
    assert {row["item_id"]: row["sid"] for row in rows} == dict(zip(ids, expected, strict=True))


def tied_events(items, *, seed):
    """Give 600 events of 9 users with few timestamps, in a random order; some items are unknown."""
    rng = random.Random(0)
    known = [*items.ids[:30], "unknown"]
    rows = [(rng.randrange(9), rng.choice(known), rng.randrange(-3, 4)) for _ in range(600)]
    rows = [(*row, rng.randrange(5)) for row in rows]
    random.Random(seed).shuffle(rows)
    users, item_ids, times, quantities = zip(*rows, strict=True)
    return pa.table(
        {
            "user_id": pa.array(users, pa.int64()),
            "item_id": item_ids,
            "timestamp": pa.array(times, pa.timestamp("us")),
            "quantity": pa.array(quantities, pa.int32()),
        }
    )


def expected_segments(events, expected_sids, width, *, keep_missing):
    """Pack by plain Python: {user: (sids, timestamps, quantities)}."""
    by_user = {}
    for row in events.to_pylist():
        micros = int(np.datetime64(row["timestamp"], "us").astype(np.int64))
        sid = expected_sids.get(row["item_id"], null_sid(width) if keep_missing else None)
        if sid is not None:
            key = (micros, row["item_id"], row["quantity"], sid)
            by_user.setdefault(row["user_id"], []).append(key)
    blobs = {}
    for user, rows in by_user.items():
        times, _, quantities, sids = zip(*sorted(rows), strict=True)
        blobs[user] = (
            sids_to_bytes(np.array(sids), width).tobytes(),
            np.array(times, "<i8").tobytes(),
            np.array(quantities, "<i4").tobytes(),
        )
    return blobs


@pytest.mark.parametrize(("partitions", "keep"), [(1, "drop"), (3, "null_sid"), (8, "drop")])
def test_sequences_equal_plain_python_whatever_the_order_of_tied_events(
    spark, source, save, items, codebook, expected_sids, place, partitions, keep
):
    sids = pa.table({"item_id": list(expected_sids), "sid": list(expected_sids.values())})
    sids = sids.append_column("codebook_id", pa.array([codebook.codebook_id] * len(sids)))
    table = place()
    events = tied_events(items, seed=partitions)
    events_source = source(events, "events", partitions)
    config = BuildSequences(
        events=events_source.location,
        item_sids="./unused",
        codebooks="./unused too",
        codebook="text",
        sequences=table,
        event_columns=["quantity"],
        missing_items=keep,
        buckets=4,
    )
    output = sequences_output(
        table, events_source.rows.schema["user_id"].dataType, dtypes={"quantity": "<i4"}, buckets=4
    )
    item_sids = open_source(spark, "item_sids", save(sids))
    summary = build_segments(config, events_source, item_sids, codebook=codebook, output=output)
    found = read_delta(table)
    blobs = {
        row["user_id"]: (row["sids"], row["timestamps"], row["quantity"])
        for row in found.to_pylist()
    }
    assert blobs == expected_segments(
        events, expected_sids, codebook.width, keep_missing=keep == "null_sid"
    )
    n_packed = sum(found.column("n_events").to_pylist())
    assert (summary.rows_in, summary.rows_out) == (600, n_packed)
    assert (n_packed == 600) == (keep == "null_sid")
    for file in map(unquote, DeltaTable(table).file_uris()):
        users = pq.read_table(file, columns=["user_id"], partitioning=None)
        assert users.column("user_id").to_pylist() == sorted(users.column("user_id").to_pylist())

"""Sequences do not depend on how Spark cuts the rows, and equal plain Python."""

import random
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta_tables import read_delta
from deltalake import DeltaTable

from semantic_ids.codebook import null_sid, sids_to_bytes
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.builds import Build
from semantic_ids.spark.sequences import sequences_output
from semantic_ids.spark.sources import open_source

pytestmark = pytest.mark.spark


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
    summary = Build(config, events_source, item_sids, codebook, output).run("a run")
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

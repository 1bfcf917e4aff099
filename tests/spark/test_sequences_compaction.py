"""Compaction: what it merges and drops, what it leaves alone, and appends beside it."""

import collections
import datetime
import itertools
import shutil
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta_tables import read_delta, version_of
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import functions as F
from sequence_builds import DAY, Build, events_table, sids_table

from semantic_ids.errors import TableError
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of

pytestmark = pytest.mark.spark

UTC = pa.timestamp("us", tz="UTC")
EPOCH = datetime.date(1970, 1, 1)


@pytest.fixture(scope="module")
def standing(spark, tmp_path_factory):
    """Build 4 users' events of 5 days, a day at a time; give the events, the SIDs and the table."""
    folder = tmp_path_factory.mktemp("standing")
    events, sids, table = (str(folder / name) for name in ("events", "item_sids", "sequences"))
    write_deltalake(sids, sids_table(range(9)))
    for day in range(5):
        rows = [(user, (user + day) % 9, day * DAY + at) for user in range(4) for at in (0, 7, 7)]
        write_deltalake(events, events_table(rows, time=UTC), mode="append")
        Build(spark, None, table).run(events, sids, **({"since": "last"} if day else {}))
    return events, sids, table


@pytest.fixture
def build(spark, save, place, standing):
    """Give a copy of the standing table, to change."""
    return Build(spark, save, shutil.copytree(standing[2], place()))


def test_each_user_has_one_segment_and_readers_of_the_version_before_see_what_they_saw(build):
    before, version = build.histories(), version_of(build.table)
    pinned = DeltaTable(build.table, version=version)
    was = pinned.to_pyarrow_dataset().to_table()
    summary = build.compact()
    assert build.histories() == before
    rows = build.rows()
    assert rows["user_id"].to_pylist() == [0, 1, 2, 3]
    assert set(rows["ds"].to_pylist()) == {EPOCH + datetime.timedelta(days=4)}
    assert set(rows["n_events"].to_pylist()) == {15}
    assert (summary.rows_in, summary.rows_out, summary.rows_rejected) == (60, 60, 0)
    assert summary.metrics["segments"] == 4
    keys = [(name, "ascending") for name in ("user_id", "first_ts", "last_ts")]
    again = DeltaTable(build.table, version=version).to_pyarrow_dataset().to_table()
    assert again.sort_by(keys) == was.sort_by(keys)
    files = [pq.ParquetFile(unquote(file)) for file in DeltaTable(build.table).file_uris()]
    users = [file.read(["user_id"])["user_id"].to_pylist() for file in files]
    assert sorted(itertools.chain(*users)) == [0, 1, 2, 3]
    assert all(of_file == sorted(of_file) for of_file in users)

    # once more, and with nothing to do
    before = version_of(build.table)
    assert "nothing to do, nothing was written" in build.compact().message
    assert "nothing to do, each user" in build.compact(target_file_mib=65).message
    assert version_of(build.table) == before


def test_a_damaged_page_is_refused_and_not_merged(build):
    before = version_of(build.table)
    file = Path(unquote(DeltaTable(build.table).file_uris()[0]))
    place = pq.ParquetFile(file).schema_arrow.names.index("timestamps")
    column = pq.read_metadata(file).row_group(0).column(place)
    damaged = bytearray(file.read_bytes())
    damaged[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    file.write_bytes(damaged)
    file.with_name(f".{file.name}.crc").unlink()  # which a store of objects does not have
    with pytest.raises(SPARK_ERRORS) as caught:
        build.compact()
    assert "CRC checksum verification failed" in sentence_of(caught.value)
    assert version_of(build.table) == before


def test_a_range_is_merged_and_the_rest_left_alone(build):
    before = build.histories()
    first, last = (EPOCH + datetime.timedelta(days=day) for day in (1, 3))
    build.compact(first_ds=first, last_ds=last)
    assert build.histories() == before
    counts = collections.Counter(read_delta(build.table)["ds"].to_pylist())
    assert counts == {EPOCH: 4, last: 4, EPOCH + datetime.timedelta(days=4): 4}


def test_the_newest_events_are_kept_in_segments_of_the_size_asked_for(build):
    before = build.histories()
    summary = build.compact(max_events=7, max_segment_events=3)
    assert build.histories() == {user: events[-7:] for user, events in before.items()}
    assert sorted(build.rows()["n_events"].to_pylist()) == [1] * 4 + [3] * 8
    assert (summary.rows_in, summary.rows_out, summary.rows_rejected) == (60, 28, 32)


def test_codebooks_are_not_mixed(build, spark):
    spark.sql(f"update delta.`{build.table}` set codebook_id = 'other' where ds = date'1970-01-02'")
    before = build.events()
    build.compact()
    assert build.events() == before
    found = {(row["user_id"], row["codebook_id"]) for row in build.rows().to_pylist()}
    assert len(found) == len(build.rows()) == 8


@pytest.mark.slow
def test_events_appended_before_and_during_the_write_stay(build, standing, monkeypatch, tmp_path):
    events, sids, _ = standing
    waiting, go_on = tmp_path / "waiting", tmp_path / "go on"
    expected = build.events()

    def append(item):
        rows = [(user, item, 4 * DAY + 9) for user in range(6)] + [(1, item, DAY)]
        write_deltalake(events, events_table(rows, time=UTC), mode="append")
        build.run(events, sids, since="last", fallback="refuse")
        expected.extend((user, time, bytes([0, 0, item])) for user, _, time in rows)

    rearrange = Output.rearrange

    @F.udf("int")
    def wait(n_events):
        Path(waiting).touch()
        while not Path(go_on).exists():
            time.sleep(0.05)
        return n_events

    attempts = []

    def interrupted(self, rows, where, commit, **options):
        attempts.append(commit)
        if len(attempts) == 1:
            append(5)  # after the run has read, before its transaction begins
        if len(attempts) == 2:  # in the middle of its transaction
            rows = rows.withColumn("n_events", wait("n_events"))
        rearrange(self, rows, where, commit, **options)

    def appending():
        while not waiting.exists():
            time.sleep(0.05)
        try:
            append(6)
        finally:
            go_on.touch()

    monkeypatch.setattr(Output, "rearrange", interrupted)
    beside = threading.Thread(target=appending, daemon=True)
    beside.start()
    build.compact()
    beside.join()
    assert len(attempts) == 3
    assert build.events() == sorted(expected)
    assert set(build.rows()["ds"].to_pylist()) == {EPOCH + datetime.timedelta(days=4)}


def test_a_table_that_is_none_of_ours_is_refused(spark, save, place):
    other = Build(spark, save, place())
    spark.range(3).write.format("delta").save(other.table)
    with pytest.raises(TableError, match="must be a table that build_sequences wrote"):
        other.compact()
    with pytest.raises(TableError, match="must be a Delta table that build_sequences wrote"):
        Build(spark, save, save(events_table([(1, 0, 0)]))).compact()

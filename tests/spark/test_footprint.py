import hashlib
import json
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F

from semantic_ids.audit_configs import AuditFootprint
from semantic_ids.codebook import CodebookSpec, encode, fit, sids_to_bytes
from semantic_ids.config import load_config
from semantic_ids.errors import ConfigError, TableError
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.builds import Build
from semantic_ids.spark.footprint import audit_footprint
from semantic_ids.spark.footprint_inputs import open_inputs
from semantic_ids.spark.footprint_sizes import active_files, measure_table
from semantic_ids.spark.sequences import sequences_output
from semantic_ids.spark.sources import Source, open_source

pytestmark = pytest.mark.spark

DIM = 384


@pytest.fixture(scope="module")
def shop(spark, root, tmp_path_factory):
    """Give tables of an eighth of the customers, as the jobs leave them, in a path with a space."""
    folder = tmp_path_factory.mktemp("footprint") / "a shop"
    source = root / "examples" / "online_retail"
    items = pq.read_table(source / "items.parquet", columns=["item_id", "text_embedding"])
    blobs = b"".join(items["text_embedding"].to_pylist())
    vectors = np.frombuffer(blobs, "<f2").reshape(-1, DIM).astype(np.float32)
    codebook = fit(vectors[:500], CodebookSpec(stages=[{"ternary": 15}]), collection="text")
    sids = encode(vectors, codebook).tolist()
    rows = [
        (i, s, codebook.codebook_id)
        for i, s in zip(items["item_id"].to_pylist(), sids, strict=True)
    ]
    schema = "item_id string, sid bigint, codebook_id string"
    item_sids = spark.createDataFrame(rows, schema).coalesce(1).sortWithinPartitions("item_id")
    for _ in range(2):  # the first version's files stay in the folder, and must not count
        item_sids.write.format("delta").mode("overwrite").save(f"{folder}/item_sids")
    events = spark.read.parquet(f"{source}/events.parquet").where("user_id % 8 = 0")
    events.coalesce(1).write.format("delta").save(f"{folder}/events")
    write_sequences(spark, folder, codebook)
    return folder


def write_sequences(spark, folder, codebook):
    paths = {name: f"{folder}/{name}" for name in ("events", "item_sids", "sequences")}
    rest = {"codebooks": "unread", "codebook": "text", "event_columns": ["quantity"], "buckets": 3}
    config = BuildSequences(**paths, **rest)
    events, item_sids = (open_source(spark, n, paths[n]) for n in ("events", "item_sids"))
    user_id = events.type_of("user_id")
    output = sequences_output(config.sequences, user_id, dtypes={"quantity": "<i4"}, buckets=3)
    Build(config, events, item_sids, codebook, output).run("run-1")


def audit(spark, report, **values):
    overrides = [f"{key}={value}" for key, value in values.items()]
    config = load_config(AuditFootprint, None, [*overrides, f"report.folder={report}"])
    summary = audit_footprint(config, open_inputs(spark, config), "run-1")
    return summary, json.loads((Path(report) / "footprint.json").read_text())


def all_tables(shop, root):
    return {
        "sequences": shop / "sequences",
        "item_sids": shop / "item_sids",
        "events": shop / "events",
        "embeddings": root / "examples" / "online_retail" / "items.parquet",
        "collection": "text_embedding",
        "binary_dtype": "float16",
        "sample_events": 5_000,
    }


@pytest.fixture(scope="module")
def whole(spark, shop, root, tmp_path_factory):
    """A report with every input, where it lies."""
    report = tmp_path_factory.mktemp("report")
    summary, values = audit(spark, report, **all_tables(shop, root))
    return report, summary, values


def active_paths(table):
    """List the active files by another reader of the Delta log."""
    uris = DeltaTable(str(table)).file_uris()
    return [Path(unquote(uri.removeprefix("file://"))) for uri in uris]


def test_table_sizes_equal_the_sizes_on_disk(shop, whole):
    _, _, values = whole
    tables = {table["name"]: table for table in values["tables"]}
    for name in ("sequences", "item_sids"):
        files = active_paths(shop / name)
        assert tables[name]["files"] == len(files)
        assert tables[name]["bytes"] == sum(file.stat().st_size for file in files)
        assert tables[name]["rows"] == sum(pq.read_metadata(file).num_rows for file in files)
    on_disk = list((shop / "item_sids").rglob("*.parquet"))
    assert len(on_disk) > tables["item_sids"]["files"]


def test_column_sizes_equal_the_chunks_in_the_footers_and_add_up(shop, whole, root):
    _, _, values = whole
    tables = {table["name"]: table for table in values["tables"]}
    places = {
        "sequences": active_paths(shop / "sequences"),
        "item_sids": active_paths(shop / "item_sids"),
        "embeddings": [root / "examples" / "online_retail" / "items.parquet"],
    }
    for name, files in places.items():
        expected = {}
        for file in files:
            footer = pq.read_metadata(file)
            for group in range(footer.num_row_groups):
                for place in range(footer.num_columns):
                    chunk = footer.row_group(group).column(place)
                    top = chunk.path_in_schema.split(".")[0]
                    expected[top] = expected.get(top, 0) + chunk.total_compressed_size
        found = {column["name"]: column["bytes"] for column in tables[name]["columns"]}
        assert found == expected
        assert sum(found.values()) + tables[name]["rest_bytes"] == tables[name]["bytes"]


def test_bytes_per_event_are_those_of_all_events(shop, whole):
    _, _, values = whole
    sequences = values["tables"][0]
    events = pq.read_table(active_paths(shop / "events")[0])
    assert sequences["units"] == len(events)
    assert sequences["bytes_per_unit"] == sequences["bytes"] / len(events)
    assert sequences["rows"] == len(events["user_id"].unique())


def test_alternatives_weigh_what_their_files_weigh(whole):
    report, summary, values = whole
    events = values["sample"]["events"]
    assert 5_000 <= events <= 10_000
    names = [arm["name"] for arm in values["per_event"]]
    assert names == ["sids", "ngrams", "item_ids", "float16", "float32"]
    for arm in values["per_event"]:
        assert arm["bytes"] == (report / arm["file"]).stat().st_size
        assert arm["bytes_per_event"] == arm["bytes"] / events
        assert f"{arm['bytes_per_event']:,.2f}" in summary.message
    for arm in values["per_item"]:
        assert arm["bytes"] == (report / arm["file"]).stat().st_size


def test_alternatives_hold_the_same_events_in_the_same_order(shop, whole, root):
    report, _, values = whole
    comparison = report / "comparison"
    read = {p.stem: pq.read_table(p).columns for p in comparison.glob("events_*.parquet")}
    item_ids = read["events_item_ids"][0]
    flat = item_ids.combine_chunks().flatten().to_pylist()
    sids = dict(zip(*sids_and_ids(shop), strict=True))
    symbols = sids_to_bytes(np.array([sids[item] for item in flat]), 3)
    assert b"".join(read["events_sids"][0].to_pylist()) == symbols.tobytes()
    assert read["events_ngrams"][2].combine_chunks().flatten().to_pylist() == [
        sids[item] for item in flat
    ]
    table = pq.read_table(root / "examples" / "online_retail" / "items.parquet")
    blobs = dict(
        zip(table["item_id"].to_pylist(), table["text_embedding"].to_pylist(), strict=True)
    )
    expected = b"".join(blobs[item] for item in flat)
    assert b"".join(read["events_float16"][0].to_pylist()) == expected
    floats = np.frombuffer(b"".join(read["events_float32"][0].to_pylist()), "<f4")
    assert np.array_equal(floats, np.frombuffer(expected, "<f2"))
    rows = {len(columns[0]) for columns in read.values()}
    assert rows == {values["sample"]["users"]}


def sids_and_ids(shop):
    table = pq.read_table(active_paths(shop / "item_sids")[0])
    return table["item_id"].to_pylist(), table["sid"].to_pylist()


def test_users_of_the_sample_are_whole_and_in_order_of_time_and_item(shop, whole):
    report, _, _ = whole
    events = pq.read_table(active_paths(shop / "events")[0]).sort_by(
        [("user_id", "ascending"), ("timestamp", "ascending"), ("item_id", "ascending")]
    )
    histories = {}
    for event in events.to_pylist():
        histories.setdefault(event["user_id"], []).append(event["item_id"])
    sampled = pq.read_table(report / "comparison" / "events_item_ids.parquet")["item_id"]
    assert all(history in histories.values() for history in sampled.to_pylist())


def test_the_sample_does_not_depend_on_the_partitioning(spark, shop, root, whole, tmp_path):
    report, _, _ = whole
    given = all_tables(shop, root)
    for partitions in (1, 5):
        events = spark.read.format("delta").load(str(given["events"]))
        shuffled = events.orderBy(F.xxhash64("item_id", "timestamp")).repartition(partitions)
        shuffled.write.parquet(f"{tmp_path}/events{partitions}")
        again = {**given, "events": tmp_path / f"events{partitions}"}
        audit(spark, tmp_path / f"report{partitions}", **again)
        assert digests(tmp_path / f"report{partitions}") == digests(report)


def digests(report):
    files = sorted((report / "comparison").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_sequences_alone_are_enough_for_columns_and_two_alternatives(spark, shop, tmp_path):
    summary, values = audit(spark, tmp_path, sequences=shop / "sequences", sample_events=5_000)
    assert [table["name"] for table in values["tables"]] == ["sequences"]
    assert [arm["name"] for arm in values["per_event"]] == ["sids", "ngrams"]
    assert values["sample"]["width"] == 3
    assert "give `events` with `item_sids`" in values["not_measured"][0]
    assert summary.message.startswith("bytes per event on disk: SIDs ")


def test_sequences_and_events_give_the_same_sids_of_the_same_users(spark, shop, tmp_path, whole):
    """The shop's order breaks ties by item as well, so even the bytes agree."""
    report, _, _ = whole
    audit(spark, tmp_path, sequences=shop / "sequences", sample_events=5_000)
    assert digests(tmp_path)["events_sids.parquet"] == digests(report)["events_sids.parquet"]


def test_items_alone_are_measured_without_a_comparison(spark, shop, tmp_path):
    summary, values = audit(spark, tmp_path, item_sids=shop / "item_sids")
    assert values["per_event"] == []
    assert values["not_measured"][0].startswith("bytes per event: give `sequences`")
    assert "item_sids" in summary.message
    assert not (tmp_path / "comparison").exists()


def test_a_user_longer_than_the_sample_is_drawn_and_cut(spark, shop, tmp_path):
    given = {"events": shop / "events", "item_sids": shop / "item_sids", "sample_events": 1}
    _, values = audit(spark, tmp_path, **given)
    assert values["sample"]["users"] == 1
    assert values["sample"]["events"] <= 2


def test_a_second_run_replaces_the_report_and_drops_stale_alternatives(spark, shop, tmp_path):
    given = {"events": shop / "events", "item_sids": shop / "item_sids", "sample_events": 100}
    audit(spark, tmp_path, **given)
    assert (tmp_path / "comparison" / "events_item_ids.parquet").exists()
    audit(spark, tmp_path, sequences=shop / "sequences", sample_events=100)
    found = sorted(path.name for path in (tmp_path / "comparison").iterdir())
    assert found == ["events_ngrams.parquet", "events_sids.parquet", "events_timestamps.parquet"]


def test_a_pinned_version_is_measured_whatever_is_written_later(spark, tmp_path):
    path = str(tmp_path / "table")
    spark.range(10).write.format("delta").save(path)
    source = open_source(spark, "item_sids", path)
    before = measure_table(source, unit="item", n_rows=10, n_units=10)
    spark.range(500).write.format("delta").mode("append").save(path)
    assert measure_table(source, unit="item", n_rows=10, n_units=10) == before


def test_deleted_rows_that_still_weigh_are_reported(spark, shop, tmp_path):
    path = tmp_path / "item_sids"
    rows = spark.read.format("delta").load(str(shop / "item_sids"))
    property_ = ("delta.enableDeletionVectors", "true")
    rows.write.format("delta").option(*property_).save(str(path))
    spark.sql(f"DELETE FROM delta.`{path}` WHERE sid % 2 = 0")
    _, values = audit(spark, tmp_path / "report", item_sids=path)
    (table,) = values["tables"]
    assert table["rows"] < table["rows_in_files"] == rows.count()


@pytest.mark.parametrize("format_", ["delta", "parquet"])
def test_files_are_found_whatever_characters_their_paths_hold(spark, tmp_path, format_):
    path = str(tmp_path / "a b%20c")
    rows = spark.range(4).withColumn("part", F.concat(F.lit("x y%/"), F.col("id") % 2))
    rows.write.format(format_).partitionBy("part").save(path)
    version = "delta:0" if format_ == "delta" else "files:0"
    source = Source("item_sids", path, version, spark.read.format(format_).load(path))
    found = {Path(uri.removeprefix("file:").replace("///", "/")) for uri in active_files(source)}
    assert found == set(Path(path).rglob("*.parquet"))
    size = measure_table(source, unit="item", n_rows=4, n_units=4)
    assert size.size_bytes == sum(file.stat().st_size for file in found)


@pytest.fixture
def broken(spark, shop, tmp_path):
    """Make a table like one of the shop's, changed; give its path."""

    def make(name, change):
        path = tmp_path / name
        rows = change(spark.read.format("delta").load(str(shop / name)))
        rows.write.format("delta").option("overwriteSchema", "true").save(str(path))
        return path

    return make


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("sequences", lambda rows: rows.where("false"), "sequences: .* is empty"),
        ("item_sids", lambda rows: rows.where("false"), "item_sids: .* is empty"),
        ("sequences", lambda rows: rows.drop("sids"), "has no column 'sids'"),
        ("item_sids", lambda rows: rows.drop("sid"), "has no column 'sid'; it must be one of"),
        (
            "sequences",
            lambda rows: rows.withColumn("codebook_id", F.col("user_id").cast("string")),
            "must hold SIDs of one codebook, got 1",
        ),
        (
            "sequences",
            lambda rows: rows.withColumn("n_events", F.lit(1_000_003)),
            "sids must hold 1 to 8 bytes an event",
        ),
        (
            "sequences",
            lambda rows: rows.withColumn("timestamps", F.lit(b"1234567")),
            "a segment of .* events must hold 3 bytes of sids and 8 of timestamps",
        ),
    ],
)
def test_a_table_that_is_not_what_its_name_says_is_refused(
    spark, broken, tmp_path, name, change, sentence
):
    with pytest.raises(TableError, match=sentence):
        audit(spark, tmp_path / "report", **{name: broken(name, change)})
    assert not (tmp_path / "report").exists()


def test_a_missing_table_is_refused(spark, tmp_path):
    with pytest.raises(TableError, match="item_sids: there is no table at"):
        audit(spark, tmp_path / "report", item_sids=tmp_path / "none")


def test_events_of_another_id_type_are_refused(spark, shop, broken, tmp_path):
    events = broken("events", lambda rows: rows.withColumn("item_id", F.lit(5)))
    with pytest.raises(TableError, match="item_id must be string"):
        audit(spark, tmp_path / "report", events=events, item_sids=shop / "item_sids")


def test_embeddings_of_other_items_are_refused(spark, shop, tmp_path):
    path = f"{tmp_path}/embeddings.parquet"
    rows = [("not an item", [1.0, 2.0])]
    spark.createDataFrame(rows, "item_id string, text array<float>").write.parquet(path)
    given = {"events": shop / "events", "item_sids": shop / "item_sids"}
    with pytest.raises(TableError, match="must hold 'text' of the sampled items, got none"):
        audit(spark, tmp_path / "report", embeddings=path, collection="text", **given)


def test_sids_of_several_codebooks_need_sequences_to_say_which(spark, shop, broken, tmp_path):
    two = broken(
        "item_sids",
        lambda rows: rows.union(rows.withColumn("codebook_id", F.lit("later"))),
    )
    given = {"events": shop / "events", "item_sids": two, "sample_events": 100}
    with pytest.raises(TableError, match=r"holds SIDs of codebooks .* and later; give sequences"):
        audit(spark, tmp_path / "report", **given)
    _, values = audit(spark, tmp_path / "report", sequences=shop / "sequences", **given)
    assert values["sample"]["events"] >= 100


def test_a_report_folder_that_is_a_file_is_refused(spark, shop, tmp_path):
    (tmp_path / "report").touch()
    with pytest.raises(ConfigError, match=r"report.folder: .* must be writable"):
        audit(spark, tmp_path / "report", item_sids=shop / "item_sids")

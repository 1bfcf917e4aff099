"""audit_footprint against pyarrow on the same files, and another reader of the Delta log."""

import hashlib
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from footprint_shop import all_tables, audit
from pyspark.sql import functions as F

from semantic_ids.codebook import sids_to_bytes

pytestmark = pytest.mark.spark

ARMS = ["sids", "ngrams", "codes", "item_ids", "int8", "float16", "float32"]


@pytest.fixture(scope="module")
def whole(spark, shop, root, tmp_path_factory):
    """A report with every input, where it lies."""
    report = tmp_path_factory.mktemp("report")
    return report, *audit(spark, report, **all_tables(shop, root))


def active_paths(table):
    """List the active files by another reader of the Delta log."""
    uris = DeltaTable(str(table)).file_uris()
    return [Path(unquote(uri.removeprefix("file://"))) for uri in uris]


def by(rows, key):
    return {row[key]: row for row in rows}


def test_table_sizes_equal_the_sizes_on_disk(shop, whole):
    tables = by(whole[3]["tables"], "table")
    for name in ("sequences", "item_sids"):
        files = active_paths(shop / name)
        size_bytes = sum(file.stat().st_size for file in files)
        assert tables[name]["n_files"] == len(files)
        assert tables[name]["size_bytes"] == size_bytes
        assert tables[name]["mean_file_bytes"] == size_bytes / len(files)
        assert tables[name]["n_rows"] == sum(pq.read_metadata(file).num_rows for file in files)
    on_disk = list((shop / "item_sids").rglob("*.parquet"))
    assert len(on_disk) > tables["item_sids"]["n_files"]


def test_column_sizes_equal_the_chunks_in_the_footers_and_add_up(shop, whole, root):
    sections = whole[3]
    tables = by(sections["tables"], "table")
    places = {
        "sequences": active_paths(shop / "sequences"),
        "item_sids": active_paths(shop / "item_sids"),
        "embeddings": [root / "examples" / "online_retail" / "items.parquet"],
    }
    for name, files in places.items():
        expected = Counter()
        for file in files:
            footer = pq.read_metadata(file)
            for group in range(footer.num_row_groups):
                for place in range(footer.num_columns):
                    chunk = footer.row_group(group).column(place)
                    expected[chunk.path_in_schema.split(".")[0]] += chunk.total_compressed_size
        rows = by(sections[f"columns_{name}"], "column")
        assert {c: row["size_bytes"] for c, row in rows.items() if c in expected} == expected
        total = sum(row["size_bytes"] for row in rows.values())
        assert total == tables[name]["size_bytes"]


def test_days_and_codebooks_share_the_bytes_of_the_files(shop, whole):
    sections = whole[3]
    files = active_paths(shop / "sequences")
    days = Counter()
    for file in files:
        days[file.parent.parent.name.removeprefix("ds=")] += file.stat().st_size
    found = {row["ds"]: row["size_bytes"] for row in sections["days_sequences"]}
    assert found == pytest.approx(dict(days))
    (codebook,) = sections["codebooks_sequences"]
    assert codebook["n_events"] == by(sections["tables"], "table")["sequences"]["n_units"]
    assert codebook["size_bytes"] == pytest.approx(sum(days.values()))


def test_bytes_per_event_are_those_of_all_events(shop, whole):
    sequences = by(whole[3]["tables"], "table")["sequences"]
    events = pq.read_table(active_paths(shop / "events")[0])
    assert sequences["n_units"] == len(events)
    assert sequences["bytes_per_unit"] == sequences["size_bytes"] / len(events)
    assert sequences["n_rows"] == len(events["user_id"].unique())


def test_alternatives_weigh_what_their_files_weigh(whole):
    report, summary, _, sections = whole
    assert 5_000 <= summary.rows_out <= 10_000
    for unit in ("event", "item"):
        for name, row in zip(ARMS, sections[f"{unit}s"], strict=True):
            file = report / "comparison" / f"{unit}s_{name}.parquet"
            assert row["size_bytes"] == file.stat().st_size
            assert row["half_width_bytes"] > 0
    for row in sections["events"]:
        assert row["bytes_per_event"] == row["size_bytes"] / summary.rows_out
        assert f"{row['bytes_per_event']:,.2f}" in summary.message
    assert summary.message.endswith("; verdict: good (no rule asks for more)")
    assert summary.metrics["findings"] == dict.fromkeys(
        ("n-gram ids", "small files", "deleted rows"), "good"
    )


def test_alternatives_hold_the_same_events_in_the_same_order(shop, whole, root):
    report, *_ = whole
    comparison = report / "comparison"
    read = {p.stem: pq.read_table(p) for p in comparison.glob("events_*.parquet")}
    flat = flattened(read["events_item_ids"], 0)
    sids = dict(zip(*sids_and_ids(shop), strict=True))
    symbols = sids_to_bytes(np.array([sids[item] for item in flat]), 3)
    assert b"".join(read["events_sids"][0].to_pylist()) == symbols.tobytes()
    assert flattened(read["events_codes"], 0) == symbols.ravel().tolist()
    assert flattened(read["events_ngrams"], 2) == [sids[item] for item in flat]
    table = pq.read_table(root / "examples" / "online_retail" / "items.parquet")
    blobs = dict(
        zip(table["item_id"].to_pylist(), table["text_embedding"].to_pylist(), strict=True)
    )
    expected = b"".join(blobs[item] for item in flat)
    assert b"".join(read["events_float16"][0].to_pylist()) == expected
    floats = np.frombuffer(b"".join(read["events_float32"][0].to_pylist()), "<f4")
    assert np.array_equal(floats, np.frombuffer(expected, "<f2"))
    codes = np.frombuffer(b"".join(read["events_int8"]["embedding"].to_pylist()), np.int8)
    scales = np.frombuffer(b"".join(read["events_int8"]["scale"].to_pylist()), "<f4")
    off = np.abs(codes.reshape(len(scales), -1) * scales[:, None] - floats.reshape(len(scales), -1))
    assert (off <= scales[:, None] * 0.501).all()
    assert len({len(each) for each in read.values()}) == 1


def flattened(table, place):
    return table.columns[place].combine_chunks().flatten().to_pylist()


def sids_and_ids(shop):
    table = pq.read_table(active_paths(shop / "item_sids")[0])
    return table["item_id"].to_pylist(), table["sid"].to_pylist()


def test_what_rounding_loses_is_that_of_the_items(whole):
    items = pq.read_table(whole[0] / "comparison" / "items_int8.parquet")
    codes = np.frombuffer(b"".join(items["embedding"].to_pylist()), np.int8).reshape(len(items), -1)
    scales = np.frombuffer(b"".join(items["scale"].to_pylist()), "<f4")
    exact = pq.read_table(whole[0] / "comparison" / "items_float32.parquet")
    x = np.frombuffer(b"".join(exact["embedding"].to_pylist()), "<f4").reshape(codes.shape)
    error = np.square(codes * scales[:, None] - x).sum() / np.square(x - x.mean(axis=0)).sum()
    lost = by(whole[3]["items"], "arm")["int8 embeddings"]["lost"]
    assert lost == pytest.approx(error, rel=1e-3)
    assert 0 < lost < 1e-3


def test_the_codebook_has_its_name_and_sids_the_loss_that_the_last_audit_measured(whole):
    page, sections = whole[2], whole[3]
    (named,) = [fact["value"] for fact in page["facts"] if fact["name"] == "Codebook"]
    (row,) = sections["codebooks_item_sids"]
    assert named == f"shop, of text ({row['codebook_id']})"
    assert row["name"] == "shop, of text"
    assert by(sections["items"], "arm")["SIDs"]["lost"] == 0.7


def test_the_entropy_is_that_of_the_sids_in_the_file(whole):
    symbols = b"".join(pq.read_table(whole[0] / "comparison/events_sids.parquet")[0].to_pylist())
    counts = Counter(symbols[i : i + 3] for i in range(0, len(symbols), 3))
    shares = np.array(list(counts.values())) / (len(symbols) // 3)
    entropy = by(whole[3]["limit"], "what")["entropy of the sample"]["bytes_per_event"]
    assert entropy == pytest.approx(-(shares * np.log2(shares)).sum() / 8)


def test_users_of_the_sample_are_whole_and_in_order_of_time_and_item(shop, whole):
    report, *_ = whole
    events = pq.read_table(active_paths(shop / "events")[0]).sort_by(
        [("user_id", "ascending"), ("timestamp", "ascending"), ("item_id", "ascending")]
    )
    histories = {}
    for event in events.to_pylist():
        histories.setdefault(event["user_id"], []).append(event["item_id"])
    sampled = pq.read_table(report / "comparison" / "events_item_ids.parquet")["item_id"]
    assert all(history in histories.values() for history in sampled.to_pylist())


@pytest.mark.slow
def test_the_sample_does_not_depend_on_the_partitioning(spark, shop, root, whole, tmp_path):
    given = all_tables(shop, root)
    events = spark.read.format("delta").load(str(given["events"]))
    shuffled = events.orderBy(F.xxhash64("item_id", "timestamp")).repartition(5)
    shuffled.write.parquet(f"{tmp_path}/events")
    audit(spark, tmp_path / "report", **{**given, "events": tmp_path / "events"})
    assert digests(tmp_path / "report") == digests(whole[0])


def digests(report):
    files = sorted((report / "comparison").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_path_of_sequences_is_enough(spark, shop, tmp_path, whole):
    """The shop's order breaks ties by item as well, so even the bytes of the SIDs agree."""
    summary, page, sections = audit(
        spark, tmp_path, sequences=shop / "sequences", sample_events=5_000
    )
    assert [row["table"] for row in sections["tables"]] == ["sequences"]
    arms = [row["arm"] for row in sections["events"]]
    assert arms == ["SIDs", "three int64 n-gram ids", "a list of codes"]
    assert "decode tables" not in by(sections["serving"], "what")
    assert page["not_measured"][0].startswith("Item ids, and alternatives per item: give events")
    assert summary.message.startswith("bytes per event on disk: SIDs ")
    assert digests(tmp_path)["events_sids.parquet"] == digests(whole[0])["events_sids.parquet"]


def test_the_codebook_says_how_long_decode_tables_are(spark, shop, tmp_path):
    given = {"codebooks": shop / "codebooks", "sample_events": 100, "report.formats": "[json]"}
    *_, sections = audit(spark, tmp_path, sequences=shop / "sequences", **given)
    assert by(sections["serving"], "what")["decode tables"]["of"] == "3 x 256 rows of 384 float32"


def test_items_alone_are_measured_without_a_comparison(spark, shop, tmp_path):
    summary, page, sections = audit(spark, tmp_path, item_sids=shop / "item_sids")
    assert "events" not in sections
    assert page["not_measured"][0].startswith("Bytes per event: give sequences")
    assert "item_sids" in summary.message
    assert not (tmp_path / "comparison").exists()


def test_a_user_longer_than_the_sample_is_drawn_and_cut(spark, shop, tmp_path):
    given = {"events": shop / "events", "item_sids": shop / "item_sids", "sample_events": 1}
    summary, page, sections = audit(spark, tmp_path, **given)
    assert summary.rows_out <= 2
    assert {row["half_width_bytes"] for row in sections["events"]} == {None}
    assert "NaN" not in (tmp_path / "audit_footprint.html").read_text()
    assert " of 1 user, whole users drawn" in page["facts"][0]["value"]


def test_a_second_run_replaces_the_report_and_drops_stale_files(spark, shop, tmp_path):
    given = {"events": shop / "events", "item_sids": shop / "item_sids", "sample_events": 100}
    audit(spark, tmp_path, **given)
    assert (tmp_path / "comparison" / "events_item_ids.parquet").exists()
    rest = {"sample_events": 100, "report.formats": "[json]"}
    audit(spark, tmp_path, sequences=shop / "sequences", **rest)
    found = sorted(path.stem for path in (tmp_path / "comparison").iterdir())
    assert found == ["events_codes", "events_ngrams", "events_sids", "events_timestamps"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["audit_footprint.json"]

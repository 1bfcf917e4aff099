"""Tables as a footprint meets them: versions, deletions, several codebooks, growth, odd paths."""

import datetime
import os
from dataclasses import replace
from pathlib import Path

import pytest
from footprint_shop import audit
from pyspark.sql import functions as F

from semantic_ids.report import Part
from semantic_ids.spark.footprint_history import history_of
from semantic_ids.spark.footprint_parts import parts_of
from semantic_ids.spark.footprint_runs import read_ne_run
from semantic_ids.spark.footprint_sizes import active_files, measure_table
from semantic_ids.spark.outputs import Output
from semantic_ids.spark.runs import Run, RunSummary, record_run, runs_output
from semantic_ids.spark.sources import Source, open_source

pytestmark = pytest.mark.spark


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
    summary, page, sections = audit(spark, tmp_path / "report", item_sids=path)
    (table,) = sections["tables"]
    assert table["deleted_share"] == pytest.approx(1 - table["n_rows"] / rows.count())
    assert page["verdict"]["word"] == "act"
    assert summary.metrics["findings"]["deleted rows"] == "act"


@pytest.mark.parametrize("format_", ["delta", "parquet"])
def test_files_are_found_whatever_characters_their_paths_hold(spark, tmp_path, format_):
    path = str(tmp_path / "a b%20c")
    rows = spark.range(4).withColumn("ds", F.concat(F.lit("x y%/"), F.col("id") % 2))
    rows.write.format(format_).partitionBy("ds").save(path)
    version = "delta:0" if format_ == "delta" else "files:0"
    source = Source("item_sids", path, version, spark.read.format(format_).load(path))
    found = {Path(uri.removeprefix("file:").replace("///", "/")) for uri in active_files(source)}
    assert found == set(Path(path).rglob("*.parquet"))
    size = measure_table(source, unit="item", n_rows=4, n_units=4)
    assert size.size_bytes == sum(file.stat().st_size for file in found)
    days = parts_of(source, F.lit(1)).days
    assert [(part.name, part.n_units) for part in days] == [("x y%/0", 2), ("x y%/1", 2)]
    assert sum(part.size_bytes for part in days) == size.size_bytes


def test_a_file_of_two_codebooks_counts_for_each_by_its_rows(spark, tmp_path):
    path = f"{tmp_path}/items"
    rows = [(1, "a"), (2, "a"), (3, "a"), (4, None)]
    spark.createDataFrame(rows, "item_id int, codebook_id string").coalesce(1).write.parquet(path)
    (file,) = Path(path).glob("*.parquet")
    size = file.stat().st_size
    found = parts_of(open_source(spark, "item_sids", path), F.lit(1)).codebooks
    assert found == (Part("a", 1, 3, size * 0.75), Part("null", 1, 1, size * 0.25))


def test_a_table_of_two_codebooks_compares_that_of_most_events(spark, shop, tmp_path):
    rows = spark.read.format("delta").load(str(shop / "sequences"))
    few = rows.where("user_id % 5 = 0").withColumn("codebook_id", F.lit("later"))
    rows.union(few).write.format("delta").save(f"{tmp_path}/sequences")
    summary, page, sections = audit(
        spark, tmp_path / "report", sequences=tmp_path / "sequences", sample_events=500
    )
    assert summary.codebook_id == rows.first()["codebook_id"]
    counts = {row["codebook_id"]: row["n_events"] for row in sections["codebooks_sequences"]}
    assert counts["later"] == few.agg(F.sum("n_events")).first()[0]
    assert any("holds SIDs of 2" in text for text in page["not_measured"])


def grown(spark, path, counts):
    """Append in commits a week apart: Delta dates them by the times of their files."""
    for count in counts:
        rows = spark.range(count).withColumn("codebook_id", F.lit("a"))
        rows.coalesce(1).write.format("delta").mode("append").save(path)
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC).timestamp()
    for number in range(len(counts)):
        at = start + 7 * 86_400 * number
        os.utime(Path(path) / "_delta_log" / f"{number:020}.json", (at, at))


def test_growth_is_that_of_the_versions(spark, tmp_path):
    path = f"{tmp_path}/items"
    grown(spark, path, [10, 5, 20])
    source = open_source(spark, "item_sids", path)
    history = history_of(source, F.lit(1), codebook_id="a", days=())
    assert [moment.n_units for moment in history.moments] == [10, 15, 35]
    assert history.days == pytest.approx(14)
    sizes = [file.stat().st_size for file in Path(path).glob("*.parquet")]
    assert history.moments[-1].size_bytes == sum(sizes)
    assert history_of(source, F.lit(1), codebook_id="other", days=()).moments == ()


@pytest.mark.slow
def test_many_versions_are_thinned_and_lost_ones_are_passed_over(spark, tmp_path):
    path = f"{tmp_path}/items"
    grown(spark, path, [1] * 10)
    source = open_source(spark, "item_sids", path)
    history = history_of(source, F.lit(1), codebook_id=None, days=())
    assert len(history.moments) == 8
    assert (history.moments[0].n_units, history.moments[-1].n_units) == (1, 10)
    older = replace(source, version="delta:4", rows=source.read_version(4))
    assert history_of(older, F.lit(1), codebook_id=None, days=()).moments[-1].n_units == 5
    output = Output("item_sids", path, source.rows.schema)
    assert output.read(spark, 4).count() == 5


def test_days_tell_the_growth_where_versions_are_too_young(spark, tmp_path):
    path = f"{tmp_path}/items"
    spark.range(60).write.format("delta").save(path)
    source = open_source(spark, "sequences", path)
    days = tuple(
        Part(name, 1, 20, 100.0) for name in ("2024-01-01", "2024-01-05", "2024-01-09", "null")
    )
    history = history_of(source, F.lit(1), codebook_id=None, days=days)
    assert (history.kind, history.days) == ("day", 8)
    assert [(m.label, m.n_units, m.size_bytes) for m in history.moments] == [
        ("2024-01-01", 20, 100.0),
        ("2024-01-05", 40, 200.0),
        ("2024-01-09", 60, 300.0),
    ]


def test_a_view_is_measured_but_not_by_part_or_in_time(spark, shop):
    spark.read.format("delta").load(str(shop / "item_sids")).createOrReplaceTempView("items_view")
    source = open_source(spark, "item_sids", "items_view")
    assert parts_of(source, F.lit(1)).codebooks == ()
    assert history_of(source, F.lit(1), codebook_id=None, days=()).moments == ()


def record(spark, output, metrics, *, job="evaluate_ne", status="succeeded", day=1):
    started = datetime.datetime(2024, 1, day, tzinfo=datetime.UTC)
    run = Run(f"{job}-{day}-{status}", job, started, {})
    record_run(spark, output, run=run, summary=RunSummary("", metrics=metrics), status=status)


def test_the_newest_result_of_evaluate_ne_is_read_from_runs(spark, shop, tmp_path):
    path = f"{tmp_path}/runs"
    assert read_ne_run(spark, path) is None
    output = runs_output(path)
    record(spark, output, {"arms": {"SIDE": {"ne_gain": 9, "bytes_per_event": 1}}}, job="other")
    assert read_ne_run(spark, path) is None
    for day, gain in ((1, 0.01), (3, 0.04), (2, 0.02)):
        arms = {"SIDE": {"ne_gain": gain, "bytes_per_event": 2.5}}
        record(spark, output, {"arms": arms}, day=day)
    record(spark, output, {"arms": {}}, day=5, status="failed")
    given = {"item_sids": shop / "item_sids", "runs": path}
    _, page, sections = audit(spark, tmp_path / "report", **given)
    (row,) = sections["ne"]
    assert (row["arm"], row["gain_per_byte"]) == ("SIDE", 0.04 / 2.5)
    assert not any("NE gain" in text for text in page["not_measured"])

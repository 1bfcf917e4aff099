"""Names that look like SQL mean themselves, or are refused in one sentence."""

import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyspark.sql.types import LongType, StringType, StructField, StructType
from sequence_builds import DAY, Build, events_table, sids_table

from semantic_ids.errors import TableError
from semantic_ids.spark.codebooks import append_codebook, codebooks_output, read_codebook
from semantic_ids.spark.erasing import erase_history
from semantic_ids.spark.runs import STARTED, Run, RunSummary, record_run, runs_output
from semantic_ids.spark.sources import open_source, quoted

pytestmark = pytest.mark.spark

HOSTILE = [
    "x' or '1'='1",
    "x`; drop table runs; --",
    'a"b',
    "a.b",
    "a b",
    "`",
    "``",
    "${spark.master}",
    "é\u202e",
    "select",
    "*",
    "/*",
    "\\",
    "x) as y, (select 1",
]
NAMES = st.one_of(
    st.sampled_from(HOSTILE), st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)
)
ON_SPARK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ON_SPARK
@given(NAMES)
@example("x`y``z")
def test_a_quoted_name_is_that_column_and_no_other(spark, name):
    fields = [StructField(name, LongType()), StructField(f"{name}2", StringType())]
    rows = spark.createDataFrame([], StructType(fields))
    assert rows.select(quoted(name)).schema.fields == fields[:1]


@pytest.mark.parametrize("name", [n for n in HOSTILE if n != "*" and "${" not in n])
def test_a_tie_break_column_of_any_name_orders_events(spark, save, place, name):
    times = [(1, item, DAY) for item in range(3)]
    events = events_table(times, **{name: pa.array([2, 0, 1])})
    build = Build(spark, save, place())
    build.run(events, sids_table(range(3)), tie_break=[name])
    assert [sid for _, _, sid in build.events()] == [bytes([0, 0, i]) for i in range(3)]
    assert [s for _, s in build.histories()[1]] == [bytes([0, 0, i]) for i in (1, 2, 0)]


def test_what_spark_or_delta_would_take_for_something_else_is_refused(spark, save, place):
    name = "${spark.master}"
    events = events_table([(1, 0, DAY)], **{name: pa.array([7])})
    with pytest.raises(TableError, match="a column's name must not hold"):
        Build(spark, save, place()).run(events, sids_table([0]), tie_break=[name])
    with pytest.raises(TableError, match="runs: a table's path must not hold `"):
        runs_output(f"{place()}/a`; drop table b; --").check(spark)


@pytest.mark.parametrize("name", HOSTILE)
def test_an_event_column_is_kept_under_its_name_or_refused(spark, save, place, name):
    events = events_table([(1, 0, DAY)], **{name: pa.array([7])})
    build = Build(spark, save, place())
    if set(name) & set(" ,;{}()=.`*"):  # what Delta has no columns with, or not without quotes
        with pytest.raises(TableError, match=r"event_columns: |must not hold"):
            build.run(events, sids_table([0]), event_columns=[name])
        assert not Path(build.table).exists()
    else:
        build.run(events, sids_table([0]), event_columns=[name])
        assert build.rows()[name].to_pylist() == [(7).to_bytes(8, "little")]


@pytest.mark.slow
def test_a_codebook_of_any_name_is_found_by_it_alone(spark, place, codebook, other_codebook):
    output = codebooks_output(place())
    for name in HOSTILE[:4]:
        append_codebook(spark, output, codebook=codebook, name=name, lineage={}, metrics={})
    append_codebook(spark, output, codebook=other_codebook, name="x", lineage={}, metrics={})
    source = open_source(spark, "codebooks", output.table)
    for name in HOSTILE[:4]:
        assert read_codebook(source, name) == codebook
    for name in HOSTILE[4:]:
        with pytest.raises(TableError, match="has no codebook named"):
            read_codebook(source, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["x' or '1'='1", "a; drop table b; --", 'quo"ted [1-2] *', "é %20"]
)
def test_a_table_in_a_folder_of_any_name_is_altered_and_erased(spark, tmp_path, name):
    output = runs_output(f"{tmp_path}/{name}")
    started = datetime.datetime(2011, 12, 9, tzinfo=datetime.UTC)
    output.create(spark)
    location = quoted(output.folder(spark))
    spark.sql(f"alter table delta.{location} drop constraint status_known")
    for status in (STARTED, "succeeded"):
        run = Run("r-1", "fit_codebook", started, {})
        record_run(spark, output, run=run, summary=RunSummary(status), status=status)
    erase_history(spark, output, [], retention_hours=0.0)
    rows = output.read(spark).select("status", "seconds").collect()
    assert {row["status"] for row in rows} == {STARTED, "succeeded"}
    assert {row["status"] for row in rows if row["seconds"] is None} == {STARTED}
    assert [path.name for path in tmp_path.iterdir()] == [name]

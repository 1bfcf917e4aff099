"""Columns that change names: the files stay as they are, and what was read from them does not."""

import pytest
from delta_tables import read_delta
from pyspark.sql import functions as F
from quantize_world import FEED, World, small_codebook, table_of
from sequence_builds import Build, events_table, sids_table

pytestmark = pytest.mark.spark

MAPPED = {"delta.columnMapping.mode": "name"}


def rename(spark, path, **names):
    for old, new in names.items():
        spark.sql(f"alter table delta.`{path}` rename column {old} to {new}")


@pytest.mark.slow
@pytest.mark.parametrize("properties", [{}, FEED], ids=["files", "feed"])
def test_another_column_of_the_collection_s_name_is_quantised(spark, place, properties):
    world = World(spark, place, small_codebook())
    rows = [(item, [float(item - n) for n in range(8)]) for item in range(20)]
    both = spark.createDataFrame(table_of(rows)).withColumn(
        "other", F.transform("text", lambda x: -x)
    )
    both.write.format("delta").options(**MAPPED).save(world.source)
    for key, value in properties.items():
        spark.sql(f"alter table delta.`{world.source}` set tblproperties ('{key}' = '{value}')")
    world.run()
    world.check()
    rename(spark, world.source, other="third")
    assert "no SID changed; only changes since" in world.run()
    rename(spark, world.source, text="old", third="text")
    assert "because the last run read another table, or other columns" in world.run()
    world.check()
    assert "nothing to do" in world.run()


def test_another_column_of_the_items_name_is_packed(spark, save, place):
    build, sids, events = Build(spark, save, place()), save(sids_table(range(9))), place()
    rows = spark.createDataFrame(events_table([(1, item, item) for item in range(4)]))
    both = rows.withColumn("other", 8 - F.col("item_id"))
    both.write.format("delta").options(**MAPPED).save(events)
    build.run(events, sids, since="last")
    rename(spark, events, item_id="old", other="item_id")
    summary = build.run(events, sids, since="last")
    assert "the whole table was built, because the table was built with events_id " in (
        summary.message
    )
    assert build.events() == [(1, n, bytes([0, 0, 8 - n])) for n in range(4)]
    assert sum(read_delta(build.table)["n_events"].to_pylist()) == 4

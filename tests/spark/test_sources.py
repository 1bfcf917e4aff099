"""What can be opened, at which version, and what is refused."""

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semantic_ids.errors import TableError
from semantic_ids.spark.lineage import name_datasets
from semantic_ids.spark.sources import UNVERSIONED, open_source

pytestmark = pytest.mark.spark

TABLE = pa.table({"item_id": [1, 2, 3], "name": ["a", "b", "c"]})


@pytest.fixture(scope="module")
def catalogue(spark):
    """Fill the catalogue with a table of each kind."""
    rows = spark.range(3)
    rows.write.format("delta").mode("overwrite").saveAsTable("sources_delta")
    rows.write.format("parquet").mode("overwrite").saveAsTable("sources_parquet")
    rows.createOrReplaceTempView("sources_view")
    yield
    for table in ("sources_delta", "sources_parquet"):
        spark.sql(f"drop table {table}")
    spark.catalog.dropTempView("sources_view")


def write_delta(spark, path, n, mode="append"):
    spark.range(n).coalesce(1).write.format("delta").mode(mode).save(path)


def refused(spark, table):
    with pytest.raises(TableError) as caught:
        open_source(spark, "embeddings", table)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith("embeddings: ")
    assert repr(table) in sentence
    return sentence


@pytest.mark.parametrize(
    "name", ["plain", "with a space", "it's", 'quo"te', "ünïcødé 漢", "50%20off", "a=b", "#1"]
)
@pytest.mark.parametrize("form", ["folder", "file", "uri"])
def test_parquet_is_read_whatever_its_path(spark, tmp_path, name, form):
    folder = tmp_path / name
    folder.mkdir()
    pq.write_table(TABLE, folder / "items.parquet")
    place = {"folder": folder, "file": folder / "items.parquet", "uri": f"file://{folder}"}[form]
    opened = open_source(spark, "embeddings", str(place))
    assert opened.rows.toArrow().sort_by("item_id").to_pylist() == TABLE.to_pylist()
    assert opened.version.startswith("files:")


@pytest.mark.parametrize("name", ["with a space", "it's ünïcødé", "50%20off"])
def test_delta_is_read_whatever_its_path(spark, tmp_path, name):
    path = str(tmp_path / name)
    write_delta(spark, path, 3)
    for place in (path, f"file://{path}"):
        opened = open_source(spark, "embeddings", place)
        assert opened.rows.count() == 3
        assert opened.version == "delta:0"
        assert opened.label == f"file:{path}@delta:0"


@pytest.mark.parametrize("kind", ["parquet", "delta"])
def test_a_relative_path_and_an_absolute_one_are_one_table(spark, tmp_path, kind):
    path = tmp_path / kind
    spark.range(3).write.format(kind).save(str(path))
    relative = os.path.relpath(path)
    assert "/" in relative
    opened = open_source(spark, "embeddings", relative)
    assert opened.label == open_source(spark, "embeddings", str(path)).label
    assert opened.rows.count() == 3


def test_delta_and_parquet_come_from_the_catalogue(spark, catalogue):
    assert open_source(spark, "embeddings", "sources_delta").label == "sources_delta@delta:0"
    assert open_source(spark, "embeddings", "default.sources_delta").rows.count() == 3
    opened = open_source(spark, "embeddings", "sources_parquet")
    assert (opened.version[:6], opened.rows.count()) == ("files:", 3)


def test_a_view_has_no_version_since_its_definition_may_change(spark, catalogue):
    spark.sql("create or replace view sources_filter as select * from sources_delta where id > 0")
    assert open_source(spark, "embeddings", "sources_filter").version == UNVERSIONED
    assert open_source(spark, "embeddings", "sources_view").version == UNVERSIONED
    spark.sql("drop view sources_filter")


def test_lineage_names_places_and_leaves_out_what_has_none(spark, catalogue, tmp_path):
    tables = {
        "item_sids": "sources_delta",
        "embeddings": "default.sources_parquet",
        "rejected_items": f"{tmp_path}/no table yet",
        "items": "sources_view",
        "sid_items": "no_table_yet",
    }
    warehouse = spark.conf.get("spark.sql.warehouse.dir").removeprefix("file:")
    assert name_datasets(spark, tables) == {
        "item_sids": {"namespace": "file", "name": f"{warehouse}/sources_delta"},
        "embeddings": {"namespace": "file", "name": f"{warehouse}/sources_parquet"},
        "rejected_items": {"namespace": "file", "name": f"{tmp_path}/no table yet"},
    }


def test_a_delta_source_stays_at_the_version_it_was_opened_at(spark, place, catalogue):
    path = place()
    write_delta(spark, path, 3)
    opened = open_source(spark, "embeddings", path)
    by_name = open_source(spark, "embeddings", "sources_delta")
    write_delta(spark, path, 4)
    spark.range(4).write.format("delta").mode("overwrite").saveAsTable("sources_delta")
    assert (opened.rows.count(), by_name.rows.count()) == (3, 3)
    later = open_source(spark, "embeddings", path)
    assert (later.version, later.rows.count()) == ("delta:1", 7)


def test_a_parquet_source_has_another_version_once_its_files_differ(spark, tmp_path):
    def version():
        return open_source(spark, "embeddings", str(tmp_path)).version

    pq.write_table(TABLE, tmp_path / "a.parquet")
    first = version()
    assert version() == first
    pq.write_table(TABLE, tmp_path / "b.parquet")
    second = version()
    (tmp_path / "b.parquet").rename(tmp_path / "c.parquet")
    third = version()
    os.utime(tmp_path / "c.parquet", (0, 0))
    assert len({first, second, third, version()}) == 4


def test_files_that_spark_hides_do_not_count(spark, tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    before = open_source(spark, "embeddings", str(tmp_path)).version
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".a.parquet.crc").write_text("")
    assert open_source(spark, "embeddings", str(tmp_path)).version == before


def test_partitions_of_a_parquet_folder_are_columns(spark, tmp_path):
    for country in ("a b", "é%c"):
        spark.createDataFrame([(1, country)], "id int, country string").write.partitionBy(
            "country"
        ).mode("append").parquet(str(tmp_path / "t"))
    opened = open_source(spark, "embeddings", str(tmp_path / "t"))
    assert {row["country"] for row in opened.rows.collect()} == {"a b", "é%c"}
    assert opened.version.startswith("files:")


def test_columns_are_found_by_their_very_names(source):
    table = pa.table({"item_id": [1], "text.v1": [2.0], "a `b`": [3], "Text": [4]})
    opened = source(table)
    names = ["text.v1", "a `b`", "Text"]
    assert opened.rows.select(*map(opened.column, names)).collect() == [(2.0, 3, 4)]
    with pytest.raises(TableError, match=r"has no column 'text'; did you mean 'Text'\?"):
        opened.column("text")


# What is refused


@pytest.mark.parametrize("name", ["absent", "with a space/it's absent"])
def test_a_missing_path_is_refused(spark, tmp_path, name):
    path = str(tmp_path / name)
    assert refused(spark, path) == f"embeddings: there is no table at {path!r}"


def test_a_folder_without_parquet_is_refused(spark, tmp_path):
    said = refused(spark, str(tmp_path))
    assert said.endswith("must be a Delta table or a Parquet file or folder, found no Parquet")


def write_csv(path: Path):
    path.mkdir()
    (path / "items.csv").write_text("item_id,text\n" + "1,2\n" * 20)


def write_torn_parquet(path: Path):
    path.mkdir()
    pq.write_table(pa.table({"item_id": np.arange(1000)}), path / "items.parquet")
    whole = (path / "items.parquet").read_bytes()
    (path / "items.parquet").write_bytes(whole[: len(whole) // 2])


def write_numpy(path: Path):
    path.mkdir()
    np.save(path / "items.npy", np.zeros((4, 4)))


@pytest.mark.parametrize("write", [write_csv, write_torn_parquet, write_numpy])
def test_files_that_are_not_parquet_are_refused(spark, tmp_path, write):
    write(tmp_path / "items")
    said = refused(spark, str(tmp_path / "items"))
    assert "must be a Delta table or a Parquet file or folder, found" in said
    assert "is not a Parquet file" in said


def test_a_file_inside_a_delta_table_is_refused(spark, place):
    path = place()
    write_delta(spark, path, 3)
    file = next(Path(path).glob("*.parquet"))
    assert "cannot be opened: " in refused(spark, str(file))


def test_a_damaged_delta_log_is_refused(spark, place):
    sound, path = place(), place()
    write_delta(spark, sound, 3)
    shutil.copytree(sound, path)  # Delta remembers logs that it has read
    log = next(Path(path).glob("_delta_log/*.json"))
    log.write_text("{")
    for checksum in log.parent.glob("*.crc"):  # Hadoop's, and Delta's, which says the same again
        checksum.unlink()
    assert "cannot be opened: " in refused(spark, path)


@pytest.mark.parametrize(
    "table", ["s4://bucket/items", "a:b/items", "file:items/x", "hdfs://no.such.host:1/items"]
)
def test_a_place_that_cannot_be_reached_is_refused(spark, table):
    assert "cannot be opened: " in refused(spark, table)


def test_a_name_that_the_catalogue_lacks_is_refused(spark):
    for table in ("absent", "no_such_schema.absent"):
        assert refused(spark, table) == (
            f"embeddings: the catalogue has no table {table!r} (a path must hold a slash, "
            "such as ./tables)"
        )


@pytest.mark.parametrize(
    "table", ["my-table", "x' OR '1'='1", "t; drop table t", "`t", "a.b.c.d", "two words"]
)
def test_what_is_no_name_for_a_table_is_refused(spark, table):
    assert "cannot be opened: [" in refused(spark, table)

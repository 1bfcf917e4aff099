"""What audit_footprint refuses, in one sentence, and what it leaves behind then: nothing."""

import pytest
from footprint_shop import audit
from pyspark.sql import functions as F

from semantic_ids.errors import ConfigError, TableError

pytestmark = pytest.mark.spark


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
            lambda rows: rows.withColumn("n_events", F.lit(1_000_003)),
            "sids must hold 1 to 8 bytes an event",
        ),
        (
            "sequences",
            lambda rows: rows.withColumn("timestamps", F.lit(b"1234567")),
            "a segment of .* events must hold 3 bytes of sids and 8 of timestamps",
        ),
        (
            "item_sids",
            lambda rows: rows.withColumn("sid", F.expr("if(item_id < '3', null, sid)")),
            r"item_sids: the SIDs of .* must not be null, got [\d,]+ nulls",
        ),
        (
            "item_sids",
            lambda rows: rows.withColumn("sid", F.expr("if(item_id = '22423', -5, sid)")),
            "item_sids: the SIDs of .* must not be negative, got 1 that are, the lowest -5",
        ),
    ],
)
def test_a_table_that_is_not_what_its_name_says_is_refused(
    spark, broken, tmp_path, name, change, sentence
):
    with pytest.raises(TableError, match=sentence):
        audit(spark, tmp_path / "report", **{name: broken(name, change)})
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        (
            "item_sids",
            lambda rows: rows.withColumn("sid", F.expr("if(item_id = '22423', 250 << 16, sid)")),
            "the SIDs of codebook .* must be some that it assigns, got 1 others, .* 16384000",
        ),
        (
            "sequences",
            lambda rows: rows.withColumn("sids", F.expr("unhex(repeat('FA', length(sids)))")),
            "sequences: the SIDs of codebook .*: byte 0 of a SID must be below 243, got 250",
        ),
        (
            "sequences",
            lambda rows: rows.withColumn("codebook_id", F.lit("f" * 32)),
            "codebooks: .* has no codebook_id 'ffff",
        ),
    ],
)
def test_sids_that_their_codebook_does_not_assign_are_refused(
    spark, shop, broken, tmp_path, name, change, sentence
):
    given = {name: broken(name, change), "codebooks": shop / "codebooks"}
    with pytest.raises(TableError, match=sentence):
        audit(spark, tmp_path / "report", **given)
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
    summary, *_ = audit(spark, tmp_path / "report", sequences=shop / "sequences", **given)
    assert summary.rows_out >= 100


def test_an_item_of_two_sids_is_refused_where_events_would_count_twice(
    spark, shop, broken, tmp_path
):
    two = broken(
        "item_sids",
        lambda rows: rows.union(
            rows.where("item_id = '22423'").withColumn("sid", F.col("sid").bitwiseXOR(F.lit(1)))
        ),
    )
    given = {"events": shop / "events", "item_sids": two, "sample_events": 100_000}
    with pytest.raises(TableError, match=r"one SID of .*, got several of 1 items, .* '22423'"):
        audit(spark, tmp_path / "report", **given)


def test_a_report_folder_that_is_a_file_is_refused(spark, shop, tmp_path):
    (tmp_path / "report").touch()
    with pytest.raises(ConfigError, match=r"report.folder: .* must be writable"):
        audit(spark, tmp_path / "report", item_sids=shop / "item_sids")

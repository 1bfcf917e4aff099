"""The codebooks, runs and other output tables: appended once, checked when read, guarded."""

import datetime
import json

import pytest
from delta_tables import read_delta, version_of
from pyspark.errors import PySparkException

from semantic_ids.codebook import save as to_bytes
from semantic_ids.errors import ArtefactError, InputError, TableError
from semantic_ids.spark.codebooks import append_codebook, codebooks_output, read_codebook
from semantic_ids.spark.runs import Run, RunSummary, record_run, runs_output
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of
from semantic_ids.spark.sources import open_source

pytestmark = pytest.mark.spark

HOSTILE = "x' OR '1'='1"


class Codebooks:
    def __init__(self, spark, path):
        self.spark, self.path = spark, path

    def append(self, codebook, name):
        return append_codebook(
            self.spark,
            codebooks_output(self.path),
            codebook=codebook,
            name=name,
            lineage={"seed": 7, "run_id": "r"},
            metrics={"relative_error": [0.5]},
        )

    def read(self, key):
        return read_codebook(open_source(self.spark, "codebooks", self.path), key)


@pytest.fixture(scope="module")
def codebooks(spark, codebook, other_codebook, tmp_path_factory):
    """Give a table of two codebooks under three names; nobody writes to it."""
    table = Codebooks(spark, str(tmp_path_factory.mktemp("it's") / "codebooks"))
    assert table.append(codebook, "shop")
    assert table.append(other_codebook, "shop")
    assert table.append(codebook, HOSTILE)
    return table


def test_a_codebook_comes_back_by_its_id_and_the_newest_by_a_name(
    codebooks, codebook, other_codebook
):
    assert codebooks.read(codebook.codebook_id) == codebook
    assert codebooks.read(other_codebook.codebook_id) == other_codebook
    assert codebooks.read("shop") == other_codebook


def test_a_name_is_only_data(codebooks, codebook):
    assert codebooks.read(HOSTILE) == codebook
    with pytest.raises(TableError, match="has no codebook named"):
        codebooks.read("y' OR '1'='1")


def test_an_id_and_name_are_appended_once(codebooks, codebook):
    before = read_delta(codebooks.path).num_rows
    assert not codebooks.append(codebook, "shop")
    assert not codebooks.append(codebook, HOSTILE)
    assert read_delta(codebooks.path).num_rows == before == 3


def test_a_row_says_what_the_codebook_is_and_where_it_comes_from(codebooks, codebook):
    rows = read_delta(codebooks.path).to_pylist()
    (row,) = [row for row in rows if row["name"] == HOSTILE]
    assert row["codebook_id"] == codebook.codebook_id
    assert (row["width"], row["n_digits"]) == (codebook.width, codebook.n_digits)
    assert dict(row["collections"]) == {"text": 384}
    assert json.loads(row["spec"]) == codebook.spec.to_dict()
    assert json.loads(row["lineage"]) == {"seed": 7, "run_id": "r"}
    assert json.loads(row["metrics"]) == {"relative_error": [0.5]}
    assert row["payload"] == to_bytes(codebook)
    assert row["created_at"].utcoffset() == datetime.timedelta(0)


@pytest.mark.parametrize("key", ["absent", "0" * 32, "shop ", "SHOP", "%"])
def test_an_unknown_codebook_is_refused(codebooks, key):
    kind = "codebook_id" if key == "0" * 32 else "codebook named"
    with pytest.raises(TableError) as caught:
        codebooks.read(key)
    assert str(caught.value).endswith(f"codebooks has no {kind} {key!r}")


@pytest.mark.parametrize(
    "payload",
    [
        "cast(null as binary)",
        "cast('' as binary)",
        "cast('not a codebook' as binary)",
        "substring(payload, 1, length(payload) - 1)",
        "concat(substring(payload, 1, length(payload) - 1), X'55')",
    ],
)
def test_damaged_bytes_are_refused(spark, codebooks, codebook, place, payload):
    from pyspark.sql import functions as F

    path = place()
    rows = spark.read.format("delta").load(codebooks.path)
    rows.withColumn("payload", F.expr(payload)).write.format("delta").save(path)
    with pytest.raises(ArtefactError, match="codebook"):
        Codebooks(spark, path).read(codebook.codebook_id)


@pytest.mark.parametrize(("column", "text"), [("lineage", "{"), ("metrics", "[1]")])
def test_what_is_filed_with_a_codebook_must_be_json(
    spark, codebooks, codebook, place, column, text
):
    from pyspark.sql import functions as F

    path = place()
    rows = spark.read.format("delta").load(codebooks.path).withColumn(column, F.lit(text))
    rows.write.format("delta").save(path)
    said = f"codebooks: {column} of {codebook.codebook_id} must be a JSON object, got '"
    with pytest.raises(TableError, match=said):
        Codebooks(spark, path).read(codebook.codebook_id)


def test_bytes_of_another_codebook_are_refused(spark, codebooks, codebook, other_codebook, place):
    from pyspark.sql import functions as F

    path = place()
    other = bytearray(to_bytes(other_codebook))
    rows = spark.read.format("delta").load(codebooks.path).withColumn("payload", F.lit(other))
    rows.write.format("delta").save(path)
    with pytest.raises(ArtefactError, match=f"codebook_id must be {codebook.codebook_id}, got "):
        Codebooks(spark, path).read(codebook.codebook_id)


def test_a_table_that_is_none_of_codebooks_is_refused(spark, save, place):
    path = place()
    spark.range(3).write.format("delta").save(path)
    with pytest.raises(TableError, match=r"codebooks: .* has no column 'codebook_id'"):
        Codebooks(spark, path).read("shop")
    with pytest.raises(
        TableError, match=r"codebooks: the table .* has columns id bigint; this job"
    ):
        codebooks_output(path).check(spark)


# Outputs


def test_a_constraint_stops_a_codebook_of_an_impossible_width(spark, codebooks):
    before = version_of(codebooks.path)
    with pytest.raises(SPARK_ERRORS) as caught:
        spark.sql(f"update delta.`{codebooks.path}` set width = 9")
    said = sentence_of(caught.value)
    assert "CHECK constraint width_in_bytes" in said
    assert "\n" not in said
    assert version_of(codebooks.path) == before


def test_an_output_stands_by_path_or_in_the_catalogue(spark, place):
    for table in (place(), "codebooks_runs", "default.codebooks_runs_2"):
        output = runs_output(table)
        output.check(spark)
        assert not output.exists(spark)
        summary = RunSummary(
            "done",
            codebook_id="c",
            inputs={"a": "b@delta:1"},
            rows_in=3,
            rows_out=2,
            rows_rejected=1,
            metrics={"x": [1]},
        )
        started = datetime.datetime(2011, 12, 9, tzinfo=datetime.UTC)
        run = Run("r-1", "quantize_items", started, {"seed": 0})
        record_run(spark, output, run=run, summary=summary, status="succeeded")
        record_run(spark, output, run=run, summary=RunSummary("broken"), status="failed")
        output.check(spark)
        first, second = open_source(spark, "runs", table).rows.orderBy("status").collect()
        assert (first["status"], first["message"], first["rows_in"]) == ("failed", "broken", None)
        assert (second["run_id"], second["job"]) == ("r-1", "quantize_items")
        assert (second["rows_in"], second["rows_out"], second["rows_rejected"]) == (3, 2, 1)
        assert second["inputs"] == {"a": "b@delta:1"}
        assert json.loads(second["config"]) == {"seed": 0}
        assert json.loads(second["metrics"]) == {"x": [1]}
        assert second["seconds"] > 0
        if "/" not in table:
            spark.sql(f"drop table {table}")


def test_a_place_that_cannot_take_a_table_is_refused(spark, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "empty" / "_hidden").mkdir(parents=True)
    runs_output(str(tmp_path / "empty")).check(spark)
    spark.range(1).write.mode("overwrite").saveAsTable("codebooks_parquet")
    refused = {
        str(tmp_path): "holds files that are not a Delta table",
        str(tmp_path / "notes.txt"): "holds files that are not a Delta table",
        "codebooks_parquet": "is not a Delta table",
        "no_such_schema.runs": "the catalogue has no schema 'no_such_schema'",
        "my-runs": "cannot be opened: ",
        "s4://bucket/runs": "cannot be opened: ",
    }
    for table, sentence in refused.items():
        with pytest.raises(TableError, match=sentence) as caught:
            runs_output(table).check(spark)
        assert str(caught.value).startswith("runs: ")
        assert "\n" not in str(caught.value)
    spark.sql("drop table codebooks_parquet")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_our_own_error_survives_the_jvm_as_one_sentence(spark):
    def fail(batches):
        raise InputError("x must be finite, got NaN in 3 rows")
        yield from batches

    with pytest.raises(Exception, match="InputError") as caught:
        spark.range(1).mapInArrow(fail, "id bigint").collect()
    assert sentence_of(caught.value) == "x must be finite, got NaN in 3 rows"


def test_an_error_of_spark_is_one_line(spark):
    with pytest.raises(PySparkException) as caught:
        spark.range(1).select("absent").collect()
    said = sentence_of(caught.value)
    assert "\n" not in said
    assert "absent" in said

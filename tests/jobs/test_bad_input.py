"""Bad input to a job: exit code 2, one sentence with field, rule and value, nothing written."""

import re
import runpy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from semantic_ids import job_configs
from semantic_ids.audit_configs import AuditChurn, AuditFootprint
from semantic_ids.cli import run_job
from semantic_ids.codebook import CodebookSpec, fit
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.runs import runs_output

pytestmark = pytest.mark.spark

CONFIGS = {
    "fit_codebook": job_configs.FitCodebook,
    "quantize_items": job_configs.QuantizeItems,
    "build_sequences": job_configs.BuildSequences,
    "audit_footprint": AuditFootprint,
    "audit_churn": AuditChurn,
}
DIM = 4
FLOATS = pa.list_(pa.float32())


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Give a folder of good and of bad tables; nobody writes to it."""
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(0)
    ids = [f"i{number}" for number in range(40)]
    vectors = list(rng.normal(size=(40, DIM)).astype(np.float32))
    codebook = fit(np.array(vectors), CodebookSpec([{"ternary": 5}]), collection="text")
    codebooks = codebooks_output(f"{folder}/codebooks")
    append_codebook(spark, codebooks, codebook=codebook, name="text", lineage={}, metrics={})
    tampered = spark.read.format("delta").load(f"{folder}/codebooks")
    tampered.selectExpr(
        *(name for name in tampered.columns if name != "payload"),
        "concat(substring(payload, 1, length(payload) - 1), X'7F') as payload",
    ).write.format("delta").save(f"{folder}/tampered")

    tables = {
        "items": {"item_id": ids, "text": pa.array(vectors, FLOATS), "other": vectors},
        "no_items": {"item_id": pa.array([], pa.string()), "text": pa.array([], FLOATS)},
        "no_vectors": {"item_id": ids, "text": pa.array([None] * 40, FLOATS)},
        "short": {"item_id": ids, "text": pa.array([v[:3] for v in vectors], FLOATS)},
        "same": {"item_id": ids, "text": pa.array([vectors[0]] * 40, FLOATS)},
        "texts": {"item_id": ids, "text": ids},
        "numbers": {"item_id": ids, "text": list(range(40))},
        "float_ids": {"item_id": list(map(float, range(40))), "text": pa.array(vectors, FLOATS)},
        "no_ids": {"sku": ids, "text": pa.array(vectors, FLOATS)},
        "item_sids": {
            "item_id": ids,
            "sid": list(range(40)),
            "codebook_id": [codebook.codebook_id] * 40,
        },
        "other_sids": {"item_id": ids, "sid": list(range(40)), "codebook_id": ["other"] * 40},
        "number_sids": {
            "item_id": list(range(40)),
            "sid": list(range(40)),
            "codebook_id": [codebook.codebook_id] * 40,
        },
        "double_sids": {
            "item_id": ids[:20] * 2,
            "sid": list(range(40)),
            "codebook_id": [codebook.codebook_id] * 40,
        },
        "events": events_of(ids),
        "no_events": {
            name: pa.array([], pa.array(column).type) for name, column in events_of(ids).items()
        },
        "text_times": events_of(ids) | {"timestamp": ["2011-12-09"] * 40},
        "strange": events_of([f"z{number}" for number in range(40)]),
    }
    for name, columns in tables.items():
        (folder / name).mkdir()
        pq.write_table(pa.table(columns), folder / name / "part.parquet")
    spark.createDataFrame([], "item_id string, text array<float>").write.format("delta").save(
        f"{folder}/no_items_delta"
    )
    (folder / "nothing").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "notes.csv").write_text("item_id,text\n" * 10)
    return folder


def events_of(ids):
    return {
        "user_id": pa.array(range(40), pa.int64()),
        "item_id": ids,
        "timestamp": pa.array(range(40), pa.timestamp("us")),
        "basket": ids,
        "price": pa.array([1.5] * 40),
        "n_events": pa.array(range(40), pa.int32()),
        "codebook_id": pa.array(range(40), pa.int32()),
        "tags": pa.array([[("a", 1)]] * 40, pa.map_(pa.string(), pa.int32())),
    }


@pytest.fixture
def job(spark, root, shop, tmp_path, capfd):
    """Run a job on the shop with some overrides; its outputs go to a folder of the test."""

    def run(name: str, *overrides: str) -> tuple[int, list[str]]:
        out = tmp_path / "out"
        values = {
            "embeddings": shop / "items",
            "codebooks": out / "codebooks" if name == "fit_codebook" else shop / "codebooks",
            "collection": "text",
            "name": "text",
            "codebook": "text",
            "before": 0,
            "spec": "{stages: [ternary: 5], rounds: 0}",
            "events": shop / "events",
            "item_sids": shop / "item_sids" if name != "quantize_items" else out / "item_sids",
            "rejected_items": out / "rejected_items",
            "sequences": out / "sequences",
            "runs": out / "runs",
            "report.folder": out / "report",
        }
        keys = set(CONFIGS[name].model_fields)
        keys -= {"sequences"} if "sequences_before" in keys else set()
        arguments = [f"{k}={v}" for k, v in values.items() if k.split(".")[0] in keys]
        prepare = runpy.run_path(str(root / "jobs" / f"{name}.py"))["prepare"]
        capfd.readouterr()
        code = run_job(
            CONFIGS[name], prepare, [*arguments, *(o.format(shop=shop, out=out) for o in overrides)]
        )
        return code, capfd.readouterr().err.splitlines()

    return run


FIT, QUANTIZE, BUILD, AUDIT, CHURN = CONFIGS
CASES = [
    # configuration
    (FIT, "colection=text", r"colection: unknown key, did you mean 'collection'\?"),
    (FIT, "spec={{stages: [tenary: 5]}}", r"spec: unknown stage kind 'tenary', did you mean 'tern"),
    (FIT, "spec={{stages: [ternary: 99]}}", r"spec: stages must fit in 8 bytes, got .*99"),
    (FIT, "sample_size=many", r"sample_size: input should be a valid integer, got 'many'"),
    (FIT, "holdout=1.5", r"holdout: input should be less than 1, got 1.5"),
    (FIT, "--config={shop}/absent.yaml", r"config: there is no file '.*absent.yaml'"),
    (FIT, "--config={shop}/notes/notes.csv", r"config: '.*notes.csv' must hold key: value lines"),
    (QUANTIZE, "rejected_items={out}/item_sids", r"must be another table than"),
    (BUILD, "ds=yesterday", r"ds: must be a date such as 2011-12-09, got 'yesterday'"),
    (BUILD, "ds=2011-02-30", r"ds: must be a date such as 2011-12-09, got '2011-02-30'"),
    (BUILD, "missing_items=keep", r"missing_items: input should be 'drop' or 'null_sid', got 'ke"),
    (AUDIT, "sample_events=0", r"sample_events: input should be greater than 0, got 0"),
    (CHURN, "before=1.5", r"before: must be a name or the number of a version, got 1.5"),
    (CHURN, "sequences={shop}/events", r"sequences_before: a value is required where sequences"),
    # tables that are not there, or are none
    (FIT, "embeddings={shop}/absent", r"embeddings: there is no table at '.*/absent'"),
    (FIT, "embeddings=absent", r"embeddings: the catalogue has no table 'absent'"),
    (FIT, "embeddings=absent-shop", r"embeddings: 'absent-shop' cannot be opened: "),
    (FIT, "embeddings={shop}/nothing", r"embeddings: .* must be a Delta table or a Parquet file"),
    (FIT, "embeddings={shop}/notes", r"embeddings: .* must be a Delta table or a Parquet file"),
    (FIT, "embeddings=s4://shop/items", r"embeddings: 's4://shop/items' cannot be opened: "),
    (QUANTIZE, "codebooks={shop}/absent", r"codebooks: there is no table at '.*/absent'"),
    (
        QUANTIZE,
        "codebooks={shop}/events",
        r"codebooks: column 'codebook_id' must be string, got int",
    ),
    (BUILD, "item_sids={shop}/items", r"item_sids: .* has no column '(codebook_id|sid)'"),
    (BUILD, "events={shop}/items", r"events: .* has no column '(user_id|timestamp)'"),
    (AUDIT, "sequences={shop}/absent", r"sequences: there is no table at '.*/absent'"),
    (CHURN, "item_sids={shop}/absent", r"item_sids: there is no table at '.*/absent'"),
    (CHURN, "before=0", r"before: .*/item_sids must be a Delta table to have a version 0"),
    # columns
    (FIT, "collection=txt", r"embeddings: .* has no column 'txt'; did you mean 'text'\?"),
    (FIT, "embeddings={shop}/texts", r"column 'text' must be array<float>.*, got string"),
    (FIT, "embeddings={shop}/numbers", r"column 'text' must be array<float>.*, got bigint"),
    (QUANTIZE, "embeddings={shop}/texts", r"column 'text' must be array<float>.*, got string"),
    (QUANTIZE, "embeddings={shop}/float_ids", r"'item_id' must be bigint or string, got double"),
    (QUANTIZE, "embeddings={shop}/no_ids", r"embeddings: .* has no column 'item_id'"),
    (BUILD, "events={shop}/text_times", r"column 'timestamp' must be timestamp, got string"),
    (BUILD, "event_columns=[basket]", r"event_columns: 'basket' must be of a boolean, integer or"),
    (BUILD, "event_columns=[prize]", r"events: .* has no column 'prize'; did you mean 'price'\?"),
    (BUILD, "event_columns=[n_events]", r"event_columns: 'n_events' must be a name that"),
    (BUILD, "event_columns=[codebook_id]", r"event_columns: 'codebook_id' must be a name that"),
    (BUILD, "tie_break=[baskets]", r"events: .* has no column 'baskets'; did you mean 'basket'\?"),
    (BUILD, "tie_break=[tags]", r"column 'tags' must be of a type that orders events, got map"),
    (BUILD, "item_sids={shop}/number_sids", r"events: item_id must be bigint as in .*, got string"),
    # values
    (FIT, "embeddings={shop}/no_items", r"embeddings: .* is empty"),
    (FIT, "embeddings={shop}/no_items_delta", r"embeddings: .* is empty"),
    (FIT, "embeddings={shop}/no_vectors", r"embeddings: no row of 'text' holds an embedding"),
    (FIT, "sample_size=5", r"holdout: |ternary: 5 needs at least as many rows, got 4"),
    (FIT, "sample_size=1", r"holdout: 0.1 of 1 valid rows must leave rows to fit"),
    (QUANTIZE, "embeddings={shop}/no_items", r"embeddings: .* must hold a row to quantise, got no"),
    (QUANTIZE, "embeddings={shop}/no_items_delta", r"must hold a row to quantise, got no rows"),
    (QUANTIZE, "embeddings={shop}/short", r"must have 4 values, got 3 values: 40 rows"),
    (BUILD, "events={shop}/no_events", r"events: .* has no event to pack"),
    (BUILD, "events={shop}/strange", r"events: .* has no event to pack: .*the item has no SID"),
    (BUILD, "item_sids={shop}/other_sids", r"item_sids: .* has no SID of codebook "),
    (BUILD, "item_sids={shop}/double_sids", r"item_sids: an item must have one SID, got "),
    # codebooks
    (QUANTIZE, "codebook=txt", r"codebook: .* has no codebook named 'txt'"),
    (CHURN, "before=txt", r"before: .* has no codebook named 'txt'"),
    (CHURN, "before=text", r"before: must be another codebook than codebook, got 'text', which"),
    (QUANTIZE, "codebook=x' OR '1'='1", r"codebook: .* has no codebook named"),
    (QUANTIZE, f"codebook={'f' * 32}", r"codebook: .* has no codebook_id 'f{32}'"),
    (QUANTIZE, "codebooks={shop}/tampered", r"codebook bytes are damaged"),
    (BUILD, "codebooks={shop}/tampered", r"codebook bytes are damaged"),
    # outputs
    (FIT, "codebooks={shop}/item_sids", r"codebooks: '.*' holds files that are not a Delta table"),
    (FIT, "codebooks={shop}/no_items_delta", r"codebooks: the table .* has columns item_id string"),
    (FIT, "codebooks=no_such_schema.c", r"codebooks: the catalogue has no schema 'no_such_schema'"),
    (FIT, "runs={shop}/no_items_delta", r"runs: the table .* has columns item_id string"),
    (QUANTIZE, "item_sids={shop}/notes", r"item_sids: '.*' holds files that are not a Delta table"),
    (QUANTIZE, "item_sids={shop}/no_items_delta", r"item_sids: the table .* has columns item_id"),
    (BUILD, "sequences={shop}/no_items_delta", r"sequences: the table .* has columns item_id"),
]


@pytest.mark.parametrize(
    ("name", "override", "sentence"),
    CASES,
    ids=[f"{name} {override}" for name, override, _ in CASES],
)
def test_it_ends_in_one_sentence_and_nothing_is_written(
    job, shop, tmp_path, name, override, sentence
):
    before = sorted(shop.rglob("*"))
    code, lines = job(name, override)
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith(f"{name}: error: ")
    assert re.search(sentence, lines[0]), lines[0]
    assert "--verbose" not in lines[0]
    assert {path.name for path in tmp_path.glob("out/*")} <= {"runs"}  # a run that began says so
    assert sorted(shop.rglob("*")) == before


def test_items_that_are_all_alike_end_in_a_codebook_or_in_a_sentence(job):
    code, lines = job("fit_codebook", "embeddings={shop}/same")
    assert code in (0, 2), lines
    assert len(lines) <= 1


def test_a_failed_run_has_a_row_where_runs_stand(job, spark, tmp_path):
    assert job("fit_codebook")[0] == 0
    code, lines = job("fit_codebook", "embeddings={shop}/no_items")
    assert code == 2
    runs = spark.read.format("delta").load(f"{tmp_path}/out/runs")
    rows = runs.orderBy("started_at", F.col("status") != "started").collect()
    assert [row["status"] for row in rows] == ["started", "succeeded", "started", "failed"]
    assert rows[0]["run_id"] == rows[1]["run_id"] != rows[2]["run_id"] == rows[3]["run_id"]
    assert lines == [f"fit_codebook: error: {rows[3]['message']}"]
    assert Path(f"{tmp_path}/out/codebooks").is_dir()


def test_a_run_that_is_done_ends_well_where_its_row_is_refused(job, spark, tmp_path, caplog):
    runs = runs_output(f"{tmp_path}/out/runs")
    runs.create(spark)
    rule = "alter table delta.`{}` add constraint started check (status = 'started')"
    spark.sql(rule.format(runs.table))
    assert job("fit_codebook") == (0, [])
    assert "the run succeeded and could not be recorded in" in caplog.text
    assert spark.read.format("delta").load(f"{tmp_path}/out/codebooks").count() == 1


@pytest.mark.parametrize(
    "override",
    ["tie_break=[baskets]", "events={shop}/text_times", "item_sids={shop}/number_sids"],
)
def test_a_dry_run_of_build_sequences_opens_all_that_a_run_reads(job, tmp_path, override):
    code, lines = job("build_sequences", "--dry-run", override)
    assert (code, len(lines)) == (2, 1)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_refuses_what_a_run_would_and_writes_nothing(job, tmp_path):
    assert job("build_sequences", "--dry-run") == (0, [])
    code, lines = job("build_sequences", "--dry-run", "event_columns=[basket]")
    assert (code, len(lines)) == (2, 1)
    assert not (tmp_path / "out").exists()


def test_verbose_logs_the_trace_and_a_plain_run_does_not(job, caplog):
    job("fit_codebook", "collection=txt")
    assert not any(record.exc_info for record in caplog.records)
    job("fit_codebook", "--verbose", "collection=txt")
    assert any(record.exc_info for record in caplog.records)

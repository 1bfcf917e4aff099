"""Bad input to a job: one sentence with field, rule and value, exit code 2, nothing written."""

import runpy
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semantic_ids import job_configs
from semantic_ids.cli import run_job

pytestmark = pytest.mark.spark

CONFIGS = {
    "fit_codebook": job_configs.FitCodebook,
    "quantize_items": job_configs.QuantizeItems,
    "build_sequences": job_configs.BuildSequences,
    "audit_footprint": job_configs.AuditFootprint,
}


@pytest.fixture
def job(spark, root, tmp_path, capsys):
    """Run a job on the example with some overrides; its outputs go to a folder of the test."""

    def run(name: str, *overrides: str) -> tuple[int, str]:
        example = root / "examples" / "online_retail"
        tables = {
            "embeddings": example / "items.parquet",
            "events": example / "events.parquet",
            **{table: tmp_path / "out" / table for table in ("codebooks", "item_sids")},
            **{table: tmp_path / "out" / table for table in ("rejected_items", "sequences")},
            "runs": tmp_path / "out" / "runs",
        }
        keys = CONFIGS[name].model_fields
        places = [f"{table}={place}" for table, place in tables.items() if table in keys]
        config = str(root / "conf" / f"{name}.yaml")
        prepare = runpy.run_path(str(root / "jobs" / f"{name}.py"))["prepare"]
        code = run_job(CONFIGS[name], prepare, ["--config", config, *places, *overrides])
        return code, "".join(capsys.readouterr().err.splitlines()[-1:])

    return run


def rows_of(path: Path, **columns: pa.Array) -> str:
    pq.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize(
    ("name", "override", "sentence"),
    [
        ("fit_codebook", "embeddings=./absent", "embeddings: there is no table at './absent'"),
        ("fit_codebook", "embeddings=absent", "embeddings: the catalogue has no table 'absent'"),
        ("fit_codebook", "collection=text_embeding", "did you mean 'text_embedding'?"),
        ("fit_codebook", "collection=description", "must be array<float>, array<double> or binary"),
        ("fit_codebook", "sample_size=20", "ternary"),
        ("fit_codebook", "sample_size=many", "sample_size: "),
        (
            "fit_codebook",
            "spec={stages: [ternary: 99]}",
            "got 20: the last stage would fit with ternary: 39",
        ),
        ("fit_codebook", "spec={stages: [tenary: 9]}", "ternary"),
        ("fit_codebook", "holdout=1.5", "holdout: "),
        ("quantize_items", "codebooks=./absent", "codebooks: there is no table at './absent'"),
        ("build_sequences", "ds=yesterday", "ds: "),
        ("build_sequences", "missing_items=keep", "missing_items: "),
        ("audit_footprint", "sequences=./absent", "sequences: there is no table at './absent'"),
    ],
)
def test_it_ends_in_one_sentence_and_nothing_is_written(job, tmp_path, name, override, sentence):
    code, said = job(name, override)
    assert code == 2, said
    assert said.startswith(f"{name}: error: ")
    assert sentence in said
    assert not (tmp_path / "out").exists()


def test_an_empty_table_is_refused(job, tmp_path):
    empty = rows_of(
        tmp_path / "empty.parquet",
        item_id=pa.array([], pa.string()),
        text_embedding=pa.array([], pa.binary()),
    )
    assert job("fit_codebook", f"embeddings={empty}") == (
        2,
        f"fit_codebook: error: embeddings: file:{empty} is empty",
    )
    assert not (tmp_path / "out").exists()


def test_an_output_with_another_schema_is_refused_and_left_alone(job, spark, tmp_path):
    path = tmp_path / "out" / "codebooks"
    spark.range(3).write.format("delta").save(str(path))
    before = sorted(path.rglob("*"))
    code, said = job("fit_codebook")
    assert code == 2
    assert "has columns id bigint; this job writes codebook_id string" in said
    assert sorted(path.rglob("*")) == before


def test_a_codebook_that_is_unknown_or_damaged_is_refused(job, spark, tmp_path):
    assert job("fit_codebook", "spec={stages: [ternary: 8], rounds: 0}", "sample_size=300")[0] == 0
    absent = "f" * 32
    code, said = job("quantize_items", f"codebook={absent}")
    assert (code, f"has no codebook_id '{absent}'" in said) == (2, True), said
    codebooks = f"delta.`{tmp_path}/out/codebooks`"
    spark.sql(f"update {codebooks} set payload = substring(payload, 1, length(payload) - 1)")
    code, said = job("quantize_items")
    assert code == 2, said
    assert not (tmp_path / "out" / "item_sids").exists()


def test_event_columns_must_be_there_and_of_a_fixed_width(job, spark, tmp_path):
    quick = "spec={stages: [ternary: 8], rounds: 0}"
    assert job("fit_codebook", quick, "sample_size=300")[0] == 0
    assert job("quantize_items")[0] == 0
    code, said = job("build_sequences", "event_columns=[basket_id]")
    assert (code, "'basket_id' must be of a boolean, integer or floating type" in said) == (2, True)
    code, said = job("build_sequences", "tie_break=[basket]")
    assert (code, "has no column 'basket'" in said) == (2, True), said
    events = pq.read_table(Path(__file__).parents[2] / "examples/online_retail/events.parquet")
    numbers = events.slice(0, 9).set_column(1, "item_id", pa.array(range(9), pa.int64()))
    pq.write_table(numbers, tmp_path / "numbers.parquet")
    code, said = job("build_sequences", f"events={tmp_path}/numbers.parquet")
    assert (code, "item_id must be string as in" in said) == (2, True), said
    assert not (tmp_path / "out" / "sequences").exists()

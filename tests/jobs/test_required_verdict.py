"""An audit that `require` refuses: page and row are written, the exit code is 3."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.cli import run_job
from semantic_ids.codebook import CodebookSpec, encode, fit
from semantic_ids.spark.codebooks import append_codebook, codebooks_output

pytestmark = pytest.mark.spark

N, DIM = 300, 16


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Noise of 16 dimensions in 5 digits: many items share their SID."""
    folder = tmp_path_factory.mktemp("gate")
    vectors = np.random.default_rng(0).normal(size=(N, DIM)).astype(np.float32)
    codebook = fit(vectors, CodebookSpec([{"ternary": 5}], rounds=0), collection="text")
    output = codebooks_output(f"{folder}/codebooks")
    append_codebook(spark, output, codebook=codebook, name="text", lineage={}, metrics={})
    ids = list(range(N))
    tables = {
        "embeddings": {"item_id": ids, "text": pa.array(list(vectors), pa.list_(pa.float32()))},
        "item_sids": {
            "item_id": ids,
            "sid": encode(vectors, codebook),
            "codebook_id": [codebook.codebook_id] * N,
        },
    }
    for name, columns in tables.items():
        (folder / name).mkdir()
        pq.write_table(pa.table(columns), folder / name / "part.parquet")
    return folder


@pytest.fixture
def audit(root, shop, tmp_path, capfd):
    """Run the job with some overrides; give exit code, what it said, and its row in runs."""

    def run(*overrides):
        tables = [f"{name}={shop}/{name}" for name in ("embeddings", "item_sids", "codebooks")]
        given = [
            *tables,
            "codebook=text",
            f"report.folder={tmp_path}/report",
            "report.formats=[json]",
            f"runs={tmp_path}/runs",
        ]
        prepare = runpy.run_path(str(root / "jobs" / "audit_quality.py"))["prepare"]
        code = run_job(AuditQuality, prepare, [*given, *overrides])
        said = capfd.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


def newest_row(spark, tmp_path):
    rows = spark.read.format("delta").load(f"{tmp_path}/runs").where("status != 'started'")
    return rows.orderBy("started_at").collect()[-1]


def test_a_verdict_worse_than_required_ends_with_code_3_and_leaves_page_and_row(
    spark, audit, tmp_path
):
    code, out, err = audit("require=watch")
    sentence = err[-1]
    assert (code, out) == (3, [])
    assert re.fullmatch(
        r"audit_quality: error: require: the verdict must be good or watch, got act \(collisions: "
        r"act where over 25.0 % of .*\): \d+\.\d % of the items share their SID .*; page in .*json",
        sentence,
    )
    page = json.loads(Path(f"{tmp_path}/report/audit_quality.json").read_text())
    assert page["verdict"]["word"] == "act"
    row = newest_row(spark, tmp_path)
    assert (row["status"], f"audit_quality: error: {row['message']}") == ("failed", sentence)
    metrics = json.loads(row["metrics"])
    assert metrics["verdict"] == "act"
    assert metrics["datasets"]["outputs"] == {}
    for key, dataset in metrics["datasets"]["inputs"].items():
        assert dataset == {"namespace": "file", "name": json.loads(row["config"])[key]}
    assert metrics["datasets"]["inputs"].keys() >= row["inputs"].keys()
    assert (row["rows_in"], row["rows_out"]) == (N, N)


def test_the_same_verdict_ends_well_where_nothing_is_required(spark, audit, tmp_path):
    code, out, _ = audit()
    assert code == 0
    assert "verdict: act (collisions: " in out[-1]
    assert newest_row(spark, tmp_path)["status"] == "succeeded"

"""A shop to weigh: tables of an eighth of the customers, and the audit of them."""

import datetime
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from semantic_ids.audit_configs import AuditFootprint
from semantic_ids.codebook import CodebookSpec, encode, fit
from semantic_ids.config import load_config
from semantic_ids.job_configs import BuildSequences
from semantic_ids.spark.builds import Build
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.footprint import audit_footprint
from semantic_ids.spark.footprint_inputs import open_inputs
from semantic_ids.spark.runs import Run, RunSummary, record_run, runs_output
from semantic_ids.spark.sequences import sequences_output
from semantic_ids.spark.sources import open_source

DIM = 384


def build_shop(spark, root, folder):
    """Write tables of an eighth of the customers, as the jobs leave them."""
    source = root / "examples" / "online_retail"
    items = pq.read_table(source / "items.parquet", columns=["item_id", "text_embedding"])
    blobs = b"".join(items["text_embedding"].to_pylist())
    vectors = np.frombuffer(blobs, "<f2").reshape(-1, DIM).astype(np.float32)
    codebook = fit(vectors[:500], CodebookSpec(stages=[{"ternary": 15}]), collection="text")
    sids = encode(vectors, codebook).tolist()
    rows = [
        (i, s, codebook.codebook_id)
        for i, s in zip(items["item_id"].to_pylist(), sids, strict=True)
    ]
    schema = "item_id string, sid bigint, codebook_id string"
    item_sids = spark.createDataFrame(rows, schema).coalesce(1).sortWithinPartitions("item_id")
    for _ in range(2):  # the first version's files stay in the folder, and must not count
        item_sids.write.format("delta").mode("overwrite").save(f"{folder}/item_sids")
    events = spark.read.parquet(f"{source}/events.parquet").where("user_id % 8 = 0")
    events.coalesce(1).write.format("delta").save(f"{folder}/events")
    write_sequences(spark, folder, codebook)
    output = codebooks_output(f"{folder}/codebooks")
    append_codebook(spark, output, codebook=codebook, name="shop", lineage={}, metrics={})
    summary = RunSummary(
        "audited",
        codebook_id=codebook.codebook_id,
        rows_out=990,
        metrics={"relative_error": [0.9, 0.8, 0.7]},
    )
    run = Run("audit-1", "audit_quality", datetime.datetime.now(datetime.UTC), {})
    record_run(spark, runs_output(f"{folder}/runs"), run=run, summary=summary, status="failed")


def write_sequences(spark, folder, codebook):
    paths = {name: f"{folder}/{name}" for name in ("events", "item_sids", "sequences")}
    rest = {"codebooks": "unread", "codebook": "text", "event_columns": ["quantity"], "buckets": 3}
    config = BuildSequences(**paths, **rest)
    events, item_sids = (open_source(spark, n, paths[n]) for n in ("events", "item_sids"))
    user_id = events.type_of("user_id")
    output = sequences_output(config.sequences, user_id, dtypes={"quantity": "<i4"}, buckets=3)
    Build(config, events, item_sids, codebook, output).run("run-1")


def audit(spark, report, **values):
    """Run the audit; give its summary, its page, and the rows of the page's sections."""
    overrides = [f"{key}={value}" for key, value in values.items()]
    config = load_config(AuditFootprint, None, [*overrides, f"report.folder={report}"])
    summary = audit_footprint(config, open_inputs(spark, config), "run-1")
    page = json.loads((Path(report) / "audit_footprint.json").read_text())
    return summary, page, {section["key"]: section["rows"] for section in page["sections"]}


def all_tables(shop, root):
    """Name every input."""
    return {
        "sequences": shop / "sequences",
        "item_sids": shop / "item_sids",
        "events": shop / "events",
        "embeddings": root / "examples" / "online_retail" / "items.parquet",
        "collection": "text_embedding",
        "binary_dtype": "float16",
        "sample_events": 5_000,
        "codebooks": shop / "codebooks",
        "runs": shop / "runs",
    }

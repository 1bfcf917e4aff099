"""A fused codebook from a table to SIDs: trained, quantised, changed and audited, on real Delta."""

import json
import uuid

import numpy as np
import pyarrow as pa
import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F
from pyspark.sql.types import LongType

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.codebook import FusionSpec, encode
from semantic_ids.errors import SemanticIdsError
from semantic_ids.fusion_configs import TrainFusion
from semantic_ids.spark.codebooks import codebooks_output, open_filed
from semantic_ids.spark.encoding import sids_of
from semantic_ids.spark.fusion_sample import draw_fusion_sample
from semantic_ids.spark.fusion_training import train_and_append
from semantic_ids.spark.item_runs import ItemRun, update_sids
from semantic_ids.spark.quality import audit_quality
from semantic_ids.spark.quality_inputs import open_inputs
from semantic_ids.spark.quantize import Outputs, item_sids_output, rejected_items_output
from semantic_ids.spark.sources import open_source

pytestmark = pytest.mark.spark

SPEC = {
    "collections": {"text": 1.0, "image": 1.0},
    "categories": {"kind": 0.2, "mood": 0.1},
    "zero_is_missing": ["image"],
    "digits": 6,
    "latent": 8,
    "hidden": [8],
    "epochs": 2,
}
FEED = {"delta.enableChangeDataFeed": "true"}
NONE = "the item has none of image, text"


def table(n=300):
    """Items with text as BINARY and image as lists; every way of lacking or breaking one."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, n)
    hidden = rng.normal(size=(3, 4))[kinds] * 2 + rng.normal(size=(n, 4))
    text = (hidden @ rng.normal(size=(4, 6))).astype("<f4")
    image = (hidden @ rng.normal(size=(4, 5))).astype(np.float32)
    texts, images = [row.tobytes() for row in text], image.tolist()
    for i in range(0, n, 10):
        texts[i], images[i + 1], images[i + 2] = None, None, [0.0] * 5
    texts[3], images[3] = None, None
    texts[4], images[4] = None, [0.0] * 5
    texts[5] = b"123"
    images[6] = [1.0, 2.0]
    images[7] = [1.0, float("nan"), 1.0, 1.0, 1.0]
    moods = np.exp(hidden[:, :2])
    return pa.table(
        {
            "item_id": pa.array(range(n), pa.int64()),
            "text": pa.array(texts, pa.binary()),
            "image": pa.array(images, pa.list_(pa.float32())),
            "kind": pa.array([f"kind {k}" for k in kinds]),
            "mood": (moods / moods.sum(1, keepdims=True)).tolist(),
        }
    )


REASONS = {
    3: NONE,
    4: NONE,
    5: "text: the embedding must have 6 values, got 3 bytes",
    6: "image: the embedding must have 5 values, got 2 values",
    7: "image: the embedding holds a null, NaN, infinity or too large a value",
}


def columns_of(rows):
    """Give what encode takes, of rows with a valid item."""
    texts = [
        np.frombuffer(row["text"], "<f4") if row["text"] else np.full(6, np.nan) for row in rows
    ]
    images = [row["image"] if row["image"] else [np.nan] * 5 for row in rows]
    return {"text": np.array(texts, np.float32), "image": np.array(images, np.float32)}


def expected(found, codebook):
    """Give SIDs by item, of all rows but the broken ones, without Spark."""
    rows = [row for row in found.to_pylist() if row["item_id"] not in REASONS]
    sids = encode(columns_of(rows), codebook).tolist()
    return {row["item_id"]: sid for row, sid in zip(rows, sids, strict=True)}


@pytest.fixture
def delta(spark, place):
    """Write the items as a Delta table with a change feed."""
    path = place()
    frame = spark.createDataFrame(table())
    frame.write.format("delta").options(**FEED).save(path)
    return path


@pytest.fixture
def trained(spark, delta, place, tmp_path):
    """Train on the items; give the codebook and its row's names."""
    config = TrainFusion(
        embeddings=delta,
        codebooks=place(),
        name="fused",
        spec=SPEC,
        report={"folder": str(tmp_path / "page"), "formats": ["json"]},
    )
    source = open_source(spark, "embeddings", delta)
    codebooks = codebooks_output(config.codebooks)
    summary = train_and_append(config, source, codebooks, "run 1")
    return config, summary


@pytest.mark.slow
def test_items_of_a_table_become_fused_sids_and_stay_so(spark, delta, trained, place, tmp_path):
    config, summary = trained
    assert (summary.rows_in, summary.rows_out, summary.rows_rejected) == (300, 295, 5)
    page = json.loads((tmp_path / "page" / "train_fusion.json").read_text())
    assert page["sections"]
    audit = AuditQuality(
        embeddings=delta,
        item_sids=place(),
        codebooks=config.codebooks,
        codebook="fused",
        categories=["kind"],
        report={"folder": str(tmp_path / "audit"), "formats": ["json"]},
    )
    filed = open_filed(spark, audit)
    assert filed.codebook.codebook_id == summary.codebook_id
    assert filed.lineage["rows_used"] == 295 - summary.metrics["rows_held_out"]
    assert filed.metrics["symbol_counts"]
    codebook = filed.codebook
    outputs = Outputs(
        item_sids_output(audit.item_sids, LongType()),
        rejected_items_output(place(), LongType()),
    )

    def run():
        source = open_source(spark, "embeddings", delta)
        made = ItemRun(source, codebook, outputs, "float32", "remove", uuid.uuid4().hex)
        return update_sids(made).message

    def check():
        now = spark.read.format("delta").load(delta).toArrow()
        rows = spark.read.format("delta").load(audit.item_sids).collect()
        assert {row["item_id"]: row["sid"] for row in rows} == expected(now, codebook)
        rejects = spark.read.format("delta").load(outputs.rejected_items.table).collect()
        assert {row["item_id"]: row["reason"] for row in rejects} == REASONS

    assert "row groups" in run()
    check()
    changed = DeltaTable.forPath(spark, delta)
    changed.update("item_id = 20", {"image": F.array(*[F.lit(v).cast("float") for v in range(5)])})
    changed.update("item_id = 33", {"text": F.lit(None)})
    changed.delete("item_id = 40")
    assert "only changes" in run()
    check()
    inputs = open_inputs(spark, audit)
    metrics = audit_quality(audit, inputs, "run 2").metrics
    assert set(metrics["relative_errors"]) == {"text", "image"}
    assert metrics["categories"]["kind"]["accuracy"] > 0.5
    assert metrics["categories"]["mood"]["cross_entropy"] < np.log(2)
    sections = json.loads((tmp_path / "audit" / "audit_quality.json").read_text())["sections"]
    assert {"collections", "category_heads"} <= {section["key"] for section in sections}


@pytest.mark.parametrize("partitions", [1, 7])
def test_spark_hands_workers_the_same_fused_sids(source, trained, spark, partitions):
    config, _ = trained
    given = source(table(), partitions=partitions)
    codebook = open_filed(spark, _Named(config.codebooks)).codebook
    encoded = sids_of(given.rows, codebook, item_id=LongType(), binary_dtype="float32")
    rows = encoded.frame.collect()
    assert encoded.path == "spark"
    sids = {row["item_id"]: row["sid"] for row in rows if row["reason"] is None}
    assert sids == expected(table(), codebook)
    assert {row["item_id"]: row["reason"] for row in rows if row["reason"]} == REASONS


class _Named:
    releases, codebook = None, "fused"

    def __init__(self, codebooks):
        self.codebooks = codebooks


def test_the_sample_is_the_same_whatever_the_partitions(source):
    spec = FusionSpec.from_dict(SPEC)

    def draw(partitions):
        return draw_fusion_sample(
            source(table(), partitions=partitions),
            list(spec.collections),
            list(spec.categories),
            size=100,
            seed=3,
            zero_is_missing=spec.zero_is_missing,
            binary_dtype="float32",
        )

    one, many = draw(1), draw(9)
    assert one.rows_drawn == many.rows_drawn == 100
    assert one.rows_seen == 300
    for name in ("text", "image"):
        assert np.array_equal(one.vectors[name], many.vectors[name], equal_nan=True)
    assert one.categories["kind"] == many.categories["kind"]
    assert np.array_equal(one.categories["mood"], many.categories["mood"])
    whole = [row for row in table().to_pylist() if row["item_id"] not in REASONS]
    texts = columns_of(whole)["text"]
    by_text = {row.tobytes(): found["item_id"] for row, found in zip(texts, whole, strict=True)}
    for row, kind in zip(one.vectors["text"], one.categories["kind"], strict=True):
        if not np.isnan(row).any():
            assert table()["kind"][by_text[row.tobytes()]].as_py() == kind


def test_a_bad_table_is_refused_in_a_sentence(source):
    spoilt = table().to_pylist()
    spoilt[9]["mood"] = [0.2, 0.3, 0.5]
    given = source(pa.Table.from_pylist(spoilt, table().schema))
    options = {"size": 300, "seed": 0, "zero_is_missing": (), "binary_dtype": "float32"}
    with pytest.raises(SemanticIdsError, match=r"mood: probabilities must have one length, got \["):
        draw_fusion_sample(given, ["text", "image"], ["mood"], **options)
    with pytest.raises(SemanticIdsError, match="has no column 'picture'"):
        draw_fusion_sample(given, ["text", "picture"], [], **options)
    nothing = table().set_column(1, "text", pa.nulls(300, pa.binary()))
    with pytest.raises(SemanticIdsError, match="at least one row must hold `text`"):
        draw_fusion_sample(source(nothing), ["text", "image"], [], **options)

"""An embeddings table that changes, the three tables of quantize_items, and what they must hold."""

import uuid
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from delta.tables import DeltaTable
from pyspark.sql.types import LongType

from semantic_ids.codebook import CodebookSpec, encode, fit
from semantic_ids.spark.item_runs import ItemRun, update_sids
from semantic_ids.spark.quantize import (
    Outputs,
    item_sids_output,
    rejected_items_output,
    sid_items_output,
)
from semantic_ids.spark.sources import open_source

DIM = 8
SCHEMA = pa.schema([("item_id", pa.int64()), ("text", pa.list_(pa.float32()))])
REASONS = {
    "duplicate": "another row has the same item_id",
    "no id": "item_id is null",
    "null": "the embedding is null",
    "short": "the embedding must have 8 values, got 3 values",
}
FEED = {"delta.enableChangeDataFeed": "true"}


def small_codebook(seed=0):
    """Give a codebook of two bytes over eight floats."""
    sample = np.random.default_rng(seed).normal(size=(400, DIM)).astype(np.float32)
    return fit(sample, CodebookSpec([{"ternary": 10}], rounds=0), collection="text")


def table_of(rows):
    """Give pairs of item_id and vector as an Arrow table."""
    ids, vectors = zip(*rows, strict=True) if rows else ((), ())
    return pa.table([pa.array(ids, pa.int64()), pa.array(vectors, SCHEMA.field(1).type)], SCHEMA)


class World:
    """A source, written by `write` and changed by the test, and its runs."""

    def __init__(self, spark, place, codebook, deletions="remove"):
        self.spark, self.codebook, self.deletions = spark, codebook, deletions
        self.source, self.sids, self.rejects, self.ways = (place() for _ in range(4))
        self.last_sids = {}

    def write(self, rows, *, n_files=4, properties=(), mode="append"):
        """Write rows to the Delta source."""
        writer = self.spark.createDataFrame(table_of(rows)).repartition(n_files, "item_id").write
        for key, value in dict(properties).items():
            writer = writer.option(key, value)
        writer.format("delta").mode(mode).save(self.source)

    def write_file(self, name, rows):
        """Write, or overwrite, one file of a Parquet source."""
        Path(self.source).mkdir(exist_ok=True)
        pq.write_table(table_of(rows), f"{self.source}/{name}.parquet")

    def delta(self):
        """Open the Delta source to change it."""
        return DeltaTable.forPath(self.spark, self.source)

    def outputs(self):
        """Describe the three tables."""
        return Outputs(
            item_sids_output(self.sids, LongType()),
            rejected_items_output(self.rejects, LongType()),
            sid_items_output(self.ways, LongType()),
        )

    def run(self, spark=None, table=None, **options):
        """Run once and give the summary's message."""
        source = open_source(spark or self.spark, "embeddings", table or self.source)
        chosen = {"binary_dtype": "float32", "deletions": self.deletions} | options
        run = ItemRun(source, self.codebook, self.outputs(), run_id=uuid.uuid4().hex, **chosen)
        return update_sids(run).message

    def read(self, path):
        """Read one of the tables."""
        return self.spark.read.format("delta").load(path)

    def rows(self):
        """Give the source's rows as they are now."""
        form = "delta" if Path(self.source, "_delta_log").is_dir() else "parquet"
        found = self.spark.read.format(form).load(self.source).toArrow()
        return list(zip(found["item_id"].to_pylist(), found["text"].to_pylist(), strict=True))

    def expected(self):
        """Say what the tables must hold, without Spark: lowest SIDs, and rejects with counts."""
        candidates, rejects = {}, Counter()
        for item_id, vector in self.rows():
            if item_id is None:
                rejects[None, REASONS["no id"]] += 1
            elif vector is None or len(vector) != DIM:
                rejects[item_id, REASONS["null" if vector is None else "short"]] += 1
            else:
                candidates.setdefault(item_id, []).append(vector)
        sids = {}
        for item_id, vectors in candidates.items():
            sids[item_id] = int(encode(np.array(vectors, np.float32), self.codebook).min())
            if len(vectors) > 1:
                rejects[item_id, REASONS["duplicate"]] += len(vectors) - 1
        if self.deletions == "keep":
            there = {item_id for item_id, _ in self.rows()}
            gone = {i: sid for i, sid in self.last_sids.items() if i not in there}
            sids = gone | sids
        return sids, rejects

    def check(self):
        """Assert that the three tables hold what one clean run on all would have written."""
        sids, rejects = self.expected()
        rows = self.read(self.sids).select("item_id", "sid").collect()
        assert len(rows) == len(sids)
        assert dict(map(tuple, rows)) == sids
        found = self.read(self.rejects).select("item_id", "reason").collect()
        assert Counter(map(tuple, found)) == rejects
        ways = self.read(self.ways).select("item_id", "sid").collect()
        assert sorted(map(tuple, ways)) == sorted(sids.items())
        self.last_sids = sids

"""A shop on real wines whose tables change between runs, and what its tables must then hold."""

import contextlib
import io
import runpy
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from delta.tables import DeltaTable
from submit import Finished, Submit

from semantic_ids import job_configs
from semantic_ids.cli import run_job
from semantic_ids.codebook import Codebook, bytes_to_sids, encode, load

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

N_EVENTS = 20_000
FEED = {"delta.enableChangeDataFeed": "true"}


@dataclass(frozen=True)
class World:
    """Tables in one folder, since a job knows its sources by their places.

    The shop's tables after `build`: each job ran once, then the items and the events changed.
    """

    spark: "SparkSession"
    submit: Submit
    folder: Path

    @classmethod
    def build(cls, spark: "SparkSession", root: Path, data: Path, folder: Path) -> "World":
        """Run each job once, change the sources, and keep a copy of it all."""
        world = cls(spark, Submit(root, folder), folder)
        items = pq.read_table(data / "x_wines" / "items.parquet")
        events = pq.read_table(data / "x_wines" / "events.parquet").slice(0, N_EVENTS)
        world._write(items.select(["item_id", "label_embedding"]), "items")
        world._write(events.select(["user_id", "item_id", "timestamp", "rating"]), "events")
        for job in ("fit_codebook", "quantize_items", "build_sequences"):
            finished = world.run_here(job)
            assert finished.code == 0, finished.said
        world._change(data)
        shutil.copytree(folder / "tables", folder / "kept")
        return world

    def reset(self) -> "World":
        """Put the tables back to what `build` left."""
        shutil.rmtree(self.folder / "tables")
        shutil.copytree(self.folder / "kept", self.folder / "tables")
        return self

    def ready(self, job: str) -> None:
        """Put the tables back, and give the job what it works on: compaction, all events."""
        self.reset()
        if job == "compact_sequences":
            finished = self.run_here("build_sequences", "since=last")
            assert finished.code == 0, finished.said

    def run(self, job: str, *more: str, **environment: str) -> Finished:
        """Run a job on the shop."""
        return self.submit.run(job, *self.overrides(job), *more, **environment)

    def run_here(self, job: str, *more: str) -> Finished:
        """Run a job in this process, on the session of the tests: faster, and as real."""
        prepare = runpy.run_path(str(self.submit.root / "jobs" / f"{job}.py"))["prepare"]
        config = "".join(part.title() for part in job.split("_"))
        arguments = ["--config", str(self.submit.root / "conf" / f"{job}.yaml")]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = run_job(
                getattr(job_configs, config), prepare, [*arguments, *self.overrides(job), *more]
            )
        return Finished(code, said.getvalue())

    def overrides(self, job: str) -> list[str]:
        """Point a job's keys at the shop's tables."""
        options = {
            "fit_codebook": ["collection=label_embedding", "name=label", "binary_dtype=float32"],
            "quantize_items": ["codebook=label", "binary_dtype=float32"],
            "build_sequences": ["codebook=label", "event_columns=[rating]", "tie_break=[]"],
            "compact_sequences": [],
        }[job]
        tables = {
            "fit_codebook": ["codebooks"],
            "quantize_items": ["codebooks", "item_sids", "rejected_items"],
            "build_sequences": ["codebooks", "item_sids", "events", "sequences"],
            "compact_sequences": ["sequences"],
        }[job]
        if job == "fit_codebook":
            options.append("spec={stages: [ternary: 25]}")
        if job in ("fit_codebook", "quantize_items"):
            options.append(f"embeddings={self.table('items')}")
        return [*options, *(f"{name}={self.table(name)}" for name in [*tables, "runs"])]

    def table(self, name: str) -> str:
        """Give a table's place."""
        return str(self.folder / "tables" / name)

    def rows(self, name: str) -> "DataFrame":
        """Read a table as it stands now."""
        self.spark.catalog.clearCache()
        return self.spark.read.format("delta").load(self.table(name))

    def codebook(self) -> Codebook:
        """Give the shop's only codebook."""
        return load(bytes(self.rows("codebooks").head(1)[0]["payload"]))

    def expected_sids(self) -> dict[int, int]:
        """Encode the items as they stand now, without Spark."""
        items = self.rows("items").toArrow()
        vectors = items["label_embedding"].to_pylist()
        whole = [v is not None and len(v) == 384 and bool(np.isfinite(v).all()) for v in vectors]
        valid = np.array([v for v, ok in zip(vectors, whole, strict=True) if ok], np.float32)
        ids = [i for i, ok in zip(items["item_id"].to_pylist(), whole, strict=True) if ok]
        return dict(zip(ids, encode(valid, self.codebook()).tolist(), strict=True))

    def check(self, job: str) -> None:
        """Assert that the tables of a job hold what one clean run gives."""
        {
            "fit_codebook": self._check_codebooks,
            "quantize_items": self._check_items,
            "build_sequences": self._check_events,
            "compact_sequences": self._check_compacted,
        }[job]()

    def _check_codebooks(self) -> None:
        clean = str(self.folder / "a clean fit")
        shutil.rmtree(clean, ignore_errors=True)
        assert self.run_here("fit_codebook", f"codebooks={clean}").code == 0
        expected = [
            load(bytes(row["payload"])).codebook_id
            for place in (clean, str(self.folder / "kept" / "codebooks"))
            for row in self.spark.read.format("delta").load(place).collect()
        ]
        found = [row["codebook_id"] for row in self.rows("codebooks").collect()]
        assert sorted(found) == sorted(expected)

    def _check_compacted(self) -> None:
        self._check_events()
        segments = self.rows("sequences")
        assert segments.count() == segments.select("user_id").distinct().count()

    def _check_items(self) -> None:
        expected = self.expected_sids()
        found = self.rows("item_sids").select("item_id", "sid").collect()
        assert len(found) == len(expected)
        assert {row["item_id"]: row["sid"] for row in found} == expected
        rejected = [row["item_id"] for row in self.rows("rejected_items").collect()]
        ids = [row["item_id"] for row in self.rows("items").select("item_id").collect()]
        assert sorted(rejected) == sorted(set(ids) - set(expected))

    def _check_events(self) -> None:
        sids = {row["item_id"]: row["sid"] for row in self.rows("item_sids").collect()}
        expected: dict[int, Counter[tuple[int, int, float]]] = defaultdict(Counter)
        events = self.rows("events").selectExpr("*", "unix_micros(timestamp) as us").collect()
        for event in events:
            if event["item_id"] in sids:
                packed = (event["us"], sids[event["item_id"]], event["rating"])
                expected[event["user_id"]][packed] += 1
        found: dict[int, Counter[tuple[int, int, float]]] = defaultdict(Counter)
        width = self.codebook().width
        for segment in self.rows("sequences").collect():
            times = np.frombuffer(segment["timestamps"], "<i8").tolist()
            assert times == sorted(times)
            codes = bytes_to_sids(segment["sids"], width).tolist()
            ratings = np.frombuffer(segment["rating"], "<f8").tolist()
            found[segment["user_id"]].update(zip(times, codes, ratings, strict=True))
        assert found == expected

    def _write(self, rows: pa.Table, name: str) -> None:
        writer = self.spark.createDataFrame(rows).write.format("delta")
        for key, value in FEED.items():
            writer = writer.option(key, value)
        writer.save(self.table(name))

    def _change(self, data: Path) -> None:
        items = DeltaTable.forPath(self.spark, self.table("items"))
        items.delete("item_id % 100 = 1")
        items.update("item_id % 100 = 2", {"label_embedding": "slice(label_embedding, 1, 383)"})
        items.update(
            "item_id % 100 = 3", {"label_embedding": "transform(label_embedding, x -> -x)"}
        )
        new = self.rows("items").limit(30).selectExpr("-item_id - 1 as item_id", "label_embedding")
        new.write.format("delta").mode("append").save(self.table("items"))
        more = pq.read_table(data / "x_wines" / "events.parquet").slice(N_EVENTS, 1_000)
        columns = ["user_id", "item_id", "timestamp", "rating"]
        later = self.spark.createDataFrame(more.select(columns))
        later.write.format("delta").mode("append").save(self.table("events"))

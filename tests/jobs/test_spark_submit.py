"""The jobs as their users run them: spark-submit, real executors, real data."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from submit import Submit, living, until

from semantic_ids.codebook import encode, load

pytestmark = [pytest.mark.spark, pytest.mark.slow]

DEADLINE_S = 240


class Shop:
    """A folder of tables on x_wines: BIGINT ids, two collections, one chosen by configuration."""

    def __init__(self, root: Path, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data
        self.submit = Submit(root, folder, deadline_s=DEADLINE_S)

    def overrides(self, job: str) -> list[str]:
        own = {
            "fit_codebook": [
                f"embeddings={self.data}/x_wines/items.parquet",
                "collection=label_embedding",
                "name=label",
                "spec={stages: [ternary: 25]}",
            ],
            "quantize_items": [
                f"embeddings={self.data}/x_wines/items.parquet",
                "codebook=label",
                f"item_sids={self.folder}/item_sids",
                f"rejected_items={self.folder}/rejected_items",
            ],
            "build_sequences": [
                f"events={self.data}/x_wines/events.parquet",
                "codebook=label",
                "event_columns=[rating]",
                "tie_break=[]",
                f"item_sids={self.folder}/item_sids",
                f"sequences={self.folder}/sequences",
            ],
        }[job]
        tables = [f"codebooks={self.folder}/codebooks", f"runs={self.folder}/runs"]
        return [*own, *tables]

    def run(self, job: str, *more: str, **environment: str) -> str:
        finished = self.submit.run(job, *self.overrides(job), *more, **environment)
        assert finished.code == 0, finished.said
        return finished.said

    def kill(self, job: str, when: Callable[[], bool]) -> None:
        self.submit.kill_when(when, job, *self.overrides(job))

    def rows(self, table: str) -> pa.Table:
        files = map(unquote, DeltaTable(str(self.folder / table)).file_uris())
        return pa.concat_tables(
            [pq.read_table(file, partitioning="hive") for file in files],
            promote_options="permissive",
        )

    def has(self, pattern: str) -> bool:
        return any(self.folder.glob(pattern))


@pytest.fixture(scope="module")
def shop(root: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(root, tmp_path_factory.mktemp("shop with a space"), data)
    shop.run("fit_codebook")
    return shop


def _expected_sids(shop: Shop) -> dict[int, int]:
    items = pq.read_table(shop.data / "x_wines" / "items.parquet")
    vectors = np.stack(items.column("label_embedding").to_numpy(zero_copy_only=False))
    codebook = load(shop.rows("codebooks").column("payload")[0].as_py())
    sids = encode(vectors, codebook)
    return dict(zip(items.column("item_id").to_pylist(), sids.tolist(), strict=True))


@pytest.mark.usefixtures("clean_work_folder")
def test_two_real_executors_give_the_sids_of_one_process(shop: Shop) -> None:
    said = shop.run("quantize_items", SPARK_PROFILE="local-cluster")
    assert "1,007 rows in = 1,007 SIDs + 0 rejects" in said
    found = shop.rows("item_sids")
    assert found.num_rows == 1007
    pairs = zip(found.column("item_id").to_pylist(), found.column("sid").to_pylist(), strict=True)
    assert dict(pairs) == _expected_sids(shop)


@pytest.mark.every_fault
def test_build_sequences_killed_while_it_writes_is_whole_after_the_next_run(shop: Shop) -> None:
    shop.run("quantize_items")
    shop.kill("build_sequences", when=lambda: shop.has("sequences/ds=*/bucket=*/*.parquet"))
    said = shop.run("build_sequences")
    assert "150,000 events in = 150,000 packed + 0 not" in said
    segments = shop.rows("sequences")
    assert sum(segments.column("n_events").to_pylist()) == 150_000
    assert len(set(segments.column("user_id").to_pylist())) == segments.num_rows == 10_561


def test_dry_run_says_what_it_would_do_and_writes_nothing(shop: Shop) -> None:
    before = sorted(shop.folder.rglob("*"))
    said = shop.run("fit_codebook", "--dry-run", "name=another")
    assert "nothing is written" in said
    assert re.search(r"sample up to 100,000 rows of \S+ \(label_embedding, 384 values of", said)
    assert sorted(shop.folder.rglob("*")) == before


def test_a_signal_ends_every_process_of_a_job(shop: Shop) -> None:
    endless = "spec={stages: [ternary: 25], rounds: 1000000}"
    log = shop.folder / "runs" / "_delta_log"
    n_commits = len(list(log.glob("*.json")))
    process = shop.submit.start("fit_codebook", *shop.overrides("fit_codebook"), endless)
    until(lambda: len(list(log.glob("*.json"))) > n_commits, process, DEADLINE_S)
    os.kill(process.pid, signal.SIGTERM)
    said, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Exception" not in said
    deadline = time.monotonic() + 30
    while living(process.pid):
        assert time.monotonic() < deadline, living(process.pid)
        time.sleep(0.1)
    runs = sorted(shop.rows("runs").to_pylist(), key=lambda run: run["started_at"])
    assert runs[-1]["status"] == "started"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no_such_job"], "there is no job 'no_such_job'; it must be one of: "),
        (["fit_codebook", "--config", "absent.yaml"], "there is no file 'absent.yaml'"),
        (["fit_codebook", "embedings=x"], "embedings: unknown key, did you mean 'embeddings'?"),
    ],
)
def test_bad_usage_is_refused_before_a_jvm_starts(
    root: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    finished = subprocess.run(
        [str(root / "spark-submit.sh"), *arguments],
        env=os.environ | {"JAVA_HOME": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert finished.returncode == 2
    assert sentence in finished.stderr
    assert finished.stderr.count("\n") == 1

"""The package of `make package` away from the checkout, on a master and two workers."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from semantic_ids.codebook import CodebookSpec, encode, fit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.cluster]

DEADLINE_S = 60
DEPLOY = "org.apache.spark.deploy"


@pytest.fixture(scope="module")
def package(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the package in another place than the checkout's."""
    archives = sorted((root / "build").glob("semantic-ids-*.tar"))
    if not archives:
        pytest.fail("build/ has no package: run `make package` first")
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run(["tar", "-xf", str(archives[-1]), "-C", str(folder)], check=True)
    (package,) = folder.iterdir()
    return package


def _bare_environment(package: Path) -> dict[str, str]:
    """Leave nothing that could lead back to the checkout or another Spark."""
    kept = {name: os.environ[name] for name in ("HOME", "JAVA_HOME", "PATH") if name in os.environ}
    return kept | {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(package / "spark")}


@contextmanager
def _daemon(package: Path, log: Path, *words: str) -> Iterator[None]:
    command = [str(package / "spark" / "bin" / "spark-class"), *words]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=log.parent, env=_bare_environment(package)
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE_S)


def _wait_for(pattern: str, log: Path) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := re.search(pattern, log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found[0]


@pytest.fixture
def cluster(package: Path, tmp_path: Path) -> Iterator[str]:
    """Start a master and two workers of one core on loopback, and give the master's address."""
    ports = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    with ExitStack() as daemons:
        master = tmp_path / "master.log"
        daemons.enter_context(_daemon(package, master, f"{DEPLOY}.master.Master", *ports))
        address = _wait_for(r"spark://127\.0\.0\.1:[1-9]\d*", master)
        for number in range(2):
            place = ("--work-dir", str(tmp_path / f"worker-{number}"))
            size = ("--cores", "1", "--memory", "1g")
            log = tmp_path / f"worker-{number}.log"
            words = (f"{DEPLOY}.worker.Worker", *ports, *size, *place, address)
            daemons.enter_context(_daemon(package, log, *words))
        for number in range(2):
            _wait_for("Successfully registered with master", tmp_path / f"worker-{number}.log")
        yield address


def test_a_package_gives_a_cluster_s_items_their_sids_without_the_checkout(
    spark: "SparkSession", root: Path, package: Path, cluster: str, tmp_path: Path
) -> None:
    from semantic_ids.spark.codebooks import append_codebook, codebooks_output

    items = root / "examples" / "online_retail" / "items.parquet"
    table = pq.read_table(items, columns=["item_id", "text_embedding"])
    blobs = b"".join(table["text_embedding"].to_pylist())
    vectors = np.frombuffer(blobs, "<f2").reshape(-1, 384).astype(np.float32)
    codebook = fit(
        vectors[:400], CodebookSpec([{"ternary": 15}], rounds=0), collection="text_embedding"
    )
    codebooks = codebooks_output(f"{tmp_path}/codebooks")
    append_codebook(spark, codebooks, codebook=codebook, name="text", lineage={}, metrics={})

    settings = {
        "spark.master": cluster,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.executor.memory": "512m",
        "spark.executor.cores": "1",
        "spark.sql.shuffle.partitions": "2",
        "spark.databricks.delta.snapshotPartitions": "2",
    }
    finished = subprocess.run(
        [
            *(str(package / "spark-submit.sh"), "--offline", "--profile", "standalone"),
            *(word for pair in settings.items() for word in ("--conf", "=".join(pair))),
            *("quantize_items", f"embeddings={items}", "binary_dtype=float16", "codebook=text"),
            *(f"{name}={tmp_path}/{name}" for name in ("codebooks", "item_sids", "rejected_items")),
        ],
        env=_bare_environment(package),
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE_S,
        check=False,
        cwd=tmp_path,
    )
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said

    expected = dict(zip(table["item_id"].to_pylist(), encode(vectors, codebook), strict=True))
    rows = spark.read.format("delta").load(f"{tmp_path}/item_sids").collect()
    assert {row["item_id"]: row["sid"] for row in rows} == expected
    environments = list(tmp_path.glob("worker-*/app-*/*/environment/bin/python"))
    assert len(environments) == 2
    assert all((python.parent.parent / "lib").is_dir() for python in environments)
    assert not list(tmp_path.glob("worker-*/app-*/*/environment/lib/*/site-packages/*semantic*"))
    assert len(list(tmp_path.glob("worker-*/app-*/*/semantic_ids-*.zip"))) == 2

"""Fixtures: one Spark session for all tests, opened when the first test asks for it."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"

# a machine that is slow today is no failure
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


# JVMs that live for a minute stay with the quick compiler: a third less CPU a job. It gets the code
# cache that both compilers have, else a thread sweeps 48 MiB without end in the shared session.
os.environ["SPARK_SUBMIT_OPTS"] = (
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let other commands run what `make test` has no time for."""
    parser.addoption("--every-fault", action="store_true", help="also those of `make faults`")
    parser.addoption("--slow", action="store_true", help="also those of `make test-slow`")
    parser.addoption("--cluster", action="store_true", help="also those of `make cluster-test`")
    parser.addoption("--airflow", metavar="PROGRAM", help="run the DAGs' tests with this airflow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is slow, slow faults and clusters to commands of their own."""
    marks = ("slow", "every_fault", "cluster")
    left_out = [mark for mark in marks if not config.getoption(mark)]
    slow = [item for item in items if any(map(item.get_closest_marker, left_out))]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Path:
    """Real data kept beside the checkout."""
    if not DATA.is_dir():
        pytest.skip("../shared/data is not here")
    return DATA


def _profile(name: str) -> dict[str, str]:
    lines = (ROOT / "conf" / "spark" / f"{name}.conf").read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line.strip() and not line.startswith("#"))


@pytest.fixture
def clean_work_folder() -> Iterator[None]:
    """Remove what local-cluster leaves beside the installed pyspark."""
    import pyspark

    work = Path(pyspark.__file__).parent / "work"
    stood = set(work.iterdir()) if work.exists() else set()
    yield
    for folder in set(work.iterdir()) - stood if work.exists() else ():
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """A session as the local profile gives it, with two cores and a warehouse of its own."""
    from semantic_ids.spark.session import open_session

    os.environ["PYSPARK_PYTHON"] = sys.executable
    jars = sorted((ROOT / "build" / "jars").glob("*.jar"))
    if not jars:
        pytest.fail("build/jars is empty: run `make setup` first")
    java = (
        f"-Dlog4j2.configurationFile=file:{ROOT}/conf/spark/log4j2.properties",
        "-Ddelta.log.cacheSize=16",  # the plans of all tables of all tests take a gigabyte
    )
    scratch = tmp_path_factory.mktemp("spark")
    settings = _profile("local") | {
        "spark.master": "local[2]",
        "spark.jars": ",".join(map(str, jars)),
        "spark.driver.extraJavaOptions": " ".join((*java, f"-Dderby.system.home={scratch}")),
        "spark.sql.ui.retainedExecutions": "20",
        # plans over a hundred rows: compiling them, twice, takes longer than running them, as jobs
        # that go through spark-submit do
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.showConsoleProgress": "false",
    }
    session = open_session("semantic-ids tests", settings)
    yield session
    session.stop()

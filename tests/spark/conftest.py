"""Fixtures of the Spark tests: a few real items of the example shop, and small codebooks."""

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semantic_ids.codebook import CodebookSpec, encode, fit
from semantic_ids.spark.sources import open_source

N_ITEMS = 120


@pytest.fixture(scope="session")
def items(root):
    """Give item ids and vectors of shape (n, 384), float32, of real products."""
    table = pq.read_table(
        root / "examples" / "online_retail" / "items.parquet",
        columns=["item_id", "text_embedding"],
    )
    blobs = b"".join(table["text_embedding"].to_pylist())
    vectors = np.frombuffer(blobs, "<f2").reshape(-1, 384).astype(np.float32)
    ids = table["item_id"].to_pylist()[:N_ITEMS]
    return SimpleNamespace(ids=ids, vectors=vectors[:N_ITEMS], more=vectors[N_ITEMS:])


@pytest.fixture(scope="session")
def codebook(items):
    """Give a codebook of three bytes, fitted on other products than `items`."""
    return fit(items.more[:400], CodebookSpec([{"ternary": 15}], rounds=0), collection="text")


@pytest.fixture(scope="session")
def other_codebook(items):
    """Give another codebook of the same collection."""
    return fit(items.more[:400], CodebookSpec([{"ternary": 8}], rounds=0), collection="text")


@pytest.fixture(scope="session")
def expected_sids(items, codebook):
    """Map item ids to what encode gives."""
    return dict(zip(items.ids, encode(items.vectors, codebook).tolist(), strict=True))


@pytest.fixture
def place(tmp_path) -> Callable[[], str]:
    """Name a path that does not exist yet, another one at each call."""
    numbers = itertools.count()
    return lambda: f"{tmp_path}/table {next(numbers)}"


@pytest.fixture
def save(place) -> Callable[[pa.Table], str]:
    """Write an Arrow table as one Parquet file, or as several, and give its folder."""

    def write(table: pa.Table, n_files: int = 1) -> str:
        folder = Path(place())
        folder.mkdir()
        step = max(1, -(-len(table) // n_files))
        for number in range(n_files):
            pq.write_table(table.slice(number * step, step), folder / f"part-{number}.parquet")
        return str(folder)

    return write


@pytest.fixture
def source(spark, save):
    """Open an Arrow table as a source, in as many partitions as asked for."""

    def make(table: pa.Table, name: str = "embeddings", partitions: int | None = None):
        opened = open_source(spark, name, save(table))
        if partitions is None:
            return opened
        rows = opened.rows.repartition(partitions)
        return type(opened)(name, opened.location, opened.version, rows)

    return make


@pytest.fixture
def spark_conf(spark):
    """Set a Spark setting for one test."""
    kept = {}

    def set_conf(key: str, value: str) -> None:
        kept.setdefault(key, spark.conf.get(key, None))
        spark.conf.set(key, value)

    yield set_conf
    for key, value in kept.items():
        if value is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, value)


@pytest.fixture(scope="session")
def shop(spark, root, tmp_path_factory):
    """Give the folder of a shop's tables, a space in its path."""
    from footprint_shop import build_shop

    folder = tmp_path_factory.mktemp("footprint") / "a shop"
    build_shop(spark, root, folder)
    return folder

"""A small shop on real wines, which each test gets as it was."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from world import World

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def built(
    spark: "SparkSession", root: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> World:
    """Run each job once, then change the sources."""
    return World.build(spark, root, data, tmp_path_factory.mktemp("a shop"))


@pytest.fixture
def world(built: World) -> World:
    """Give the shop after its first runs, with changes that no job has seen."""
    return built.reset()

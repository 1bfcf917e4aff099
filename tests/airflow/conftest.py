"""Fixtures of the DAGs' tests: Airflow from an environment of its own, named by --airflow."""

from pathlib import Path

import pytest
from shop_in_airflow import Shop


@pytest.fixture(scope="session")
def airflow(pytestconfig: pytest.Config) -> Path:
    """The program."""
    program = pytestconfig.getoption("airflow")
    if program is None:
        pytest.skip("no --airflow PROGRAM: `make airflow-test` installs one")
    return Path(program).absolute()


@pytest.fixture(scope="module")
def shop(root: Path, airflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with its history until 2011-11-29, and Airflow's database."""
    shop = Shop(root, airflow, tmp_path_factory.mktemp("a shop in airflow"))
    migrated = shop.run("db", "migrate")
    assert migrated.code == 0, migrated.said
    return shop

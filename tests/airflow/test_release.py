"""The DAG of releases: a verdict stops it or lets it switch, and the log says why."""

import datetime
import re

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.airflow]


def test_the_dags_import_without_an_error(shop):
    read = shop.run("dags", "reserialize")
    assert read.code == 0, read.said
    errors = shop.run("dags", "list-import-errors", "-o", "plain")
    assert (errors.code, "No data found" in errors.said) == (0, True), errors.said
    found = shop.run("dags", "list", "-o", "plain")
    assert {"semantic_ids_daily", "semantic_ids_release"} <= set(found.said.split())
    assets = shop.run("assets", "list", "-o", "plain")
    assert "semantic_ids_sequences" in assets.said.split()


def test_a_release_stops_at_its_verdict_and_goes_on_where_it_is_allowed(shop):
    shop.deliver(None, datetime.date(2011, 11, 29))
    shop.configure("a", label="description", queries=200)
    stopped = shop.release(require="good")
    assert stopped.code != 0
    said = stopped.lines("audit_quality: error: require: the verdict must be good, got watch (")
    assert len(said) == 1, stopped.said
    assert not (shop.folder / "releases").exists()

    switched = shop.release(require="watch")
    assert switched.code == 0, switched.said
    assert switched.lines("was there already")
    (codebook_id,) = shop.rows("codebooks")["codebook_id"].to_pylist()
    assert shop.rows("releases")["codebook_id"].to_pylist() == [codebook_id]
    assert (shop.folder / "a" / "reports" / "quality" / codebook_id).is_dir()
    assert re.search(rf"make 'text' mean codebook {codebook_id}", switched.said)

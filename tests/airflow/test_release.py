"""The DAG of releases: a verdict stops it or lets it switch, and the log says why."""

import datetime

import pytest
from shop_in_airflow import QUICK

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


def test_a_release_stops_at_its_verdict_goes_on_where_a_person_allows_it_and_is_followed(shop):
    shop.deliver(None, datetime.date(2011, 11, 29))
    shop.configure("a", **QUICK)
    stopped = shop.release(first=True, require="good")
    assert stopped.code != 0
    (said,) = stopped.lines("audit_quality: error: ")
    assert "require: the verdict must be good, got watch (error: act above " in said
    assert not (shop.folder / "releases").exists()

    switched = shop.release(first=True, require="watch")
    assert switched.code == 0, switched.said
    assert switched.lines("was there already")
    (codebook_id,) = shop.rows("codebooks")["codebook_id"].to_pylist()
    assert shop.rows("releases")["codebook_id"].to_pylist() == [codebook_id]
    page = shop.folder / "a" / "reports" / "quality" / codebook_id / "audit_quality.html"
    assert page.is_file()

    again = shop.release(seed=1, require="watch")
    assert again.code == 0, again.said
    newest, other = (
        shop.rows("releases").sort_by([("since", "descending")])["codebook_id"].to_pylist()
    )
    assert (other, newest != other) == (codebook_id, True)
    page = shop.folder / "a" / "reports" / "churn" / newest / "audit_churn.html"
    assert page.is_file()

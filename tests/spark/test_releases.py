"""Releases: what a name means, switched in one commit, and back."""

import datetime
import importlib.util
from types import SimpleNamespace

import pyarrow as pa
import pytest
from delta_tables import read_delta, version_of

from semantic_ids.errors import TableError
from semantic_ids.job_configs import SwitchRelease
from semantic_ids.spark import releases as releases_module
from semantic_ids.spark.codebooks import append_codebook, codebooks_output, open_codebook
from semantic_ids.spark.commits import AnotherRunError

pytestmark = pytest.mark.spark

TOMORROW = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)


class Clock(datetime.datetime):
    """A clock that stands where it is put."""

    at = TOMORROW

    @classmethod
    def now(cls, tz=None):
        return cls.at.astimezone(tz)


@pytest.fixture
def clock(monkeypatch):
    stopped = SimpleNamespace(**(vars(datetime) | {"datetime": Clock}))
    monkeypatch.setattr(releases_module, "datetime", stopped)
    monkeypatch.setattr(Clock, "at", TOMORROW)
    return Clock


@pytest.fixture(scope="module")
def prepare(root):
    """Load the job as spark-submit does, and give its `prepare`."""
    spec = importlib.util.spec_from_file_location("job", root / "jobs" / "switch_release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.prepare


@pytest.fixture(scope="module")
def tables(spark, codebook, other_codebook, tmp_path_factory):
    """Give two codebooks of one name, the other one the newer, and SIDs of both."""
    folder = tmp_path_factory.mktemp("shop")
    made = SimpleNamespace(codebooks=f"{folder}/codebooks", item_sids=f"{folder}/item_sids")
    for each in (codebook, other_codebook):
        output = codebooks_output(made.codebooks)
        append_codebook(spark, output, codebook=each, name="text", lineage={}, metrics={})
    rows = [("a", 1, codebook.codebook_id), ("b", 2, codebook.codebook_id)]
    rows.append(("a", 3, other_codebook.codebook_id))
    schema = "item_id string, sid bigint, codebook_id string"
    spark.createDataFrame(rows, schema).write.format("delta").save(made.item_sids)
    return made


@pytest.fixture
def shop(spark, tables, place, prepare):
    made = SimpleNamespace(**vars(tables), releases=place())

    def config(codebook, name="text"):
        places = {key: getattr(made, key) for key in ("codebooks", "item_sids", "releases")}
        return SwitchRelease(**places, name=name, codebook=codebook)

    made.plan = lambda codebook, **options: prepare(spark, config(codebook, **options))
    made.switch = lambda codebook, **options: made.plan(codebook, **options).run("run-1")
    return made


def means(spark, shop, name="text", *, releases=True):
    config = SimpleNamespace(
        codebooks=shop.codebooks, codebook=name, releases=shop.releases if releases else None
    )
    return open_codebook(spark, config)


def test_a_name_means_its_release_and_an_id_itself(spark, shop, codebook, other_codebook):
    summary = shop.switch(codebook.codebook_id)
    assert summary.message == f"'text' now means codebook {codebook.codebook_id} of 2 SIDs"
    assert summary.codebook_id == codebook.codebook_id
    assert means(spark, shop) == codebook
    assert means(spark, shop, releases=False) == other_codebook
    assert means(spark, shop, other_codebook.codebook_id) == other_codebook
    (row,) = read_delta(shop.releases).to_pylist()
    assert (row["name"], row["codebook_id"], row["run_id"]) == (
        "text",
        codebook.codebook_id,
        "run-1",
    )


@pytest.mark.slow
def test_previous_undoes_the_last_switch(spark, shop, codebook, other_codebook):
    shop.switch(codebook.codebook_id)
    summary = shop.switch(other_codebook.codebook_id)
    assert summary.message.endswith(f"of 1 SIDs, before: {codebook.codebook_id}")
    for expected in (codebook, other_codebook, codebook):
        shop.switch("previous")
        assert means(spark, shop) == expected
    rows = read_delta(shop.releases).sort_by("since").to_pylist()
    first, second = codebook.codebook_id, other_codebook.codebook_id
    assert [row["codebook_id"] for row in rows] == [first, second, first, second, first]


def test_a_switch_to_what_stands_makes_no_commit(shop, codebook):
    shop.switch(codebook.codebook_id)
    before = version_of(shop.releases)
    assert shop.switch(codebook.codebook_id).message.startswith("'text' stays with codebook ")
    assert version_of(shop.releases) == before


def test_names_do_not_mix(spark, shop, codebook, other_codebook):
    shop.switch(codebook.codebook_id)
    shop.switch(other_codebook.codebook_id, name="x' OR '1'='1")
    assert means(spark, shop) == codebook
    assert means(spark, shop, "x' OR '1'='1") == other_codebook
    with pytest.raises(TableError, match=r"codebook: .* has no release named 'other'"):
        means(spark, shop, "other")
    with pytest.raises(TableError, match="codebook: 'text' must have had another codebook to go"):
        shop.plan("previous")


@pytest.mark.slow
def test_a_clock_that_goes_backwards_hides_no_switch(spark, shop, codebook, other_codebook, clock):
    for each in (codebook, other_codebook, codebook):
        shop.switch(each.codebook_id)
        assert means(spark, shop) == each
        clock.at -= datetime.timedelta(hours=1)
    since = sorted(read_delta(shop.releases)["since"].to_pylist())
    assert since == [TOMORROW + datetime.timedelta(microseconds=n) for n in range(3)]


def test_a_clock_that_goes_backwards_hides_no_codebook(
    spark, place, codebook, other_codebook, clock
):
    path = place()
    for each in (codebook, other_codebook):
        output = codebooks_output(path)
        append_codebook(spark, output, codebook=each, name="text", lineage={}, metrics={})
        clock.at -= datetime.timedelta(hours=1)
    config = SimpleNamespace(codebooks=path, codebook="text", releases=None)
    assert open_codebook(spark, config) == other_codebook


def test_of_two_switches_at_once_one_is_made(spark, shop, codebook, other_codebook):
    shop.switch(codebook.codebook_id)
    first, second = (shop.plan(other_codebook.codebook_id) for _ in range(2))
    first.run("run-2")
    with pytest.raises(AnotherRunError):
        second.run("run-3")
    assert read_delta(shop.releases).num_rows == 2


def test_a_codebook_that_nobody_can_read_is_refused(spark, shop, codebook, place):
    with pytest.raises(TableError, match=f"codebooks has no codebook_id '{'0' * 32}'"):
        shop.plan("0" * 32)
    bare = place()
    rows = spark.read.format("delta").load(shop.item_sids)
    rows.where("sid = 3").write.format("delta").save(bare)
    shop.item_sids = bare
    with pytest.raises(TableError, match=f"has no SID of codebook {codebook.codebook_id}"):
        shop.plan(codebook.codebook_id)


def test_a_table_that_is_none_of_releases_is_refused(shop, save, codebook):
    shop.releases = save(pa.table({"name": ["text"]}))
    with pytest.raises(TableError, match=r"releases: "):
        shop.plan(codebook.codebook_id)

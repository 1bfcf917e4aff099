"""browse_items on tables as the jobs leave them, and on bad ones."""

import json
import runpy
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from semantic_ids.audit_configs import BrowseItems
from semantic_ids.cli import run_job
from semantic_ids.codebook import CodebookSpec, encode, fit
from semantic_ids.config import load_config
from semantic_ids.errors import TableError
from semantic_ids.spark.browse import FILE, count_prefixes, draw_catalogue
from semantic_ids.spark.browse_inputs import open_browse_inputs
from semantic_ids.spark.codebooks import append_codebook, codebooks_output

pytestmark = pytest.mark.spark

N = 300
HOSTILE_ID = "=1+1\x00</script><script>alert(1)</script>\u202e'\"&item=2#" + "x" * 2_000


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Items of one codebook, and titles of all but the last ten; of item 1 there are two."""
    folder = tmp_path_factory.mktemp("browse") / "a shop"
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N, 6)).astype(np.float32)
    spec = CodebookSpec([{"centroids": 16}, {"ternary": 4}, {"ternary": 3}], rounds=0)
    codebook = fit(vectors, spec, collection="text")
    ids = [HOSTILE_ID, *(f"i{row}" for row in range(1, N))]
    sids = encode(vectors, codebook)
    labels = {
        "item_id": [*ids[: N - 10], "i1", "gone"],
        "title": ["y" * 10_000, *(f"title {row}" for row in range(1, N - 10)), "title 1", "gone"],
        "kind": pa.array([row % 3 for row in range(N - 10)] + [1, 1], pa.int32()),
        "vector": pa.array([[1.0]] * (N - 8)),
    }
    tables = {
        "item_sids": {"item_id": ids, "sid": sids, "codebook_id": [codebook.codebook_id] * N},
        "labels": labels,
        "empty": {
            "item_id": pa.array([], pa.string()),
            "sid": pa.array([], pa.int64()),
            "codebook_id": pa.array([], pa.string()),
        },
        "numbers": {"item_id": [1, 2], "title": ["a", "b"]},
    }
    for name, columns in tables.items():
        (folder / name).mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / name / "part.parquet")
    output = codebooks_output(f"{folder}/codebooks")
    append_codebook(spark, output, codebook=codebook, name="text", lineage={}, metrics={})
    return SimpleNamespace(folder=folder, codebook=codebook, ids=ids, sids=sids)


def arguments(shop, report, **values):
    tables = {name: f"{shop.folder}/{name}" for name in ("item_sids", "codebooks", "labels")}
    given = tables | {"codebook": "text", "label": "title", "report.folder": report} | values
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def opened(spark, shop, **values):
    config = load_config(BrowseItems, None, arguments(shop, "unused", **values))
    return config, open_browse_inputs(spark, config)


def drawn(config, inputs):
    return draw_catalogue(config, inputs, count_prefixes(inputs), "run-1")


def test_the_catalogue_is_every_item_with_its_title_in_the_order_of_sids(spark, shop):
    found = drawn(*opened(spark, shop, category="kind"))
    assert (found.n_items, found.is_sample) == (N, False)
    order = sorted(range(N), key=lambda row: (shop.sids[row], shop.ids[row]))
    assert found.sids.tolist() == shop.sids[order].tolist()
    assert [each[:50] for each in found.item_ids] == [shop.ids[row][:50] for row in order]
    at = {row: place for place, row in enumerate(order)}
    assert found.titles[at[1]] == "title 1"
    assert found.titles[at[0]] == "y" * 1_000
    assert [found.titles[at[row]] for row in range(N - 10, N)] == [None] * 10
    assert [found.categories[at[row]] for row in (2, 4, N - 1)] == ["2", "1", None]
    prefixes, counts = np.unique(shop.sids >> 8, return_counts=True)
    assert found.counts.prefixes.tolist() == prefixes.tolist()
    assert found.counts.n_items.tolist() == counts.tolist()


def test_of_many_items_the_same_are_drawn_whatever_the_partitioning(spark, shop):
    config, inputs = opened(spark, shop, max_items=40)
    few = drawn(config, inputs)
    assert (len(few.sids), few.n_items, few.is_sample) == (40, N, True)
    rows = inputs.item_sids.rows.repartition(5, "sid")
    again = replace(inputs, item_sids=replace(inputs.item_sids, rows=rows))
    assert drawn(config, again).item_ids == few.item_ids
    more = drawn(*opened(spark, shop, max_items=80))
    assert set(few.item_ids) < set(more.item_ids)


class Scripts(HTMLParser):
    """Keep the texts of the scripts."""

    texts: tuple[str, ...] = ()
    in_script = False

    def handle_starttag(self, tag, attrs):
        self.in_script = tag == "script"
        self.texts += ("",) * self.in_script

    def handle_endtag(self, tag):
        self.in_script = False

    def handle_data(self, data):
        if self.in_script:
            self.texts = (*self.texts[:-1], self.texts[-1] + data)


def test_the_job_writes_one_page_and_a_row_in_runs(spark, shop, root, tmp_path, capfd):
    prepare = runpy.run_path(str(root / "jobs" / "browse_items.py"))["prepare"]
    given = arguments(shop, tmp_path / "report", runs=f"{tmp_path}/runs", codebook="text")
    assert run_job(BrowseItems, prepare, [*given, "--dry-run"]) == 0
    assert not (tmp_path / "report").exists()
    assert run_job(BrowseItems, prepare, given) == 0
    said = capfd.readouterr().out
    assert f"browse_items: {N} items have {len(set(shop.sids.tolist()))} SIDs of 3 bytes; " in said
    assert "10 have no title, their ids stand for it; page of " in said
    assert [path.name for path in (tmp_path / "report").iterdir()] == [FILE]
    page = Scripts()
    page.feed((tmp_path / "report" / FILE).read_text(encoding="utf-8"))
    assert len(page.texts) == 2
    assert json.loads(page.texts[0])["n"] == N
    runs = spark.read.format("delta").load(f"{tmp_path}/runs")
    (row,) = runs.where("status != 'started'").collect()
    assert (row["job"], row["rows_in"], row["rows_out"]) == ("browse_items", N, N)
    assert row["bytes"] == (tmp_path / "report" / FILE).stat().st_size
    assert set(row["inputs"]) == {"item_sids", "labels"}


def test_without_labels_ids_stand_for_titles(spark, shop):
    found = drawn(*opened(spark, shop, labels=None, label=None))
    assert found.shown_titles == [None] * N


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"label": "titel"}, r"labels: .* has no column 'titel'; did you mean 'title'\?"),
        ({"category": "vector"}, "labels: column 'vector' must be text, a number, a boolean"),
        ({"labels": "./nowhere"}, "labels: there is no table at './nowhere'"),
        ({"codebook": "other"}, "has no codebook named 'other'"),
    ],
)
def test_a_table_without_what_is_asked_for_is_refused(spark, shop, values, sentence):
    with pytest.raises(TableError, match=sentence):
        opened(spark, shop, **values)


def test_labels_of_other_ids_are_refused(spark, shop):
    with pytest.raises(TableError, match=r"labels: item_id must be string as in .*, got bigint"):
        opened(spark, shop, labels=f"{shop.folder}/numbers")


def test_a_codebook_without_items_is_refused(spark, shop):
    with pytest.raises(TableError, match=r"has no SID of codebook .*: run quantize_items with it"):
        count_prefixes(opened(spark, shop, item_sids=f"{shop.folder}/empty")[1])


@pytest.mark.parametrize(
    ("sid", "lowest"), [(None, -1), (-5, -5), (16 << 16, 16 << 16), (256**3, 256**3), (27, 27)]
)
def test_sids_that_the_codebook_never_assigns_are_refused(spark, shop, sid, lowest):
    _, inputs = opened(spark, shop)
    is_first = F.col("item_id") == "i1"
    rows = inputs.item_sids.rows.withColumn(
        "sid", F.when(is_first, F.lit(sid).cast("bigint")).otherwise(F.col("sid"))
    )
    with pytest.raises(TableError, match=rf"got 1 others .*, the lowest {lowest}$"):
        count_prefixes(replace(inputs, item_sids=replace(inputs.item_sids, rows=rows)))


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(shop, root, tmp_path, capfd):
    (tmp_path / "report").touch()
    prepare = runpy.run_path(str(root / "jobs" / "browse_items.py"))["prepare"]
    assert run_job(BrowseItems, prepare, arguments(shop, tmp_path / "report")) == 2
    assert "report.folder: " in capfd.readouterr().err

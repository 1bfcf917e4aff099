"""audit_quality against plain numpy and scikit-learn, on real items and on bad tables."""

import json
import math
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F
from sklearn.metrics import homogeneity_score, mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import NearestNeighbors

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.codebook import (
    CodebookSpec,
    count_symbols,
    decode,
    encode,
    fit,
    measure_errors,
    sids_to_bytes,
)
from semantic_ids.config import load_config
from semantic_ids.errors import ConfigError, TableError
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.quality import audit_quality
from semantic_ids.spark.quality_draw import draw_items
from semantic_ids.spark.quality_inputs import open_inputs
from semantic_ids.spark.quality_new import find_new_items
from semantic_ids.spark.report_folder import require_report
from semantic_ids.spark.sid_counts import count_items

pytestmark = pytest.mark.spark

N, N_OLD, DIM = 600, 400, 384
BROKEN = {3: None, 7: [1.0, 2.0]}  # rows without an embedding of the codebook's length
GONE = 11  # the row that embeddings lacks
FLOATS = pa.list_(pa.float32())


@pytest.fixture(scope="module")
def catalogue(root):
    """Real products: two words of two bytes, prices, a category, and one title full of traps."""
    table = pq.read_table(root / "examples" / "online_retail" / "items.parquet").slice(0, N)
    blobs = b"".join(table["text_embedding"].to_pylist())
    vectors = np.frombuffer(blobs, "<f2").reshape(N, DIM).astype(np.float32)
    codebook = fit(
        vectors[: N_OLD // 2],
        CodebookSpec([{"centroids": 8}, {"ternary": 5}], rounds=2),
        collection="text",
    )
    titles = table["description"].to_pylist()
    return SimpleNamespace(
        ids=table["item_id"].to_pylist(),
        titles=["<b>\x00=1+1\u202e" + "x" * 10_000, *titles[1:]],
        colours=[next((c for c in ("RED", "BLUE", "PINK") if c in t), None) for t in titles],
        vectors=vectors,
        codebook=codebook,
        sids=encode(vectors, codebook),
    )


def write(folder, name, table):
    path = Path(folder) / name
    path.mkdir(parents=True)
    pq.write_table(table, path / "part.parquet")


def write_delta(spark, folder, name, *versions):
    for table in versions:
        rows = spark.createDataFrame(table).coalesce(1)
        rows.write.format("delta").mode("append").save(f"{folder}/{name}")


@pytest.fixture(scope="module")
def shop(spark, catalogue, tmp_path_factory):
    """Tables as the jobs leave them: a codebook fitted on version 0 of embeddings, now at 1."""
    folder = tmp_path_factory.mktemp("quality") / "a shop"
    vectors = [BROKEN.get(row, vector) for row, vector in enumerate(catalogue.vectors.tolist())]
    items = pa.table(
        {
            "item_id": catalogue.ids,
            "text": pa.array(vectors, FLOATS),
            "title": catalogue.titles,
            "colour": catalogue.colours,
            "number": pa.array(np.arange(N) % 300, pa.int32()),
            "nothing": pa.nulls(N, pa.string()),
        }
    )
    kept = items.filter(pa.array(np.arange(N) != GONE))
    write_delta(spark, folder, "embeddings", kept.slice(0, N_OLD - 1), kept.slice(N_OLD - 1))
    write(folder, "item_sids", sids_table(catalogue.ids, catalogue.sids, catalogue.codebook))
    held_out = catalogue.vectors[N_OLD // 2 : N_OLD]
    sids = catalogue.sids[N_OLD // 2 : N_OLD]
    errors = measure_errors(held_out, sids, catalogue.codebook)
    metrics = {
        "relative_error": list(errors.relative),
        "mean_square": errors.mean_square,
        "mean_square_standard_error": errors.mean_square_standard_error,
        "symbol_counts": count_symbols(sids, 2).tolist(),
    }
    lineage = {"embeddings": f"file:{folder}/embeddings", "embeddings_version": "delta:0"}
    file_codebook(spark, folder, catalogue.codebook, lineage, metrics)
    return folder


def sids_table(ids, sids, codebook):
    ids_of_codebook = [codebook.codebook_id] * len(ids)
    return pa.table({"item_id": ids, "sid": sids, "codebook_id": ids_of_codebook})


def file_codebook(spark, folder, codebook, lineage=None, metrics=None):
    output = codebooks_output(f"{folder}/codebooks")
    append_codebook(
        spark, output, codebook=codebook, name="text", lineage=lineage or {}, metrics=metrics or {}
    )


def configured(folder, report, **values):
    tables = {name: f"{folder}/{name}" for name in ("embeddings", "item_sids", "codebooks")}
    given = tables | {"codebook": "text", "report.folder": report} | values
    return load_config(AuditQuality, None, [f"{key}={value}" for key, value in given.items()])


def audit(spark, folder, report, **values):
    config = configured(folder, report, **values)
    summary = audit_quality(config, open_inputs(spark, config), "run-1")
    page = json.loads((Path(report) / "audit_quality.json").read_text())
    return summary, page, {section["key"]: section for section in page["sections"]}


@pytest.fixture(scope="module")
def whole(spark, shop, tmp_path_factory):
    """A report with labels and categories."""
    report = tmp_path_factory.mktemp("report")
    return audit(
        spark, shop, report, label="title", categories="[colour, number, nothing]", queries=200
    )


@pytest.fixture(scope="module")
def valid(catalogue):
    """The rows whose embedding the codebook takes."""
    return np.setdiff1d(np.arange(N), [*BROKEN, GONE])


def test_errors_are_those_of_the_valid_items(whole, catalogue, valid):
    rows = whole[2]["error"]["rows"]
    expected = measure_errors(catalogue.vectors[valid], catalogue.sids[valid], catalogue.codebook)
    assert [row["relative_error"] for row in rows] == pytest.approx(expected.relative)
    x, x_hat = catalogue.vectors[valid], decode(catalogue.sids[valid], catalogue.codebook)
    error = np.square(x - x_hat).sum() / np.square(x - x.mean(axis=0)).sum()
    assert rows[-1]["relative_error"] == pytest.approx(error, rel=1e-4)
    facts = {fact["name"]: fact["value"] for fact in whole[1]["facts"]}
    assert facts["Sample"].startswith(f"{N} items drawn")
    assert "1 are not in embeddings and 2 have no embedding" in facts["Sample"]


def test_symbols_digits_and_information_are_those_of_all_items(whole, catalogue):
    sections = whole[2]
    symbols = sids_to_bytes(catalogue.sids, 2)
    for row, column in zip(sections["symbols"]["rows"], symbols.T, strict=True):
        shares = np.bincount(column) / N
        bits = -sum(share * math.log2(share) for share in shares if share)
        assert row["effective_bits"] == pytest.approx(bits)
        assert row["n_values"] - row["n_dead"] == len(set(column.tolist()))
    digits = catalogue.codebook.layout[1].design[symbols[:, 1]]
    for row, column in zip(sections["digits"]["rows"], digits.T, strict=True):
        found = row["minus_share"], row["zero_share"], row["plus_share"]
        assert found == pytest.approx([(column == value).mean() for value in (-1, 0, 1)])
    (pair,) = sections["information"]["rows"]
    assert pair["bits"] == pytest.approx(mutual_info_score(*symbols.T) / math.log(2))


def test_collisions_are_those_of_a_list_of_items(whole, catalogue):
    summary, _, sections = whole
    groups = defaultdict(list)
    for row, sid in enumerate(catalogue.sids.tolist()):
        groups[sid].append(row)
    sizes = Counter(len(rows) for rows in groups.values())
    sharing = sum(size * n for size, n in sizes.items() if size > 1)
    assert summary.metrics["sharing_share"] == sharing / N
    assert sum(row["n_items"] for row in sections["collisions"]["rows"]) == N
    needless = sum(len(rows) for rows in groups.values() if distinct(catalogue, rows) > 1)
    assert summary.metrics["needless_share"] == pytest.approx(needless / N)
    largest = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))[:10]
    for row, (sid, rows) in zip(sections["shared_sids"]["rows"], largest, strict=True):
        assert row["sid"] == sids_to_bytes([sid], 2).tobytes().hex(" ")
        assert row["n_items"] == len(rows)
        assert row["n_embeddings"] == distinct(catalogue, rows)


def distinct(catalogue, rows):
    return len({catalogue.vectors[row].tobytes() for row in rows if row not in (*BROKEN, GONE)})


def draw(inputs, size):
    counts = count_items(inputs)
    return draw_items(
        inputs, counts, size=size, binary_dtype="float32", label="title", categories=["colour"]
    )


@pytest.fixture(scope="module")
def drawn(spark, shop, tmp_path_factory):
    """All items in the order of the sample, with the inputs they come from."""
    inputs = open_inputs(spark, configured(shop, tmp_path_factory.mktemp("unused")))
    return inputs, draw(inputs, N)


def test_recall_is_that_of_scikit_learns_search(whole, drawn, catalogue):
    _, items = drawn
    x = items.sample_vectors.astype(np.float64)
    x_hat = decode(items.sids[items.in_sample], catalogue.codebook).astype(np.float64)
    search = NearestNeighbors(n_neighbors=11, algorithm="brute").fit(x)
    tenth = search.kneighbors(x[:200])[0][:, 10]
    hits = []
    for query in range(200):
        raw = np.linalg.norm(x - x[query], axis=1)
        coded = np.square(x_hat - x_hat[query]).sum(axis=1)
        coded[query] = np.inf
        last = np.sort(coded)[9]
        near, tied, true = coded < last, coded == last, raw <= tenth[query] + 1e-7
        hits.append((true[near].sum() + (10 - near.sum()) * true[tied].mean()) / 10)
    (row,) = whole[2]["neighbours"]["rows"]
    assert row["recall"] == pytest.approx(np.mean(hits), abs=1e-3)
    assert row["low"] < row["recall"] < row["high"]
    assert (row["n_queries"], row["n_items"]) == (200, len(x))


def test_purity_is_scikit_learns_and_null_categories_are_left_out(whole, catalogue):
    known = [row for row in range(N) if catalogue.colours[row] and row != GONE]
    colours = [catalogue.colours[row] for row in known]
    symbols = sids_to_bytes(catalogue.sids[known], 2)
    for row, prefixes in zip(
        whole[2]["purity_1"]["rows"], (symbols[:, 0], catalogue.sids[known]), strict=True
    ):
        table = contingency_matrix(colours, prefixes)
        assert row["purity"] == pytest.approx(table.max(axis=0).sum() / len(known))
        assert row["homogeneity"] == pytest.approx(homogeneity_score(colours, prefixes))
    numbers = whole[2]["purity_2"]
    assert "10 classes of as many items each" in numbers["notes"][0]
    assert "Purity of nothing: no item of the sample has a value." in whole[1]["not_measured"]


def test_new_items_are_those_that_the_fitted_version_lacks(whole, catalogue):
    rows = {row["who"]: row for row in whole[2]["drift_errors"]["rows"]}
    assert rows["new items"]["n_items"] == N - N_OLD
    new, old = slice(N_OLD, N), slice(N_OLD // 2, N_OLD)
    lost = [
        np.square(catalogue.vectors[part] - decode(catalogue.sids[part], catalogue.codebook))
        for part in (new, old)
    ]
    ratio = lost[0].sum(axis=1).mean() / lost[1].sum(axis=1).mean()
    assert rows["new items"]["ratio"] == pytest.approx(ratio, rel=1e-4)
    assert len(whole[2]["drift_symbols"]["rows"]) == 2


def test_the_verdict_ends_the_message_and_the_figures_are_in_the_run(whole):
    summary, page, _ = whole
    word, rule = page["verdict"]["word"], page["verdict"]["rule"]
    assert word == "act"
    assert summary.message.endswith(f"; verdict: act ({rule})")
    assert summary.metrics["verdict"] == "act"
    assert set(summary.metrics["findings"]) == {
        "error",
        "symbols",
        "dead symbols",
        "collisions",
        "neighbours",
        "drift",
        "embeddings",
    }
    assert summary.rows_in == N


def test_counts_and_sample_do_not_depend_on_the_partitioning(spark, drawn):
    inputs, items = drawn
    rows = inputs.item_sids.rows.repartition(5, "sid")
    again = replace(inputs, item_sids=replace(inputs.item_sids, rows=rows))
    one, five = count_items(inputs), count_items(again)
    assert sorted(map(sorted_part, one.parts())) == sorted(map(sorted_part, five.parts()))
    few = draw(again, 50)
    assert few.item_ids.to_pylist()[:50] == items.item_ids.to_pylist()[:50]
    assert few.n_sample == 50


def sorted_part(part):
    number, counts = part
    if 1 <= number <= 4:
        return number, sorted(np.frombuffer(counts, "<i8").reshape(-1, 2).tolist())
    return number, counts


def test_items_of_another_source_or_of_no_delta_table_are_not_told_new(drawn):
    inputs, items = drawn
    other = replace(inputs.filed, lineage={"embeddings": "file:/elsewhere"})
    found = find_new_items(replace(inputs, filed=other), items.item_ids)
    assert found.is_new is None
    assert found.why_not == "the codebook was fitted on another source, file:/elsewhere"
    files = inputs.filed.lineage | {"embeddings_version": "files:0123"}
    found = find_new_items(
        replace(inputs, filed=replace(inputs.filed, lineage=files)), items.item_ids
    )
    assert "is no Delta table" in found.why_not
    gone = inputs.filed.lineage | {"embeddings_version": "delta:77"}
    found = find_new_items(
        replace(inputs, filed=replace(inputs.filed, lineage=gone)), items.item_ids
    )
    assert found.why_not.startswith("version 77 of embeddings is gone: ")


@pytest.mark.parametrize(("n_items", "width"), [(1, 8), (50, 1)])
def test_identical_items_and_a_single_one_end_in_a_page(spark, catalogue, tmp_path, n_items, width):
    codebook = fit(catalogue.vectors[:200], CodebookSpec([{"binary": 8 * width - 1}], rounds=0))
    vectors = np.repeat(catalogue.vectors[:1], n_items, axis=0)
    ids = list(range(n_items))
    items = {"item_id": ids, "embedding": pa.array(list(vectors), FLOATS)}
    write(tmp_path, "embeddings", pa.table(items))
    write(tmp_path, "item_sids", sids_table(ids, encode(vectors, codebook), codebook))
    file_codebook(spark, tmp_path, codebook)
    summary, page, sections = audit(spark, tmp_path, tmp_path / "report")
    text = (tmp_path / "report" / "audit_quality.html").read_text()
    assert "NaN" not in text
    assert "there is no variance" in " ".join(sections["error"]["notes"])
    assert sections["error"]["rows"][-1]["relative_error"] is None
    assert len(sections["symbols"]["rows"]) == width
    assert ("neighbours" in sections) == (n_items > 1)
    assert summary.metrics["sharing_share"] == (n_items > 1)
    assert summary.metrics["needless_share"] == 0
    assert page["verdict"]["word"] == ("act" if n_items > 1 else "good")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"label": "titel"}, r"embeddings: .* has no column 'titel'; did you mean 'title'\?"),
        ({"categories": "[text]"}, "column 'text' must be text, a number, a boolean, a date"),
        ({"labels": "./nowhere"}, "labels: there is no table at './nowhere'"),
        ({"codebook": "other"}, "has no codebook named 'other'"),
    ],
)
def test_a_table_without_what_is_asked_for_is_refused(spark, shop, tmp_path, values, sentence):
    with pytest.raises(TableError, match=sentence):
        open_inputs(spark, configured(shop, tmp_path, **values))


def test_other_ids_than_item_sids_has_are_refused(spark, shop, tmp_path):
    labels = pa.table({"item_id": [1, 2], "title": ["a", "b"]})
    write(tmp_path, "labels", labels)
    given = {"labels": f"{tmp_path}/labels", "label": "title"}
    with pytest.raises(TableError, match=r"labels: item_id must be string as in .*, got bigint"):
        open_inputs(spark, configured(shop, tmp_path, **given))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"codebook_id": "other"}, "has no SID of codebook .*: run quantize_items with it first"),
        ({"sid": 9 * 256}, r"got 600 others \(a null counts as -1\), the lowest 2304"),
        ({"sid": None}, "the lowest -1"),
        ({"item_id": None}, "item_id must not be null in .*, of codebook .*, got 600 nulls"),
        ({"item_id": b"\xffA"}, "must be valid UTF-8 in .*, got 600 .*, such as the bytes FF41"),
        ({"item_id": "a"}, "must have one SID .*, got several of 1 items, such as 600 of .* 'a'"),
    ],
)
def test_sids_that_are_not_those_of_the_codebooks_items_are_refused(drawn, change, sentence):
    inputs, _ = drawn
    ((column, value),) = change.items()
    kind = inputs.item_sids.rows.schema[column].dataType
    rows = inputs.item_sids.rows.withColumn(column, F.lit(value).cast(kind))
    with pytest.raises(TableError, match=sentence):
        count_items(replace(inputs, item_sids=replace(inputs.item_sids, rows=rows)))


def test_embeddings_of_another_length_are_refused(drawn):
    inputs, _ = drawn
    rows = inputs.embeddings.rows.withColumn("text", F.slice("text", 1, 5))
    short = replace(inputs.embeddings, rows=rows)
    with pytest.raises(TableError, match=r"got none; of .*, for one, the embedding must have 384"):
        draw(replace(inputs, embeddings=short, labels=short), 20)


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "report").touch()
    with pytest.raises(ConfigError, match=r"report.folder: .* must be a folder"):
        require_report(configured(tmp_path, tmp_path / "report").report)

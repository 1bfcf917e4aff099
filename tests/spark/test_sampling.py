"""The sample a codebook is fitted on: the same rows whatever the partitioning."""

import json

import numpy as np
import pyarrow as pa
import pytest
from delta_tables import embeddings, read_delta

from semantic_ids.errors import InputError, TableError
from semantic_ids.job_configs import FitCodebook
from semantic_ids.spark import sampling
from semantic_ids.spark.codebooks import codebooks_output, read_codebook
from semantic_ids.spark.fitting import fit_and_append
from semantic_ids.spark.sampling import draw_sample
from semantic_ids.spark.sources import open_source
from semantic_ids.spark.vectors import embedding_in_words

pytestmark = pytest.mark.spark

FLOATS = pa.list_(pa.float32())


def draw(source, *, size=1_000, seed=0, dim=None, binary_dtype="float32"):
    options = {"size": size, "seed": seed, "dim": dim, "binary_dtype": binary_dtype}
    return draw_sample(source, "text", **options)


def keys(vectors):
    return {row.tobytes() for row in vectors}


def test_the_sample_is_the_same_whatever_the_partitioning_and_order(
    source, items, spark_conf, monkeypatch
):
    table = embeddings(items.ids, items.vectors)
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    first = draw(source(table, partitions=1), size=40).vectors
    assert first.shape == (40, 384)
    for partitions in (3, 8):
        again = draw(source(shuffled, partitions=partitions), size=40).vectors
        assert np.array_equal(again, first)
    spark_conf("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    monkeypatch.setattr(sampling, "_ROWS_PER_PARTITION", 9)
    assert np.array_equal(draw(source(table), size=40).vectors, first)


def test_a_larger_sample_holds_the_smaller_and_another_seed_another(source, items):
    opened = source(embeddings(items.ids, items.vectors))
    small, large = draw(opened, size=30), draw(opened, size=60)
    assert np.array_equal(large.vectors[:30], small.vectors)
    other = draw(opened, size=30, seed=1)
    assert 0 < len(keys(other.vectors) & keys(small.vectors)) < 30
    whole = draw(opened, size=10**6)
    assert keys(whole.vectors) == keys(items.vectors)
    assert (whole.rows_seen, whole.rows_drawn) == (len(items.ids), len(items.ids))


@pytest.mark.parametrize("size", [1, 2, 50, 119, 120])
def test_a_sample_has_its_size(source, items, size):
    assert draw(source(embeddings(items.ids, items.vectors)), size=size).rows_drawn == size


def test_rows_that_are_no_vectors_are_left_out_and_counted(source, items):
    rows = [*(row.tolist() for row in items.vectors[:5]), None, [1.0, 2.0], [float("nan")] * 384]
    sample = draw(source(embeddings(range(8), rows, FLOATS)))
    assert keys(sample.vectors) == keys(items.vectors[:5])
    assert (sample.rows_seen, sample.rows_drawn) == (8, 8)
    assert draw(source(embeddings(range(8), rows, FLOATS)), dim=2).vectors.tolist() == [[1, 2]]


def test_items_that_stand_twice_do_not_make_the_sample_depend_on_partitions(source, items):
    table = embeddings(["a"] * 60 + ["b"] * 60, items.vectors)
    first = draw(source(table, partitions=1), size=80).vectors
    assert len(first) == 80
    assert np.array_equal(draw(source(table, partitions=8), size=80).vectors, first)


def test_binaries_give_the_sample_of_lists(source, items):
    blobs = [row.astype("<f2").tobytes() for row in items.vectors]
    lists = draw(source(embeddings(items.ids, items.vectors)), size=40).vectors
    halves = source(embeddings(items.ids, blobs, pa.binary()))
    assert np.array_equal(draw(halves, size=40, binary_dtype="float16").vectors, lists)


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [([], "is empty"), ([None, []], "no row of 'text' holds an embedding")],
)
def test_a_table_without_vectors_is_refused(source, vectors, sentence):
    with pytest.raises(TableError, match=sentence):
        draw(source(embeddings(pa.array(range(len(vectors)), pa.int64()), vectors, FLOATS)))


# Fit and append


def fitted(source, path, **options):
    values = {
        "embeddings": "./e",
        "codebooks": path,
        "collection": "text",
        "name": "shop",
        "spec": {"stages": [{"ternary": 8}], "rounds": 0},
    }
    config = FitCodebook(**values | options)
    return fit_and_append(config, source, codebooks_output(path), "run-1")


def test_a_fit_is_the_same_whatever_the_partitioning_and_is_appended_once(
    spark, source, items, place
):
    path, table = place(), embeddings(items.ids, items.vectors)
    first = fitted(source(table, partitions=1), path)
    again = fitted(source(table, partitions=8), path)
    assert first.codebook_id == again.codebook_id
    assert "appended" in first.message
    assert "was there already" in again.message
    assert (first.rows_in, first.rows_out, first.rows_rejected) == (120, 120, 0)
    codebook = read_codebook(open_source(spark, "codebooks", path), "shop")
    assert (codebook.codebook_id, codebook.n_digits) == (first.codebook_id, 8)
    (row,) = read_delta(path).to_pylist()
    steps = json.loads(row["metrics"])["steps"]
    assert [step for step, _ in steps] == ["byte 1 of 2", "byte 2 of 2"]
    assert steps[0][1] > steps[1][1] > 0


@pytest.mark.parametrize(
    ("n", "options", "sentence"),
    [
        (8, {}, "ternary: 8 needs at least as many rows, got 7"),
        (3, {}, "holdout: 0.1 of 3 valid rows must leave rows to fit and rows to measure on"),
        (100, {"sample_size": 8}, "ternary: 8 needs at least as many rows, got 7"),
    ],
)
def test_a_sample_that_is_too_small_is_refused(source, items, place, n, options, sentence):
    path = place()
    with pytest.raises(InputError, match=sentence):
        fitted(source(embeddings(items.ids[:n], items.vectors[:n])), path, **options)


@pytest.mark.parametrize(
    ("kind", "dtype", "said"),
    [
        (pa.list_(pa.float32()), "float32", "text, 4 values of float"),
        (pa.binary(), "float16", "text, 4 values of float16 in BINARY (binary_dtype)"),
        (pa.binary(), "float32", "text, 2 values of float32 in BINARY (binary_dtype)"),
    ],
)
def test_an_embedding_is_described_as_it_will_be_read(source, kind, dtype, said):
    row = np.ones(4, np.float16)
    value = row.tobytes() if kind == pa.binary() else row.astype(np.float32).tolist()
    opened = source(embeddings(["a", "b"], [None, value], kind))
    assert embedding_in_words(opened, "text", dtype) == said

"""Embedding columns against a loop over rows, in every type, sliced and with every defect."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyspark.sql import types as T

from semantic_ids.codebook import Affine, Branch, Codebook, CodebookSpec, Fusion
from semantic_ids.errors import TableError
from semantic_ids.spark.sources import Source
from semantic_ids.spark.vectors import lengths_of, parse_items, parse_vectors, require_embedding

DIM = 3
NULL = "the embedding is null"
NOT_FINITE = "the embedding holds a null, NaN, infinity or too large a value"

LISTS = {
    "list<float>": pa.list_(pa.float32()),
    "list<double>": pa.list_(pa.float64()),
    "large_list<float>": pa.large_list(pa.float32()),
    "large_list<double>": pa.large_list(pa.float64()),
}
BINARIES = {
    ("binary", "float32"): pa.binary(),
    ("binary", "float16"): pa.binary(),
    ("large_binary", "float32"): pa.large_binary(),
    ("large_binary", "float16"): pa.large_binary(),
}


def packed(row, dtype):
    return None if row is None else np.array(row, np.dtype(dtype).newbyteorder("<")).tobytes()


def expected(rows, dim):
    """Judge row by row in plain Python what parse_vectors does to a column of lists at once."""
    vectors, reasons = [], []
    for row in rows:
        if row is None:
            reasons.append(NULL)
            continue
        if len(row) != dim:
            reasons.append(f"the embedding must have {dim} values, got {len(row)} values")
            continue
        with np.errstate(over="ignore"):
            vector = np.array([np.nan if v is None else v for v in row]).astype(np.float32)
        fine = bool(np.isfinite(vector).all())
        reasons.append(None if fine else NOT_FINITE)
        if fine:
            vectors.append(vector)
    return np.array(vectors, np.float32).reshape(-1, dim), reasons


def assert_parsed(parsed, vectors, reasons):
    assert parsed.reasons == reasons
    assert parsed.valid.tolist() == [reason is None for reason in reasons]
    assert parsed.vectors.dtype == np.float32
    assert parsed.vectors.shape == vectors.shape
    assert parsed.vectors.tobytes() == vectors.tobytes()


numbers = st.floats(-1e3, 1e3, width=32) | st.sampled_from(
    [None, float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e39, -1e39, 3.4e38, 1e-45]
)
rows = st.lists(st.none() | st.lists(numbers, max_size=DIM + 1), max_size=12)
good = [[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]]


@pytest.mark.parametrize("kind", LISTS)
@settings(max_examples=150)
@given(rows=rows, start=st.integers(0, 3), stop=st.integers(0, 3))
@example(rows=[], start=0, stop=0)
@example(rows=good, start=1, stop=0)
@example(rows=[None, *good, None], start=1, stop=1)
@example(rows=[[1.0, None, 2.0], [float("nan")] * 3, [1.0, 2.0], good[0]], start=0, stop=0)
def test_lists_equal_a_loop_over_rows(kind, rows, start, stop):
    if kind.endswith("<float>"):
        inf = float("inf")
        rows = [
            row and [v if v is None or abs(v) < 3.41e38 or v != v else inf for v in row]
            for row in rows
        ]
    column = pa.array(rows, LISTS[kind])
    length = max(0, len(rows) - start - stop)
    sliced = column.slice(start, length)
    parsed = parse_vectors(sliced, DIM, binary_dtype="float32")
    assert_parsed(parsed, *expected(rows[start : start + length], DIM))


@pytest.mark.parametrize("kind", BINARIES)
@settings(max_examples=150)
@given(
    rows=st.lists(st.none() | st.lists(st.floats(width=16), max_size=DIM + 1), max_size=12),
    tail=st.binary(max_size=1),
    start=st.integers(0, 3),
)
@example(rows=[], tail=b"", start=0)
@example(rows=good, tail=b"", start=1)
@example(rows=[None, None], tail=b"", start=0)
def test_binaries_equal_a_loop_over_rows(kind, rows, tail, start):
    _, dtype = kind
    blobs = [packed(row, dtype) for row in rows]
    if blobs and blobs[-1] is not None:
        blobs[-1] += tail
    parsed = parse_vectors(pa.array(blobs, BINARIES[kind]).slice(start), DIM, binary_dtype=dtype)
    size = DIM * np.dtype(dtype).itemsize
    vectors, reasons = [], []
    for blob in blobs[start:]:
        if blob is None:
            reasons.append(NULL)
        elif len(blob) != size:
            reasons.append(f"the embedding must have {DIM} values, got {len(blob)} bytes")
        else:
            vector = np.frombuffer(blob, np.dtype(dtype).newbyteorder("<")).astype(np.float32)
            reasons.append(None if np.isfinite(vector).all() else NOT_FINITE)
            vectors += [vector] if np.isfinite(vector).all() else []
    assert_parsed(parsed, np.array(vectors, np.float32).reshape(-1, DIM), reasons)


def test_one_embedding_is_the_same_vector_in_every_type():
    row = [0.5, -1.25, 3.0]  # exact in float16
    columns = [(pa.array([row], kind), "float32") for kind in LISTS.values()]
    columns += [
        (pa.array([packed(row, dtype)], kind), dtype) for (_, dtype), kind in BINARIES.items()
    ]
    for column, dtype in columns:
        parsed = parse_vectors(column, DIM, binary_dtype=dtype)
        assert parsed.vectors.tolist() == [row]


def test_a_float16_subnormal_keeps_its_value():
    smallest = 2.0**-24
    column = pa.array([np.array([smallest, 0, -smallest], "<f2").tobytes()])
    parsed = parse_vectors(column, DIM, binary_dtype="float16")
    assert parsed.vectors.tolist() == [[smallest, 0, -smallest]]


def test_what_lies_under_a_null_is_not_read():
    values = pa.array([1, 2, 3, float("nan"), 5, 6, 7, 8, 9], pa.float32())
    offsets = pa.array([0, 3, 6, 9], pa.int32())
    valid = pa.py_buffer(bytes([0b101]))
    column = pa.Array.from_buffers(
        pa.list_(pa.float32()), 3, [valid, offsets.buffers()[1]], children=[values]
    )
    parsed = parse_vectors(column, 3, binary_dtype="float32")
    assert parsed.reasons == [None, NULL, None]
    assert parsed.vectors.tolist() == [[1, 2, 3], [7, 8, 9]]


def test_a_double_that_float32_rounds_up_to_infinity_is_too_large():
    largest = float(np.finfo(np.float32).max)
    column = pa.array([[largest] * 3, [largest * (1 + 1e-7)] * 3], pa.list_(pa.float64()))
    assert parse_vectors(column, 3, binary_dtype="float32").reasons == [None, NOT_FINITE]


def test_parsing_leaves_its_input_unchanged():
    column = pa.array([[1.0, 2.0], None, [3.0, float("nan")]], pa.list_(pa.float32()))
    before = column.to_pylist()
    parse_vectors(column, 2, binary_dtype="float32")
    assert repr(column.to_pylist()) == repr(before)


@pytest.mark.parametrize(
    ("column", "dtype", "lengths"),
    [
        (
            pa.array([[1.0], None, [], [1.0, None]], pa.list_(pa.float32())),
            "float32",
            [1, -1, 0, 2],
        ),
        (pa.array([bytes(8), None, b"", bytes(7)]), "float32", [2, -1, 0, 1]),
        (pa.array([bytes(8), None, b""], pa.large_binary()), "float16", [4, -1, 0]),
        (
            pa.array([[1.0], [1.0, 2.0], [3.0] * 4], pa.list_(pa.float64())).slice(1),
            "float32",
            [2, 4],
        ),
        (pa.array([], pa.list_(pa.float32())), "float32", []),
    ],
)
def test_lengths_of_counts_floats(column, dtype, lengths):
    assert lengths_of(column, dtype).tolist() == lengths


def source_of(kind):
    """Give a source whose rows have no more than a schema: item_id and text."""
    schema = T.StructType([T.StructField("item_id", T.LongType()), T.StructField("text", kind)])
    rows = SimpleNamespace(columns=schema.names, schema=schema)
    return Source("embeddings", "tables/items", "delta:0", rows)


@pytest.mark.parametrize(
    "kind", [T.ArrayType(T.FloatType()), T.ArrayType(T.DoubleType()), T.BinaryType()]
)
def test_an_embedding_has_one_of_three_types(kind):
    assert require_embedding(source_of(kind), "text") == kind


@pytest.mark.parametrize(
    "kind",
    [
        T.StringType(),
        T.IntegerType(),
        T.FloatType(),
        T.ArrayType(T.IntegerType()),
        T.ArrayType(T.StringType()),
        T.ArrayType(T.DecimalType(10, 2)),
        T.ArrayType(T.ArrayType(T.FloatType())),
        T.MapType(T.StringType(), T.FloatType()),
    ],
    ids=lambda kind: kind.simpleString(),
)
def test_a_column_of_another_type_is_no_embedding(kind):
    with pytest.raises(TableError) as caught:
        require_embedding(source_of(kind), "text")
    assert str(caught.value) == (
        "embeddings: column 'text' must be array<float>, array<double> or binary, "
        f"got {kind.simpleString()}"
    )


def test_an_absent_embedding_is_refused_with_the_nearest_name():
    with pytest.raises(TableError, match=r"has no column 'txt'; did you mean 'text'\?"):
        require_embedding(source_of(T.BinaryType()), "txt")


def fused_codebook(*zero_is_missing):
    """Give a codebook of two collections; what its encoder computes is not looked at here."""
    spec, dims = CodebookSpec([{"ternary": 2}]), {"text": DIM, "image": 2}
    branches = {
        name: Branch(
            np.zeros(dim),
            [1.0],
            Affine(np.ones((2, dim)), 0, [0, 0]),
            [0, 0],
            name in zero_is_missing,
        )
        for name, dim in dims.items()
    }
    parts = {
        name: Codebook(spec, {name: dim}, np.zeros(dim), np.ones((2, dim)), 0, 0)
        for name, dim in dims.items()
    }
    fusion = Fusion(branches, (), parts, {})
    return Codebook(spec, dims, np.zeros(2), np.eye(2), 0, 0, {}, fusion)


@pytest.mark.parametrize("zero_is_missing", [(), ("image",)])
def test_items_may_lack_a_collection_but_not_all_nor_hold_a_broken_one(zero_is_missing):
    text = [[1, 2, 3], None, [4, 5, 6], None, [1, 2], [7, 8, 9], None, None]
    image = [[1, 2], [3, 4], None, None, [1, 2], [1, np.nan], [0, 0], [1, 2, 3]]
    columns = [pa.array(text, pa.list_(pa.float32())), pa.array(image, pa.list_(pa.float64()))]
    codebook = fused_codebook(*zero_is_missing)
    parsed = parse_items(columns, codebook, binary_dtype="float32")
    none = "the item has none of text, image"
    assert parsed.reasons == [
        None,
        None,
        None,
        none,
        "text: the embedding must have 3 values, got 2 values",
        f"image: {NOT_FINITE}",
        none if zero_is_missing else None,
        "image: the embedding must have 2 values, got 3 values",
    ]
    assert parsed.valid.tolist() == [reason is None for reason in parsed.reasons]
    kept = parsed.vectors
    assert kept["text"][:3].tolist()[::2] == [[1, 2, 3], [4, 5, 6]]
    assert np.isnan(kept["text"][1]).all()
    assert kept["image"][:2].tolist() == [[1, 2], [3, 4]]
    assert np.isnan(kept["image"][2]).all()
    assert {len(x) for x in kept.values()} == {sum(parsed.valid)}

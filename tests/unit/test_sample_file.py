"""The file a sample is gathered in, and the line that says how far a fit is."""

import io
import logging

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.spark import progress
from semantic_ids.spark.progress import report_progress
from semantic_ids.spark.sampling import store
from semantic_ids.spark.vectors import Chunk, chunks_by_length

FLOATS = pa.list_(pa.float32())


def chunks_of(rows, batch_rows, dim=None):
    for start in range(0, len(rows), batch_rows):
        column = pa.array(rows[start : start + batch_rows], FLOATS)
        batch = chunks_by_length(column, "float32", dim=dim)
        yield from (Chunk(**row) for row in batch.to_pylist())


VECTORS = st.integers(0, 4).flatmap(
    lambda n: st.lists(st.sampled_from([0.5, -2.0, float("nan"), None]), min_size=n, max_size=n)
)


@given(
    rows=st.lists(st.none() | VECTORS, max_size=40),
    batch_rows=st.integers(1, 50),
    dim=st.none() | st.integers(1, 4),
)
def test_the_vectors_of_one_length_are_kept_in_order_and_the_rest_is_counted(rows, batch_rows, dim):
    found, n_rows = store(chunks_of(rows, batch_rows, dim), dim)
    assert n_rows == len(rows)
    lengths = [len(row) for row in rows if row]
    length = dim or max(sorted(set(lengths)), key=lengths.count, default=0)
    if not length:
        assert found is None
        return
    whole = [row for row in rows if row is not None and len(row) == length]
    expected = [row for row in whole if all(v is not None and v == v for v in row)]
    assert found.shape == (len(expected), length)
    assert found.tolist() == expected


def test_chunks_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr("semantic_ids.spark.vectors._CHUNK_BYTES", 64)
    rows = np.arange(60, dtype=np.float32).reshape(20, 3)
    chunks = list(chunks_of(rows.tolist(), 20))
    assert all(len(chunk.vectors) <= 64 for chunk in chunks)
    assert [chunk.n for chunk in chunks] == [5, 5, 5, 5]
    found, _ = store(chunks, None)
    assert np.array_equal(found, rows)


def test_a_sample_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found, _ = store(chunks_of([[1.0, 2.0]] * 9, 4), None)
    assert isinstance(found, np.memmap)
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_rounds_write_over_one_line_and_bytes_stay(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", stream)
    show = report_progress("fit_codebook", n_bytes=2, n_rounds=2, terminal=True)
    for step, error in (("byte 1", 0.7), ("byte 2", 0.6), ("round 1", 0.55), ("round 2", 0.5)):
        show(step, error)
    lines = stream.getvalue().replace("\033[K", "").split("\n")
    assert lines[0].lstrip("\r") == "fit_codebook: [#######" + "." * 23 + "] byte 1, error 0.7000"
    assert lines[1].endswith("byte 2, error 0.6000")
    over = [text for text in lines[2].split("\r") if text]
    assert [text.rpartition("] ")[2] for text in over] == [
        "round 1, error 0.5500",
        "round 2, error 0.5000",
    ]
    assert "." not in over[1].partition("]")[0]
    assert lines[3] == ""


def test_elsewhere_each_step_is_a_log_line(caplog):
    show = report_progress("fit_codebook", n_bytes=1, n_rounds=0, terminal=False)
    with caplog.at_level(logging.INFO, "semantic_ids"):
        show("byte 1 of 1", 0.25)
    assert [record.getMessage() for record in caplog.records] == [
        "fit_codebook: byte 1 of 1, error 0.2500"
    ]


@pytest.mark.parametrize("more", [1, 5])
def test_a_bar_never_runs_over(monkeypatch, more):
    stream = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", stream)
    show = report_progress("fit_codebook", n_bytes=1, n_rounds=1, terminal=True)
    for _ in range(2 + more):
        show("step", 0.1)
    bars = [part.partition("]")[0] for part in stream.getvalue().split("[")[1:]]
    assert max(len(bar) for bar in bars if "#" in bar) == 30

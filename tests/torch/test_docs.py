"""The Python of docs/trainers.md runs as it stands."""

import datetime

import deltalake
import numpy as np
import pyarrow as pa
import pytest
from repl import Prompt, python_blocks
from sequence_tables import random_segments, write_sequences

from semantic_ids.codebook import CodebookSpec, fit, save

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


def test_the_examples_of_trainers_md_run(root, tmp_path, monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    codebook = fit(vectors, CodebookSpec([{"ternary": 25}], rounds=0))
    payload = pa.array([save(codebook)], pa.binary())
    fits = pa.table({"name": ["text"], "created_at": [datetime.datetime.now()], "payload": payload})
    deltalake.write_deltalake(tmp_path / "tables" / "codebooks", fits)
    segments = random_segments(30, codebook_id=codebook.codebook_id)
    for segment in segments:
        segment.sids = [bytes(codebook.width)] * len(segment.sids)
    write_sequences(tmp_path / "tables" / "sequences", segments)
    examples = pa.table({"user_id": np.arange(40), "timestamp": [2**48] * 40, "label": [True] * 40})
    deltalake.write_deltalake(tmp_path / "tables" / "examples", examples)
    monkeypatch.chdir(tmp_path)
    blocks = python_blocks(root / "docs" / "trainers.md")
    runnable = [block for block in blocks if "dist." not in block]
    prompt = Prompt()
    for block in runnable:
        prompt.paste(block)
    names = prompt.locals
    assert len(runnable) == 5
    assert names["batch"].histories.lengths.sum() > 0
    assert names["vectors"].shape[1] == 8
    assert names["events"].shape == (len(names["vectors"]), 32)
    assert names["pooled"].shape == (len(names["batch"]), 26)
    assert names["pooled"].isfinite().all()

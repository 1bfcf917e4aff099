import json
import pickle
import struct

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors

from semantic_ids.codebook import encode, load, load_file, save, save_file
from semantic_ids.errors import ArtefactError


def test_a_codebook_survives_its_bytes(codebook, vectors):
    payload = save(codebook)
    loaded = load(payload, expected_id=codebook.codebook_id)
    assert loaded == codebook
    assert loaded.spec == codebook.spec
    assert loaded.metrics == codebook.metrics
    assert save(loaded) == payload
    assert np.array_equal(encode(vectors, loaded), encode(vectors, codebook))


def test_a_codebook_survives_its_file(codebook, tmp_path):
    save_file(codebook, tmp_path / "codebook.safetensors")
    assert load_file(tmp_path / "codebook.safetensors") == codebook
    with pytest.raises(ArtefactError, match="cannot be read: No such file"):
        load_file(tmp_path / "missing.safetensors")
    with pytest.raises(ArtefactError, match="cannot be written: Is a directory"):
        save_file(codebook, tmp_path)


def test_a_codebook_is_a_value(codebook):
    again = pickle.loads(pickle.dumps(codebook))
    assert again == codebook
    assert hash(again) == hash(codebook)
    assert again.metrics == codebook.metrics
    assert len(codebook.codebook_id) == 32
    with pytest.raises(ValueError, match="read-only"):
        again.basis[0] = 0
    assert {type(value) for value in (codebook.width, codebook.dim, codebook.n_digits)} == {int}


def test_the_payload_holds_integers_and_one_metadata_key(codebook):
    payload = save(codebook)
    tensors = load_tensors(payload)
    assert {name: array.dtype.str for name, array in tensors.items()} == {
        "basis": "<i2",
        "mean": "<f4",
    }
    (length,) = struct.unpack("<Q", payload[:8])
    assert list(json.loads(payload[8 : 8 + length])["__metadata__"]) == ["semantic_ids"]


def test_another_codebook_than_the_expected_is_refused(codebook):
    with pytest.raises(ArtefactError, match="codebook_id must be 0123, got"):
        load(save(codebook), expected_id="0123")


def test_any_changed_byte_of_content_is_refused(codebook):
    payload = save(codebook)
    for position in (len(payload) - 1, len(payload) - 4 * codebook.dim - 3):
        damaged = bytearray(payload)
        damaged[position] ^= 1
        with pytest.raises(ArtefactError, match="damaged"):
            load(bytes(damaged))


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_cut_payload_is_refused(codebook, length):
    with pytest.raises(ArtefactError, match="damaged"):
        load(save(codebook)[:length])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'format\\":1', b'format\\":3', "format must be 1 or 2, got 3"),
        (b'format\\":1', b'format\\":2', "damaged"),
        (b'sweeps\\":', b'sweepz\\":', "damaged"),
        (b"x_exponent", b"y_exponent", "damaged"),
        (b'\\"codebook_id\\":', b'\\"codebook_ie\\":', "damaged"),
        (b'"__metadata__":', b'"__metadatb__":', "damaged"),
    ],
)
def test_a_changed_header_is_refused(codebook, old, new, message):
    payload = save(codebook)
    assert old in payload
    with pytest.raises(ArtefactError, match=message):
        load(payload.replace(old, new))


@pytest.mark.parametrize("name", ["content", "spec", "metrics"])
@pytest.mark.parametrize("value", [3, [1], "text", None])
def test_a_header_of_other_types_is_refused(codebook, name, value):
    payload = save(codebook)
    (length,) = struct.unpack("<Q", payload[:8])
    outer = json.loads(payload[8 : 8 + length])
    header = json.loads(outer["__metadata__"]["semantic_ids"]) | {name: value}
    outer["__metadata__"]["semantic_ids"] = json.dumps(header)
    changed = json.dumps(outer).encode()
    with pytest.raises(ArtefactError, match="damaged"):
        load(struct.pack("<Q", len(changed)) + changed + payload[8 + length :])

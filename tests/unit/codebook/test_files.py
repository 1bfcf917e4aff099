import json
import pickle
import struct
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors

from semantic_ids.codebook import (
    Codebook,
    CodebookSpec,
    decode,
    encode,
    load,
    load_file,
    save,
    save_file,
    sids_of,
)
from semantic_ids.errors import ArtefactError, SpecError


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


def with_header(payload: bytes, text: str) -> bytes:
    """Give bytes of which the header that safetensors starts with is another."""
    (length,) = struct.unpack("<Q", payload[:8])
    return struct.pack("<Q", len(text)) + text.encode() + payload[8 + length :]


@pytest.mark.parametrize("is_inner", [False, True])
def test_a_header_of_many_brackets_is_refused(codebook, is_inner):
    brackets = "[" * 200_000
    header = {"__metadata__": {"semantic_ids": brackets}}
    changed = with_header(save(codebook), json.dumps(header) if is_inner else brackets)
    with pytest.raises(ArtefactError, match="codebook bytes are damaged: maximum recursion depth"):
        load(changed)


def test_damage_is_told_in_words(codebook):
    payload = save(codebook)
    with pytest.raises(ArtefactError, match=r"are damaged: 'x_exponent' is missing or unknown$"):
        load(payload.replace(b"x_exponent", b"y_exponent"))
    with pytest.raises(ArtefactError, match=r"are damaged: 'BF16' is missing or unknown$"):
        load(payload.replace(b'"dtype":"I16"', b'"dtype":"BF16"', 1).replace(b"  ", b" ", 1))


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytes_of_any_kind_are_read(codebook, kind):
    assert load(kind(save(codebook))) == codebook


def test_what_is_no_bytes_is_refused(codebook):
    with pytest.raises(ArtefactError, match="codebook bytes must be bytes, got str"):
        load("codebook")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mean": np.nan}, "mean must be finite in float32, got NaN or infinity in 1 of"),
        ({"mean": np.inf}, "mean must be finite in float32, got NaN or infinity in 1 of"),
        ({"x_exponent": 5000}, "x_exponent must be a whole number from -100 to 110, got 5000"),
        ({"x_exponent": -101}, "x_exponent must be a whole number from -100 to 110, got -101"),
        ({"x_exponent": 1.0}, "x_exponent must be a whole number from -100 to 110, got 1.0"),
        ({"basis_exponent": 0.5}, "x_exponent - basis_exponent must be a whole number from 0 to"),
    ],
)
def test_a_codebook_that_decodes_to_no_numbers_is_refused(codebook, wrong, said):
    values = {"x_exponent": 1, "basis_exponent": 1} | wrong
    mean = codebook.mean.copy()
    mean[0] = values.pop("mean", 0)
    with pytest.raises(SpecError, match=said):
        replace(codebook, mean=mean, **values)


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


def test_the_largest_exponent_decodes_to_finite_numbers_and_the_next_would_not():
    rows = np.full((63, 1), 4096)
    codebook = Codebook(CodebookSpec([{"binary": 63}]), {"e": 1}, [0], rows, 110, 110)
    largest = decode(sids_of(np.ones((1, 63)), codebook), codebook)
    assert np.isfinite(largest).all()
    assert float(largest[0, 0]) * 2 > float(np.finfo(np.float32).max)
    with pytest.raises(SpecError, match="x_exponent must be a whole number from -100 to 110"):
        replace(codebook, x_exponent=111, basis_exponent=111)

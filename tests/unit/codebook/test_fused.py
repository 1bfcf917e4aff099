import dataclasses
import json
import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fused_samples import DIMS, fused_codebook, rows
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.codebook import (
    Affine,
    Codebook,
    CodebookSpec,
    SIDIndex,
    decode,
    decode_tables,
    digits_of,
    encode,
    fit,
    load,
    load_file,
    measure_category,
    null_sid,
    predict,
    save,
)
from semantic_ids.errors import ArtefactError, InputError, ShapeError, SpecError

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def codebook():
    return fused_codebook()


def slow_latent(codebook, item):
    """Run the encoder on one item in fractions, by the text of docs/sid_format.md."""
    fusion, limit = codebook.fusion, 2**26

    def layer(affine, a):
        rows_ = affine.weight.tolist()
        sums = [sum(w * x for w, x in zip(row, a, strict=True)) for row in rows_]
        unit = Fraction(2) ** affine.exponent
        biases = affine.bias.tolist()
        return [round(s * unit) + b for s, b in zip(sums, biases, strict=True)]

    total = [0] * len(next(iter(fusion.branches.values())).placeholder)
    for name, branch in fusion.branches.items():
        x = item[name]
        if x is None or (branch.zero_is_missing and not any(x)):
            outputs = branch.placeholder.tolist()
        else:
            centred = np.float32(x) - branch.mean
            scaled = centred.astype(np.float64) / np.float64(branch.scale[0])
            a = [round(Fraction(value) * 2**20) for value in scaled.tolist()]
            outputs = layer(branch.layer, [min(max(value, -limit), limit) for value in a])
        total = [t + o for t, o in zip(total, outputs, strict=True)]
    if not fusion.trunk:
        return [value / 2**20 for value in total]
    h = total[: -codebook.dim]
    for affine in fusion.trunk:
        h = layer(affine, [min(max(value, 0), limit) for value in h])
    return [(s + v) / 2**20 for s, v in zip(total[-codebook.dim :], h, strict=True)]


@pytest.mark.parametrize("hidden", [(4,), (4, 3), ()])
def test_the_encoder_equals_one_in_fractions(hidden):
    codebook = fused_codebook(hidden=hidden)
    columns = rows(60)
    items = [
        {name: None if np.isnan(x[i]).all() else x[i].tolist() for name, x in columns.items()}
        for i in range(60)
    ]
    latents = np.array([slow_latent(codebook, item) for item in items], np.float32)
    plain = quantiser_of(codebook)
    assert np.array_equal(encode(columns, codebook), encode(latents, plain))
    assert len(set(encode(columns, codebook).tolist())) > 30


def quantiser_of(codebook):
    """Return the codebook of the latents alone."""
    return Codebook(
        codebook.spec,
        {"latent": codebook.dim},
        codebook.mean,
        codebook.basis,
        codebook.x_exponent,
        codebook.basis_exponent,
    )


def test_the_golden_file_still_gives_its_sids():
    golden = json.loads((GOLDEN / "fused.json").read_text())
    codebook = load_file(GOLDEN / "fused.safetensors", expected_id=golden["codebook_id"])
    columns = {
        name: np.array([[np.nan] * DIMS[name] if x is None else x for x in values])
        for name, values in golden["vectors"].items()
    }
    assert encode(columns, codebook).tolist() == golden["sids"]
    assert decode(golden["sids"], codebook, collection="text").tolist() == golden["text"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sid_does_not_depend_on_the_batch_or_the_order(codebook, threads):
    columns = rows(2500)
    whole = encode(columns, codebook, threads=threads)
    order = np.random.default_rng(3).permutation(2500)
    shuffled = encode({name: x[order] for name, x in columns.items()}, codebook)
    assert np.array_equal(shuffled, whole[order])
    alone = [encode({n: x[i : i + 1] for n, x in columns.items()}, codebook)[0] for i in range(40)]
    assert alone == whole[:40].tolist()


def test_a_fused_codebook_survives_its_bytes(codebook):
    payload = save(codebook)
    loaded = load(payload, expected_id=codebook.codebook_id)
    assert loaded == codebook
    assert loaded.metrics == {"seen": 3}
    assert save(loaded) == payload
    assert np.array_equal(encode(rows(50), loaded), encode(rows(50), codebook))
    again = pickle.loads(pickle.dumps(codebook))
    assert again == codebook
    with pytest.raises(ValueError, match="read-only"):
        again.fusion.branches["text"].layer.weight[0] = 0


def test_any_changed_tensor_is_another_codebook(codebook):
    payload = save(codebook)
    header = int.from_bytes(payload[:8], "little")
    table = json.loads(payload[8 : 8 + header])
    for name, said in table.items():
        if name == "__metadata__":
            continue
        damaged = bytearray(payload)
        damaged[8 + header + said["data_offsets"][0]] ^= 1
        with pytest.raises(ArtefactError, match="damaged"):
            load(bytes(damaged))


def test_sids_decode_to_each_collection(codebook):
    sids = encode(rows(30), codebook)
    digits = digits_of(sids, codebook).astype(np.float64)
    for name, dim in DIMS.items():
        part = codebook.of(name)
        expected = part.mean + digits @ (part.basis * 2.0**part.basis_exponent)
        decoded = decode(sids, codebook, collection=name)
        np.testing.assert_allclose(decoded, expected, atol=1e-6)
        assert decode_tables(codebook, collection=name).shape == (codebook.width, 256, dim)
        null = decode([null_sid(codebook.width)], codebook, collection=name)
        assert np.array_equal(null[0], part.mean)
        distances, _ = SIDIndex(sids, part).nearest(decoded[4], 1)
        assert distances[0] == pytest.approx(0, abs=1e-9)


def test_what_shows_one_space_shows_the_first_collection_by_name(codebook):
    assert codebook.leading == codebook.of("image")
    assert codebook.of("text").leading == codebook.of("text")


def test_a_collection_must_be_named(codebook):
    with pytest.raises(InputError, match="collection must be one of the codebook's, got none"):
        decode([0], codebook)
    with pytest.raises(InputError, match="got 'txt': did you mean 'text'"):
        decode_tables(codebook, collection="txt")
    plain = fit(np.eye(8), CodebookSpec([{"ternary": 2}]), collection="text")
    assert np.array_equal(decode([0], plain, collection="text"), decode([0], plain))
    with pytest.raises(InputError, match="got 'image'"):
        decode([0], plain, collection="image")


def test_a_plain_codebook_of_two_collections_has_two_parts():
    x = np.random.default_rng(0).normal(size=(60, 7))
    both = fit(x, CodebookSpec([{"ternary": 4}]))
    both = dataclasses.replace(both, collections={"text": 4, "image": 3})
    sids = encode(x, both)
    parts = [decode(sids, both, collection=name) for name in ("text", "image")]
    assert np.array_equal(np.hstack(parts), decode(sids, both))


def test_a_row_of_nan_and_maybe_of_zeros_is_missing(codebook):
    text = np.ones((3, 7), np.float32)
    image = np.stack([np.full(5, np.nan), np.zeros(5), np.ones(5)])
    sids = encode({"text": text, "image": image}, codebook)
    assert sids[0] == sids[1] != sids[2]
    zeros_count = fused_codebook(zero_is_missing=())
    sids = encode({"text": text, "image": image}, zeros_count)
    assert sids[0] != sids[1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image": None}, "vectors must hold every collection, got none of 'image'"),
        ({"imagee": np.ones((2, 5))}, "unknown collection 'imagee', did you mean 'image'"),
        ({"image": np.ones((2, 4))}, r"vectors must have shape \(n, 5\), got \(2, 4\)"),
        ({"image": np.ones((3, 5))}, "collections must have as many rows each"),
        ({"image": [[1, 2, np.nan, 4, 5]] * 2}, "NaN throughout where the collection is missing"),
        ({"image": [[1, 2, np.inf, 4, 5]] * 2}, "got NaN or infinity in 2 rows"),
        (
            {"image": np.zeros((2, 5)), "text": np.full((2, 7), np.nan)},
            "an item must have at least one collection, got 2 rows that have none",
        ),
    ],
)
def test_bad_rows_are_refused_in_a_sentence(codebook, changed, message):
    given_ = {"image": np.ones((2, 5)), "text": np.ones((2, 7)), **changed}
    given_ = {name: x for name, x in given_.items() if x is not None}
    with pytest.raises((InputError, ShapeError), match=message):
        encode(given_, codebook)


def test_one_array_is_refused_for_several_collections(codebook):
    with pytest.raises(ShapeError, match="must be a mapping of image, text to arrays"):
        encode(np.ones((2, 12)), codebook)


def test_no_rows_give_no_sids(codebook):
    empty = {name: np.zeros((0, dim)) for name, dim in DIMS.items()}
    assert encode(empty, codebook).shape == (0,)


def test_parts_that_do_not_fit_are_refused(codebook):
    fusion = codebook.fusion
    for changed, message in (
        ({"branches": {}}, "branches and decoders must be those of the collections"),
        ({"trunk": ()}, "a branch must have 6 outputs"),
        ({"trunk": fusion.trunk[:1] * 2}, "the trunk must lead to 6 values"),
        ({"decoders": {"text": fusion.decoders["text"]}}, "branches and decoders must be"),
    ):
        with pytest.raises(SpecError, match=message):
            dataclasses.replace(codebook, fusion=dataclasses.replace(fusion, **changed))
    with pytest.raises(SpecError, match="must sum to less than 134217728"):
        Affine(np.full((1, 2), 2**26), 0, [0])


@given(
    st.integers(1, 9),
    st.integers(1, 40),
    st.floats(1e-6, 1e6),
    st.integers(0, 2**32 - 1),
)
def test_a_rounded_layer_is_within_half_a_unit_and_exact(n_out, n_in, size, seed):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((n_out, n_in)) * size
    layer = Affine.rounded(W, np.zeros(n_out))
    assert np.abs(np.ldexp(layer.weight.astype(float), layer.exponent) - W).max() <= np.ldexp(
        0.5, layer.exponent
    )
    a = rng.integers(-(2**26), 2**26, (3, n_in)).astype(np.float64)
    exact = [
        [sum(int(w) * int(x) for w, x in zip(row, b, strict=True)) for row in layer.weight]
        for b in a
    ]
    assert (a @ layer.weight.T.astype(np.float64)).astype(object).tolist() == exact
    assert layer.exponent == 0 or np.abs(layer.weight).sum(axis=1).max() >= 2**24


def test_a_head_predicts_by_softmax_over_digits(codebook):
    sids = encode(rows(25), codebook)
    head = codebook.fusion.heads["colour"]
    logits = digits_of(sids, codebook) @ head.weight + head.bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(sids, codebook, "colour"), expected, rtol=1e-6)
    with pytest.raises(InputError, match=r"category must be .* got 'color': did you mean 'colour'"):
        predict(sids, codebook, "color")


def test_a_category_is_measured_as_by_hand(codebook):
    sids = encode(rows(25), codebook)
    P = predict(sids, codebook, "shelf")
    truth = np.arange(25) % 2
    found = measure_category(sids, truth, codebook, "shelf")
    assert found.n_items == 25
    assert found.accuracy == pytest.approx(np.mean([P[i].argmax() == truth[i] for i in range(25)]))
    by_hand = np.mean([-np.log(P[i, truth[i]]) for i in range(25)])
    assert found.cross_entropy == pytest.approx(by_hand)
    assert found.prior == pytest.approx(-(13 / 25 * np.log(13 / 25) + 12 / 25 * np.log(12 / 25)))
    soft = measure_category(sids, np.eye(2)[truth], codebook, "shelf")
    assert soft == found

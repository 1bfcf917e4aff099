import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from codebook_samples import STAGES, clustered

from semantic_ids.codebook import (
    Codebook,
    CodebookSpec,
    bytes_to_sids,
    decode,
    decode_tables,
    digit_tables,
    digits_of,
    encode,
    fit,
    null_sid,
    sids_of,
    sids_to_bytes,
)
from semantic_ids.codebook.decoder import reconstruct
from semantic_ids.codebook.grid import to_grid, to_wide_grid
from semantic_ids.errors import InputError, ShapeError, SpecError

VECTORS = Path(__file__).parents[3] / "docs" / "sid_vectors.json"
GOLDEN = json.loads(VECTORS.read_text())["codebooks"]


def by_hand():
    """Two ternary digits along the axes of a plane: v_0 = (4, 0), v_1 = (0, 2)."""
    return Codebook(
        CodebookSpec([{"ternary": 2}], sweeps=0),
        {"embedding": 2},
        mean=np.array([1, 1], np.float32),
        basis=np.array([[4, 0], [0, 2]]),
        x_exponent=0,
        basis_exponent=0,
    )


def test_digits_by_hand():
    vectors = [[1, 1], [5, 3], [-3, 0], [3, 1], [3.6, -1]]
    digits = digits_of(encode(vectors, by_hand()), by_hand())
    # (3, 1) is half-way between the digits 0 and 1: the tie goes to zero, and so does (-3, 0).
    assert digits.tolist() == [[0, 0], [1, 1], [-1, 0], [0, 0], [1, -1]]


def test_decode_by_hand():
    sids = bytes_to_sids(np.array([[4], [8], [0]], np.uint8), 1)
    assert decode(sids, by_hand()).tolist() == [[1, 1], [5, 3], [-3, -1]]


def test_a_wide_beam_finds_the_nearest_of_all_codes():
    rng = np.random.default_rng(0)
    spec = CodebookSpec([{"centroids": 5}, {"ternary": 2}, {"centroids": [2, 3]}], beam=5 * 9 * 6)
    basis = rng.integers(-300, 300, (5 + 2 + 5, 4))
    codebook = Codebook(spec, {"e": 4}, np.zeros(4, np.float32), basis, 0, 0)
    vectors = rng.integers(-500, 500, (50, 4)).astype(np.float32)
    values = [range(byte.n_values) for byte in codebook.layout]
    every = np.array(list(itertools.product(*values)), np.uint8)
    distances = ((vectors[:, None] - reconstruct(every, codebook)) ** 2).sum(axis=2)
    nearest = bytes_to_sids(every[distances.argmin(axis=1)], codebook.width)
    assert np.array_equal(encode(vectors, codebook), nearest)


def test_the_sid_of_a_row_is_its_own(codebook, vectors):
    sids = encode(vectors, codebook)
    for size in (1, 7, 64):
        parts = [encode(vectors[i : i + size], codebook) for i in range(0, len(vectors), size)]
        assert np.array_equal(np.concatenate(parts), sids)
    order = np.random.default_rng(1).permutation(len(vectors))
    assert np.array_equal(encode(vectors[order], codebook), sids[order])


@pytest.mark.parametrize("threads", ["1", "2"])
def test_golden_sids_whatever_the_threads(threads):
    script = "from test_encode import check_golden; check_golden()"
    env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    subprocess.run([sys.executable, "-c", script], check=True, env=env, cwd=Path(__file__).parent)


def check_golden():
    for case in GOLDEN:
        assert encode(golden_vectors(case), golden_codebook(case)).tolist() == case["sids"]


def golden_codebook(case):
    return Codebook(
        CodebookSpec.from_dict(case["spec"]),
        case["collections"],
        np.array(case["mean"], np.float32),
        np.array(case["basis"]),
        case["x_exponent"],
        case["basis_exponent"],
    )


def golden_vectors(case):
    return np.array(case["vectors_int"], np.float32) * np.float32(case["vectors_scale"])


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["spec"]["stages"]))
def test_golden_codebooks_keep_their_id(case):
    assert golden_codebook(case).codebook_id == case["codebook_id"]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: str(case["spec"]["stages"]))
def test_golden_sids_decode_to_golden_vectors(case):
    decoded = decode(case["sids"], golden_codebook(case))
    assert [row.tobytes().hex() for row in decoded.astype("<f4")] == case["decoded_hex"]


def test_products_on_the_grid_are_exact():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 4000)).astype(np.float32)
    x_int, inside = to_grid(x, np.zeros(4000, np.float32), -5)
    v_int = np.rint(4000 * np.linalg.qr(rng.standard_normal((4000, 60)))[0].T)
    assert inside.all()
    assert np.abs(x_int).max() > 100
    products = x_int @ v_int.T.astype(np.float32)
    assert np.array_equal(products, x_int.astype(np.int64) @ v_int.T.astype(np.int64))


def test_rows_beyond_the_norm_bound_have_the_same_integers():
    x = np.array([[4095, 0], [4096, 0], [3000, 3000]], np.float32)
    x_int, inside = to_grid(x, np.zeros(2, np.float32), 0)
    assert inside.tolist() == [True, False, False]
    assert np.array_equal(to_wide_grid(x, np.zeros(2, np.float32), 0), x)
    assert not x_int[1:].any()


@pytest.mark.parametrize("factor", [1e2, 1e6, 1e12, 1e30])
def test_rows_of_any_norm_have_a_sid_that_depends_on_nothing_else(codebook, vectors, factor):
    far = (vectors * np.float32(factor)).astype(np.float32)
    mixed = np.where(np.arange(len(far))[:, None] % 3 == 0, far, vectors)
    sids = encode(mixed, codebook)
    assert np.array_equal(sids[::3], encode(far[::3], codebook))
    assert np.array_equal(sids[1::3], encode(vectors[1::3], codebook))
    assert np.isfinite(decode(sids, codebook)).all()


def test_decode_is_the_sum_of_table_rows(codebook, vectors):
    sids = encode(vectors, codebook)
    T, symbols = decode_tables(codebook), sids_to_bytes(sids, codebook.width)
    x_hat = codebook.mean + sum(T[j, symbols[:, j]] for j in range(codebook.width))
    np.testing.assert_allclose(decode(sids, codebook), x_hat, rtol=1e-6, atol=1e-6)


def test_digits_are_the_sum_of_digit_table_rows(codebook, vectors):
    sids = encode(vectors, codebook)
    E, symbols = digit_tables(codebook), sids_to_bytes(sids, codebook.width)
    digits = sum(E[j, symbols[:, j]] for j in range(codebook.width))
    assert E.shape == (codebook.width, 256, codebook.n_digits)
    assert np.array_equal(digits_of(sids, codebook), digits)


@pytest.mark.parametrize("stages", ["ternary", "ternary and binary"])
def test_digits_give_back_their_sids(vectors, stages):
    codebook = fit(vectors, CodebookSpec(STAGES[stages], rounds=0))
    sids = encode(vectors, codebook)
    assert np.array_equal(sids_of(digits_of(sids, codebook), codebook), sids)
    digits = digits_of(sids[:3], codebook).astype(float)
    with pytest.raises(ShapeError, match=rf"shape \(n, {codebook.n_digits}\), got \(3, 2\)"):
        sids_of(digits[:, :2], codebook)
    for kind, wrong in ((codebook.layout[-1].kind, 2), ("ternary", 0.5)):
        digits[1, 0 if kind == "ternary" else -1] = wrong
        with pytest.raises(InputError, match=f"{kind} digits must be in .*, got {wrong}"):
            sids_of(digits, codebook)


def test_digits_alone_give_no_sid_of_centroids():
    spec = CodebookSpec([{"centroids": 2}, {"ternary": 1}])
    codebook = Codebook(spec, {"e": 1}, np.zeros(1), np.zeros((3, 1)), 0, 0)
    with pytest.raises(SpecError, match="stages of digits only"):
        sids_of([[1]], codebook)


def test_the_null_sid_decodes_to_the_mean(codebook):
    null = null_sid(codebook.width)
    assert np.array_equal(decode([null], codebook)[0], codebook.mean)
    assert null not in encode(clustered(2000, 24, seed=5), codebook)


def test_an_unassigned_symbol_is_refused():
    with pytest.raises(InputError, match="byte 0 of a SID must be below 9, got 9"):
        decode([9], by_hand())


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8])
def test_other_dtypes_are_read_as_float32(codebook, dtype):
    vectors = (10 * np.abs(clustered(20, 24))).astype(dtype)
    assert np.array_equal(encode(vectors, codebook), encode(vectors.astype(np.float32), codebook))


def test_any_memory_layout_gives_the_same_and_is_left_alone(codebook, vectors):
    expected = encode(vectors, codebook)
    wide = np.repeat(vectors, 2, axis=1)
    frozen = vectors.copy()
    frozen.flags.writeable = False
    for view in (np.asfortranarray(vectors), wide[:, ::2], frozen):
        assert np.array_equal(encode(view, codebook), expected)
    assert np.array_equal(frozen, vectors)


def test_no_rows_give_no_sids(codebook):
    sids = encode(np.empty((0, 24), np.float32), codebook)
    assert sids.shape == (0,)
    assert sids.dtype == np.int64
    assert decode(sids, codebook).shape == (0, 24)
    assert digits_of([], codebook).shape == (0, codebook.n_digits)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_values_that_are_not_finite_are_refused(codebook, vectors, bad):
    broken = vectors.astype(np.float64)
    broken[3, 5] = bad
    with pytest.raises(InputError, match="finite in float32, got NaN or infinity in 1 rows"):
        encode(broken, codebook)


def test_masked_values_are_refused(codebook, vectors):
    with pytest.raises(InputError, match="no masked values"):
        encode(np.ma.array(vectors, mask=vectors > 1), codebook)
    unmasked = np.ma.array(vectors)
    assert np.array_equal(encode(unmasked, codebook), encode(vectors, codebook))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 7)), r"vectors must have shape \(n, 24\), got \(4, 7\)"),
        (np.zeros(24), r"got \(24,\)"),
        (np.zeros((2, 24), complex), "real numbers, got dtype complex128"),
        (np.full((2, 24), "a"), "real numbers, got dtype <U1"),
        ([[1, 2], [3]], "rows of one length"),
        (None, r"got \(\)"),
    ],
)
def test_wrong_shapes_and_dtypes_are_refused(codebook, wrong, message):
    with pytest.raises(ShapeError, match=message):
        encode(wrong, codebook)

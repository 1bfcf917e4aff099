import numpy as np
import pytest
from codebook_samples import STAGES, clustered
from sklearn.decomposition import PCA

from semantic_ids.codebook import CodebookSpec, decode, encode, error_curve, fit, relative_error
from semantic_ids.codebook.initial import fit_centroids, fit_directions, sign, ternary
from semantic_ids.codebook.layout import lay_out
from semantic_ids.codebook.least_squares import Equations, Sums, by_energy, solve
from semantic_ids.codebook.sample import CHUNK_ROWS, MAX_INITIAL, MAX_VALIDATION, Sample
from semantic_ids.errors import InputError, ShapeError, SpecError

TERNARY = CodebookSpec([{"ternary": 5}])


def test_real_coefficients_span_the_principal_components():
    rows = clustered(500, 12)
    pca = PCA(4).fit(rows)
    V = fit_directions(
        (rows - rows.mean(axis=0)).astype(np.float32), 4, quantise=lambda coefficients: coefficients
    )
    Q, _ = np.linalg.qr(V.T)
    cosines = np.linalg.svd(pca.components_ @ Q, compute_uv=False)
    np.testing.assert_allclose(cosines, 1, atol=1e-5)


@pytest.mark.parametrize("quantise", [ternary, sign])
def test_one_direction_by_hand(quantise):
    R = np.array([[2, 0], [-2, 0], [2, 0.5], [-2, -0.5]], np.float32)
    V = fit_directions(R, 1, quantise=quantise)
    assert np.abs(V).tolist() == [[2, 0.25]]
    assert np.abs(R).tolist() == [[0, 0.25]] * 4


def test_directions_are_sorted_by_the_energy_that_they_take_off(vectors):
    codebook = fit(vectors, CodebookSpec([{"ternary": 12}], rounds=3))
    curve = error_curve(vectors, codebook)
    assert (np.diff(curve) < 0).all()


def test_centroids_of_separate_clusters_are_their_means():
    rng = np.random.default_rng(0)
    centres = np.array([[10, 0], [0, 10], [-10, -10]], np.float32)
    labels = np.arange(300) % 3
    R = centres[labels] + 0.1 * rng.standard_normal((300, 2)).astype(np.float32)
    means = [R[labels == k].mean(axis=0) for k in range(3)]
    V = fit_centroids(R, 3, rng)
    order = [int(((V - mean) ** 2).sum(axis=1).argmin()) for mean in means]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(V[order], means, atol=1e-5)


def test_one_centroid_byte_without_refinement_is_k_means(vectors):
    codebook = fit(vectors, CodebookSpec([{"centroids": 16}], beam=1, sweeps=0, rounds=0))
    x_hat = codebook.mean + np.ldexp(codebook.basis.astype(float), codebook.basis_exponent)
    nearest = ((vectors[:, None] - x_hat) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == encode(vectors, codebook)).mean() > 0.998  # the rest are ties of the grid


def test_least_squares_without_noise_is_that_of_all_rows_at_once():
    rng = np.random.default_rng(0)
    stages = [{"centroids": 16}, {"ternary": 1}, {"centroids": [4, 3, 2]}, {"binary": 1}]
    layout = lay_out(CodebookSpec(stages).stages)
    n_rows = layout[-1].rows.stop
    symbols = np.stack([rng.integers(0, byte.n_values, 4000) for byte in layout], axis=1)
    symbols = symbols.astype(np.uint8)
    B = np.concatenate([byte.design[symbols[:, j]] for j, byte in enumerate(layout)], axis=1)
    X = (B @ rng.standard_normal((n_rows, 3))).astype(np.float32)
    sums = Sums(layout, 3)
    for part in np.array_split(np.arange(4000), 3):
        sums.add(X[part], symbols[part])
    equations = sums.equations()
    assert np.array_equal(equations.H, B.T.astype(int) @ B)
    np.testing.assert_allclose(equations.S, B.T @ X.astype(float), atol=1e-6)
    V = rng.standard_normal((n_rows, 3))
    for _ in range(40):
        previous, V = V, solve(V, equations, layout, sigma2=np.zeros(3), rng=rng)
    errors = [float(((X - B @ basis) ** 2).mean()) for basis in (previous, V)]
    assert errors[1] <= errors[0] * (1 + 1e-6)  # it has converged to rounding
    assert errors[0] < 0.05 * float((X**2).mean())


def test_equations_average_with_those_of_earlier_rounds():
    new, old = (Equations(np.full((2, 2), x), np.full((2, 3), -x)) for x in (1.0, 2.0))
    averaged = new.averaged(old, 0.25)
    np.testing.assert_allclose(averaged.H, 1.25)
    np.testing.assert_allclose(averaged.S, -1.25)


def test_digits_and_their_equations_are_put_in_order_of_energy():
    rng = np.random.default_rng(0)
    layout = CodebookSpec([{"centroids": 3}, {"ternary": 7}]).layout
    B = np.concatenate([np.eye(3)[rng.integers(0, 3, 90)], rng.integers(-1, 2, (90, 7))], axis=1)
    V, X = rng.standard_normal((10, 4)), rng.standard_normal((90, 4))
    equations = Equations(B.T @ B, B.T @ X)
    order = by_energy(V, equations.H.diagonal(), layout)
    assert order[:3].tolist() == [0, 1, 2]
    energies = (equations.H.diagonal() * (V**2).sum(axis=1))[order]
    assert (np.diff(energies[3:]) <= 0).all()
    permuted = equations.permuted(order)
    assert np.array_equal(permuted.H, B[:, order].T @ B[:, order])
    np.testing.assert_allclose(permuted.S, B[:, order].T @ X)


def test_the_ridge_by_hand():
    layout = CodebookSpec([{"ternary": 1}]).layout
    equations = Equations(np.array([[4.0]]), np.array([[9.5]]))
    rng = np.random.default_rng(0)
    solved = solve(np.array([[2.0]]), equations, layout, sigma2=np.array([8.0]), rng=rng)
    # lambda' = 8 / 2^2 = 2, tau = 2^2 + 8 / (4 + 2) = 16 / 3, lambda = 0.5 * 8 / tau = 3 / 4
    np.testing.assert_allclose(solved, 9.5 / (4 + 3 / 4))


def test_centroids_without_rows_are_drawn_beside_the_busiest():
    layout = CodebookSpec([{"centroids": 4}]).layout
    V = np.array([[0.0, 0], [9, 9], [5, 5], [7, 7]])
    counts = np.array([60, 30, 10, 0])
    equations = Equations(np.diag(counts), counts[:, None] * V)
    sigma2 = np.full(2, 1e-8)
    solved = solve(V, equations, layout, sigma2=sigma2, rng=np.random.default_rng(0))
    np.testing.assert_allclose(solved[:3], V[:3], atol=1e-3)
    np.testing.assert_allclose(solved[3], V[0], atol=1e-2)


@pytest.mark.parametrize("stages", STAGES.values(), ids=STAGES)
def test_refinement_never_makes_held_out_rows_worse(stages):
    rows, held_out = clustered(700, 24), clustered(300, 24, seed=1)
    errors = [
        fit(rows, CodebookSpec(stages, rounds=rounds), validation=held_out).metrics["error_curve"]
        for rounds in (0, 4)
    ]
    assert errors[1][-1] <= errors[0][-1] + 1e-4


def test_fit_is_deterministic_and_follows_its_seed():
    rows, spec = clustered(300, 8), CodebookSpec(STAGES["mixed"], rounds=2)
    assert fit(rows, spec, seed=3) == fit(rows, spec, seed=3)
    assert fit(rows, spec, seed=3) != fit(rows, spec, seed=4)


def test_fit_leaves_its_input_alone_and_reads_any_layout(vectors):
    frozen = vectors.copy()
    frozen.flags.writeable = False
    expected = fit(vectors, TERNARY)
    assert fit(frozen, TERNARY) == expected
    assert fit(np.asfortranarray(vectors), TERNARY) == expected
    assert fit(vectors.astype(np.float64), TERNARY) == expected


def test_progress_tells_the_error_of_each_byte_and_round(vectors):
    told = []
    codebook = fit(
        vectors,
        CodebookSpec([{"ternary": 12}], rounds=2),
        progress=lambda step, error: told.append((step, error)),
    )
    assert [step for step, _ in told] == [
        "byte 1 of 3",
        "byte 2 of 3",
        "byte 3 of 3",
        "round 1 of 2",
        "round 2 of 2",
        "last round",
    ]
    assert min(error for _, error in told[2:]) == pytest.approx(
        codebook.metrics["error_curve"][-1], abs=0.02
    )


def test_where_rows_are_near_copies_the_round_without_noise_is_the_best():
    rng = np.random.default_rng(0)
    originals = rng.standard_normal((200, 24))
    rows = originals[rng.integers(200, size=800)] + 0.1 * rng.standard_normal((800, 24))
    told = []
    fit(
        rows,
        CodebookSpec([{"centroids": 16}] * 4, rounds=8),
        progress=lambda step, error: told.append(error),
    )
    assert told[-1] < 0.95 * min(told[:-1])


def test_a_constant_column_and_duplicates_are_no_trouble():
    rows = np.repeat(clustered(20, 6), 5, axis=0)
    rows[:, 2] = 7
    for stages in STAGES.values():
        if stages is not STAGES["centroids"]:
            codebook = fit(rows, CodebookSpec(stages, rounds=2))
            decoded = decode(encode(rows, codebook), codebook)
            np.testing.assert_allclose(decoded[:, 2], 7, atol=1e-4)
            assert relative_error(rows, decoded) < 0.5


def test_rows_without_variance_decode_to_themselves():
    rows = np.full((50, 4), 3, np.float32)
    for stages in ([{"ternary": 5}], [{"centroids": 4}, {"binary": 3}]):
        codebook = fit(rows, CodebookSpec(stages, rounds=1))
        assert np.array_equal(decode(encode(rows, codebook), codebook), rows)


def test_rounds_of_many_rows_read_more_and_more_of_them():
    n = 8 * MAX_INITIAL
    sample = Sample.of(np.ones((n, 1), np.uint8), np.arange(n) % 10 > 0)
    strides = [sample.stride(rounds_left=left) for left in range(6, 0, -1)]
    assert strides == [8, 8, 8, 4, 2, 1]
    read = [sum(map(len, sample.chunks(every=8, first=first))) for first in range(8)]
    assert sum(read) == sum(map(len, sample.chunks())) == n * 9 // 10
    assert min(read) > n // 11
    few = Sample.of(np.ones((100, 1), np.uint8), np.ones(100, np.bool_))
    assert few.stride(rounds_left=30) == 1


def test_many_validation_rows_choose_the_round_by_some_of_them(vectors):
    validation = clustered(3 * MAX_VALIDATION, 24, seed=1)
    codebook = fit(vectors, CodebookSpec([{"ternary": 12}], rounds=1), validation=validation)
    assert codebook.metrics["rows_held_out"] == MAX_VALIDATION
    curve = error_curve(validation, codebook)
    assert codebook.metrics["error_curve"] == pytest.approx(curve, abs=0.02)


def test_a_memory_map_is_fitted_as_its_rows_are(tmp_path):
    rows = clustered(3 * CHUNK_ROWS, 6)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert fit(mapped, TERNARY) == fit(rows, TERNARY)


def test_one_row_is_its_own_centroid():
    rows = np.arange(4, dtype=np.float32)[None]
    with pytest.raises(InputError, match="ternary: 5 needs at least as many rows, got 1"):
        fit(rows, TERNARY)
    codebook = fit(rows, CodebookSpec([{"ternary": 1}]))
    assert np.array_equal(decode(encode(rows, codebook), codebook), rows)


def test_more_digits_than_dimensions_refine_further():
    rows = clustered(400, 3)
    errors = [
        fit(rows, CodebookSpec([{"ternary": count}])).metrics["error_curve"][-1]
        for count in (3, 12)
    ]
    assert errors[1] < errors[0] / 4


@pytest.mark.parametrize(
    ("rows", "stages", "message"),
    [
        (20, [{"ternary": 30}], "ternary: 30 needs at least as many rows, got 18 and 2 held out"),
        (100, [{"centroids": 256}], "centroids: 256 needs at least as many rows, got 90"),
        (0, [{"ternary": 5}], "got 0"),
    ],
)
def test_too_few_rows_are_refused(rows, stages, message):
    with pytest.raises(InputError, match=message):
        fit(clustered(rows, 4), CodebookSpec(stages))


def test_wrong_vectors_are_refused(vectors):
    broken = vectors.copy()
    broken[-1, 0] = np.nan
    with pytest.raises(InputError, match="finite in float32"):
        fit(broken, TERNARY)
    with pytest.raises(InputError, match="finite in float32"):
        fit(vectors, TERNARY, validation=broken)
    with pytest.raises(InputError, match="validation must hold at least one row, got none"):
        fit(vectors, TERNARY, validation=vectors[:0])
    with pytest.raises(ShapeError, match=r"shape \(n, dim\), got \(24,\)"):
        fit(vectors[0], TERNARY)
    with pytest.raises(ShapeError, match=r"shape \(n, 24\), got \(700, 5\)"):
        fit(vectors, TERNARY, validation=vectors[:, :5])


@pytest.mark.parametrize("scale", [1e-25, 1e30])
def test_vectors_of_any_scale_are_fitted_alike(vectors, scale):
    errors = [
        fit(rows, CodebookSpec(STAGES["mixed"], rounds=1)).metrics["error_curve"][-1]
        for rows in (vectors, vectors * np.float32(scale))
    ]
    assert errors[1] == pytest.approx(errors[0], abs=0.02)


@pytest.mark.parametrize("scale", [1e-28, 1e-38, 1e-42])
def test_vectors_too_short_for_any_grid_are_refused(vectors, scale):
    rows = (vectors.astype(np.float64) * scale).astype(np.float32)
    with pytest.raises(InputError, match=r"vectors must be 2 \*\* -88 or more from their mean"):
        fit(rows, CodebookSpec(STAGES["mixed"], rounds=1))


def test_vectors_with_more_columns_than_covariances_fit_are_refused():
    rows = np.zeros((20, 2**14 + 1), np.float32)
    with pytest.raises(ShapeError, match=r"dim must be at most 16,384 to fit, .* got 16,385"):
        fit(rows, TERNARY)


def test_vectors_too_long_to_multiply_are_refused(vectors):
    with pytest.raises(InputError, match=r"within 2 \*\* 120 of their mean, got"):
        fit(vectors * np.float32(1e37), TERNARY)


@pytest.mark.parametrize("scale", [1e4, 1e6, 1e20, 1e30])
def test_a_few_rows_far_away_are_refused(vectors, scale):
    for n_far in (1, len(vectors) // 101):
        rows = np.concatenate([vectors, vectors[:n_far] * np.float32(scale)])
        message = rf"within 1,000 times their median .* got {n_far} of {len(rows):,} rows as far as"
        with pytest.raises(InputError, match=message):
            fit(rows, TERNARY)
        with pytest.raises(InputError, match=message):
            fit(vectors, TERNARY, validation=rows)


def test_many_rows_far_away_are_a_part_of_the_sample(vectors):
    rows = np.concatenate([vectors, vectors[:50] * np.float32(1e6)])
    codebook = fit(rows, CodebookSpec([{"centroids": 256}], rounds=2))
    assert relative_error(rows, decode(encode(rows, codebook), codebook)) < 0.5


def test_most_rows_may_be_the_same(vectors):
    rows = np.concatenate([np.zeros((3000, vectors.shape[1])), vectors[:20]])
    codebook = fit(rows, CodebookSpec([{"centroids": 16}], rounds=2))
    assert relative_error(rows, decode(encode(rows, codebook), codebook)) < 0.5


def test_one_row_far_away_among_few_is_no_trouble(vectors):
    rows = np.concatenate([vectors[:60], vectors[:1] * np.float32(1e6)])
    for stages in ([{"ternary": 12}], [{"centroids": 16}]):
        codebook = fit(rows, CodebookSpec(stages, rounds=2))
        assert np.isfinite(decode(encode(rows, codebook), codebook)).all()


def test_centroids_are_seeded_from_all_of_a_sorted_sample():
    R = np.repeat(np.arange(8, dtype=np.float32), 100)[:, None]
    assert sorted(fit_centroids(R, 8, np.random.default_rng(0)).ravel()) == list(range(8))


@pytest.mark.parametrize("wrong", [-1, 1.5, "a", None])
def test_a_wrong_seed_is_refused(vectors, wrong):
    with pytest.raises(InputError, match="seed must be a whole number of at least 0, got"):
        fit(vectors, TERNARY, seed=wrong)


def test_a_spec_is_no_dict(vectors):
    with pytest.raises(SpecError, match="spec must be a CodebookSpec, got dict"):
        fit(vectors, TERNARY.to_dict())


def test_relative_error_by_hand():
    assert relative_error([[0.0], [2.0]], [[0.0], [1.0]]) == 0.5
    assert relative_error([[1.0], [1.0]], [[1.0], [1.0]]) == 0
    assert relative_error([[1.0], [1.0]], [[1.0], [2.0]]) == np.inf
    with pytest.raises(InputError, match="finite"):
        relative_error([[0.0], [np.nan]], [[0.0], [1.0]])
    with pytest.raises(ShapeError, match=r"decoded must have shape \(2, 1\), got \(1, 1\)"):
        relative_error([[0.0], [2.0]], [[0.0]])


def test_the_error_curve_ends_at_the_relative_error(codebook, vectors):
    curve = error_curve(vectors, codebook)
    assert curve.shape == (codebook.width,)
    decoded = decode(encode(vectors, codebook), codebook)
    assert curve[-1] == pytest.approx(relative_error(vectors, decoded), rel=1e-5)

"""The promise of the SID format: a SID depends on its row and the codebook alone."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from codebook_samples import clustered

from semantic_ids.codebook import Codebook, CodebookSpec, encode
from semantic_ids.codebook.encoder import BLOCK_ROWS
from semantic_ids.codebook.grid import to_grid
from semantic_ids.codebook.tables import search_tables
from semantic_ids.errors import InputError

N_ROWS, DIM = 100_000, 48
STAGES = {
    "digits": [{"ternary": 25}],
    "bytes": [{"centroids": 64}, {"centroids": [16, 16]}, {"ternary": 4}],
}


def drawn_codebook(stages):
    """A codebook that no fit, and so no BLAS, has had a hand in."""
    spec = CodebookSpec(STAGES[stages], beam=1 if stages == "digits" else 2)
    n_rows = spec.layout[-1].rows.stop
    basis = np.random.default_rng(0).integers(-300, 300, (n_rows, DIM))
    return Codebook(spec, {"e": DIM}, np.full(DIM, 0.1, np.float32), basis, -9, -12)


@pytest.fixture(scope="module")
def rows():
    return all_rows()


def all_rows():
    """Rows of which some are beyond the norm bound and some lie on the grid, where ties are."""
    rows = clustered(N_ROWS, DIM, seed=3)
    rows[::97] *= 40
    rows[::5] = np.rint(rows[::5] * 2**4) / 2**4
    return rows


@pytest.fixture(scope="module")
def expected(rows):
    return {stages: encode(rows, drawn_codebook(stages)) for stages in STAGES}


def fingerprint(sids):
    return hashlib.sha256(sids.tobytes()).hexdigest()


@pytest.mark.parametrize("stages", STAGES)
def test_sids_do_not_depend_on_batches_or_threads(rows, expected, stages):
    codebook = drawn_codebook(stages)
    _, inside = to_grid(rows, codebook.mean, codebook.x_exponent)
    assert 0.9 < inside.mean() < 0.999
    for threads, size, n in ((2, N_ROWS, N_ROWS), (1, 1000, N_ROWS), (1, 7, 7000), (1, 1, 2000)):
        parts = [encode(rows[i : i + size], codebook, threads=threads) for i in range(0, n, size)]
        assert np.array_equal(np.concatenate(parts), expected[stages][:n]), f"batches of {size}"
    part = encode(rows[: 3 * BLOCK_ROWS + 1], codebook, threads=2)
    assert np.array_equal(part, expected[stages][: len(part)])


@pytest.mark.parametrize(
    ("core", "threads"), [("Prescott", "1"), ("Haswell", "2"), (None, "2")], ids=str
)
def test_sids_do_not_depend_on_the_code_path_of_the_blas(expected, core, threads):
    script = """
from test_determinism import STAGES, all_rows, drawn_codebook, encode, fingerprint
rows = all_rows()
print(*(fingerprint(encode(rows, drawn_codebook(stages))) for stages in STAGES))
"""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    env |= {"OPENBLAS_CORETYPE": core} if core else {}
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env=env,
        cwd=Path(__file__).parent,
    )
    assert done.stdout.split() == [fingerprint(sids) for sids in expected.values()]


@pytest.mark.parametrize("stages", STAGES)
def test_another_blas_gives_the_same_products(rows, stages):
    torch = pytest.importorskip("torch", reason="torch is an optional package")
    codebook = drawn_codebook(stages)
    basis = search_tables(codebook).basis
    x_int, _ = to_grid(rows, codebook.mean, codebook.x_exponent)
    products = torch.from_numpy(x_int) @ torch.from_numpy(basis).T
    assert np.array_equal(products.numpy(), x_int @ basis.T)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, None])
def test_threads_are_a_whole_number(rows, threads):
    with pytest.raises(InputError, match="threads must be a whole number of at least 1, got"):
        encode(rows[:2], drawn_codebook("digits"), threads=threads)

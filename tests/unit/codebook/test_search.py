"""The compiled searches against the numpy ones."""

import numpy as np
import pytest
from codebook_samples import STAGES, clustered

from semantic_ids.codebook import CodebookSpec, fit, reference
from semantic_ids.codebook.kernels import search_digits, search_symbols
from semantic_ids.codebook.tables import search_tables, wide_search_tables


def whole_products(codebook, n=300):
    """Products of small whole numbers: most rows meet a tie somewhere."""
    rng = np.random.default_rng(4)
    x_int = np.rint(8 * rng.standard_normal((n, codebook.dim)))
    return (x_int @ search_tables(codebook).basis.T).astype(np.float32)


@pytest.fixture(params=["int32", "int64"])
def costs(request):
    return request.param


def tables_of(codebook, costs):
    tables = search_tables(codebook)
    assert tables.gram.dtype == np.int32
    return tables if costs == "int32" else wide_search_tables(codebook)


@pytest.mark.parametrize("sweeps", [0, 1, 3])
@pytest.mark.parametrize("stages", ["ternary", "ternary and binary"])
def test_digits_are_those_of_the_reference(stages, sweeps, costs):
    codebook = fit(np.rint(clustered(300, 24)), CodebookSpec(STAGES[stages], rounds=0))
    P = whole_products(codebook)
    expected = reference.search_digits(P, search_tables(codebook), sweeps)
    assert np.array_equal(search_digits(P, tables_of(codebook, costs), sweeps), expected)


@pytest.mark.parametrize(("beam", "sweeps"), [(1, 0), (1, 2), (4, 2), (9, 1)])
@pytest.mark.parametrize("stages", ["centroids", "mixed"])
def test_symbols_are_those_of_the_reference(stages, beam, sweeps, costs):
    codebook = fit(np.rint(clustered(300, 24)), CodebookSpec(STAGES[stages], rounds=0))
    P = whole_products(codebook)
    tables = tables_of(codebook, costs)
    expected = reference.search_symbols(P, tables, codebook.layout, beam, sweeps)
    assert np.array_equal(search_symbols(P, tables, beam, sweeps), expected)

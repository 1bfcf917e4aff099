import pytest
from codebook_samples import STAGES, clustered

from semantic_ids.codebook import CodebookSpec, fit


@pytest.fixture(scope="session")
def vectors():
    return clustered(700, 24)


@pytest.fixture(scope="session", params=STAGES, ids=STAGES)
def codebook(request, vectors):
    return fit(vectors, CodebookSpec(STAGES[request.param], rounds=2))

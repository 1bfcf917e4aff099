import numpy as np
import pytest
from codebook_samples import clustered
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from semantic_ids import DiscretePCA
from semantic_ids.codebook import CodebookSpec, encode, fit, relative_error
from semantic_ids.errors import InputError, ShapeError, SpecError


@parametrize_with_checks(
    [DiscretePCA(rounds=1, random_state=0), DiscretePCA(output="sids", rounds=1)]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_digits_and_sids_are_those_of_the_codebook():
    rows = clustered(300, 10)
    for output, shape in (("digits", (300, 7)), ("sids", (300, 1))):
        estimator = DiscretePCA(7, output=output, random_state=0)
        transformed = estimator.fit_transform(rows)
        assert transformed.shape == shape
        assert estimator.get_feature_names_out()[0] == "discretepca0"
        decoded = estimator.inverse_transform(transformed)
        assert estimator.score(rows) == pytest.approx(1 - relative_error(rows, decoded))
    assert np.array_equal(transformed[:, 0], encode(rows, estimator.codebook_))


def test_stages_of_centroids_give_sids():
    rows = clustered(300, 10)
    stages = [{"centroids": 16}, {"ternary": 5}]
    estimator = DiscretePCA(stages=stages, output="sids", random_state=0).fit(rows)
    assert estimator.inverse_transform(estimator.transform(rows)).shape == rows.shape
    with pytest.raises(SpecError, match="output must be 'sids' for stages of centroids"):
        DiscretePCA(stages=stages).fit(rows)
    estimator.set_params(output="digits")
    for method in (estimator.transform, estimator.inverse_transform):
        with pytest.raises(SpecError, match="output must be 'sids' for stages of centroids"):
            method(rows)


def test_it_works_in_a_pipeline():
    rows = clustered(300, 10)
    pipeline = make_pipeline(PCA(6, random_state=0), DiscretePCA(12, random_state=0))
    assert pipeline.fit_transform(rows).shape == (300, 12)
    assert 0.3 < pipeline.score(rows) < 1


def test_wrong_parameters_are_refused():
    rows = clustered(50, 4)
    with pytest.raises(InputError, match="output must be 'digits' or 'sids', got 'codes'"):
        DiscretePCA(output="codes").fit(rows)
    with pytest.raises(SpecError, match="ternary must be whole numbers of at least 1, got 0"):
        DiscretePCA(0).fit(rows)
    with pytest.raises(InputError, match=r"ternary digits must be in .*, got 0.5"):
        DiscretePCA(3).fit(rows).inverse_transform([[0.5, 0, 0]])
    with pytest.raises(SpecError, match="either n_digits or stages"):
        DiscretePCA(3, stages=[{"ternary": 3}]).fit(rows)
    with pytest.raises(ShapeError, match=r"X must have shape \(n, 3\), got \(2, 4\)"):
        DiscretePCA(3).fit(rows).inverse_transform(np.zeros((2, 4)))


def test_the_same_seed_gives_the_codebook_of_fit():
    rows = clustered(100, 4)
    again = [DiscretePCA(5, random_state=3).fit(rows).codebook_ for _ in range(2)]
    assert again[0] == again[1]
    assert again[0].spec == fit(rows, CodebookSpec([{"ternary": 5}])).spec

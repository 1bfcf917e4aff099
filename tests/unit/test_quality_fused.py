"""What an audit asks a fused codebook's heads: classes by name, and what they cannot be asked."""

import numpy as np
import pyarrow as pa

from semantic_ids.codebook import Head
from semantic_ids.spark.quality_fused import targets_of


def head_of(*classes):
    return Head(classes, np.zeros((3, len(classes))), np.zeros(len(classes)))


def test_classes_have_their_places_and_unseen_ones_are_counted():
    column = pa.array(["red", None, "mauve", "blue", "red"])
    targets, n_unseen = targets_of(head_of("blue", "red"), column)
    assert targets.tolist() == [1, -1, -1, 0, 1]
    assert n_unseen == 1
    targets, n_unseen = targets_of(head_of(3, 5), pa.array([5, 4, 3, None]))
    assert targets.tolist() == [1, -1, 0, -1]
    assert n_unseen == 1


def test_probabilities_stay_as_they_are_and_others_are_counted():
    column = pa.array([[0.25, 0.75], None, [1.0], [0.5, None]], pa.list_(pa.float64()))
    targets, n_unseen = targets_of(head_of(0, 1), column)
    assert targets[0].tolist() == [0.25, 0.75]
    assert np.isnan(targets[1:]).all()
    assert n_unseen == 2

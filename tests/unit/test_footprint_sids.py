"""How long a decoded vector is, as far as the codebook tells."""

import numpy as np

from semantic_ids.codebook import CodebookSpec, fit
from semantic_ids.spark.footprint_sids import ComparedSids


def test_the_codebook_tells_the_length_of_its_collection_and_of_no_other():
    vectors = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    codebook = fit(vectors, CodebookSpec([{"ternary": 5}], rounds=0), collection="text")
    compared = ComparedSids(codebook.codebook_id, codebook.width, codebook)
    assert compared.dim_of("text") == compared.dim_of(None) == 6
    assert compared.dim_of("image") is None
    assert ComparedSids(None, 5, None).dim_of(None) is None

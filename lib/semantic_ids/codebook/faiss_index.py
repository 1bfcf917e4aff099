"""A codebook as a faiss index, for those who search with faiss."""

from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook
from semantic_ids.codebook.decoder import decode_tables
from semantic_ids.codebook.wire import assigned_symbols
from semantic_ids.errors import InputError


def to_faiss(codebook: Codebook, sids: npt.ArrayLike = ()) -> Any:
    """Return a faiss ``IndexResidualQuantizer`` that holds SIDs.

    Its codes are the bytes of the SIDs and its distances those of ``distances``, to the rounding of
    float32, whatever the kinds of bytes: faiss sees ``width`` tables of 256 rows, the mean added to
    the first. Add SIDs here or by ``index.add_sa_codes(sids_to_bytes(sids, width))``.
    ``index.add(vectors)`` would run faiss's own search, which does not give our SIDs.

    Parameters
    ----------
    sids : array_like of shape (n,), integers

    Raises
    ------
    InputError
        If a SID is null or has a symbol that the codebook never assigns.
    ModuleNotFoundError
        If faiss is not installed.
    """
    import faiss  # optional: pip install faiss-cpu

    symbols, is_null = assigned_symbols(sids, codebook.layout)
    if is_null.any():
        raise InputError(f"sids must not be null, got {int(is_null.sum())} null SIDs")
    T = decode_tables(codebook)
    T[0] += codebook.mean
    for j, byte in enumerate(codebook.layout):
        T[j, byte.n_values :] = T[j, 0]
    index = faiss.IndexResidualQuantizer(codebook.dim, codebook.width, 8, faiss.METRIC_L2)
    faiss.copy_array_to_vector(T.ravel(), index.rq.codebooks)
    index.rq.max_beam_size = codebook.spec.beam
    index.rq.is_trained = index.is_trained = True
    index.add_sa_codes(np.ascontiguousarray(symbols))
    return index

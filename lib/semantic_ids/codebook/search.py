"""Asymmetric distances: a vector against SIDs, by one look-up per byte."""

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray64
from semantic_ids.codebook.decoder import decode_tables
from semantic_ids.codebook.layout import VALUES
from semantic_ids.codebook.stage import is_integer
from semantic_ids.codebook.vectors import check_finite, check_vectors, to_float32
from semantic_ids.codebook.wire import ByteArray, SidArray, assigned_symbols
from semantic_ids.errors import InputError, ShapeError


class SIDIndex:
    """SIDs ready to be searched: exact, by ``width`` look-ups an item and query.

    ``|x - x_hat|^2 = |x - mean|^2 + |sum_j T_j|^2 - 2 sum_j <x - mean, T_j>``: the second term is
    computed here, once per item, and the third is a look-up per byte.

    Parameters
    ----------
    sids : array_like of shape (n,), integers
        A null SID is infinitely far from everything.
    codebook : Codebook

    Notes
    -----
    Takes 16 bytes an item.
    """

    def __init__(self, sids: npt.ArrayLike, codebook: Codebook) -> None:
        symbols, is_null = assigned_symbols(sids, codebook.layout)
        self._mean = codebook.mean
        self._tables = decode_tables(codebook).astype(np.float64)
        self._sids = np.array(sids, np.int64)
        self._norms = _squared_norms(symbols, self._tables)
        self._norms[is_null] = np.inf

    def __len__(self) -> int:
        return len(self._sids)

    def distances(self, query: npt.ArrayLike) -> FloatArray64:
        """Return the squared distances of one vector to the reconstruction of every SID.

        Parameters
        ----------
        query : array_like of shape (dim,), real

        Returns
        -------
        ndarray of shape (n,), float64
        """
        from semantic_ids.codebook import lookup  # numba: slow to import

        distances: FloatArray64 = lookup.look_up(self._sids, self._norms, self._lookups(query))
        return distances

    def nearest(self, query: npt.ArrayLike, k: int) -> tuple[FloatArray64, SidArray]:
        """Return the k smallest squared distances to a vector, and where in `sids` they are.

        Parameters
        ----------
        query : array_like of shape (dim,), real
        k : int
            At least 1; fewer come back where there are fewer SIDs.

        Returns
        -------
        distances : ndarray of shape (k,), float64
            In rising order; ties go to the lower position.
        positions : ndarray of shape (k,), int64
        """
        from semantic_ids.codebook import lookup  # numba: slow to import

        if not is_integer(k, least=1):
            raise InputError(f"k must be a whole number of at least 1, got {k!r}")
        distances, positions = lookup.look_up_nearest(
            self._sids, self._norms, self._lookups(query), min(k, len(self))
        )
        return distances, positions

    def _lookups(self, query: npt.ArrayLike) -> FloatArray64:
        """Return ``|x - mean|^2 / width - 2 <x - mean, T>``, shape (width, 256)."""
        x = np.asarray(query)
        if x.shape != self._mean.shape:
            raise ShapeError(f"query must have shape {self._mean.shape}, got {x.shape}")
        rows = to_float32(check_vectors(x[None]))
        check_finite(rows)
        centred = rows[0].astype(np.float64) - self._mean
        T = self._tables
        return np.asarray(centred @ centred / len(T) - 2 * (T @ centred))


def distances(query: npt.ArrayLike, sids: npt.ArrayLike, codebook: Codebook) -> FloatArray64:
    """Return the squared distances of a vector to SIDs; for many queries see ``SIDIndex``."""
    return SIDIndex(sids, codebook).distances(query)


def nearest(
    query: npt.ArrayLike, sids: npt.ArrayLike, codebook: Codebook, k: int
) -> tuple[FloatArray64, SidArray]:
    """Return the k nearest SIDs to a vector; for many queries see ``SIDIndex``."""
    return SIDIndex(sids, codebook).nearest(query, k)


def squared_norms(sids: npt.ArrayLike, codebook: Codebook) -> FloatArray64:
    """Return ``|x_hat - mean|^2`` of SIDs, exact: whole multiples of ``4 ** basis_exponent``.

    Parameters
    ----------
    sids : array_like of shape (n,), integers

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    InputError
        As ``decode`` does.
    """
    symbols, is_null = assigned_symbols(sids, codebook.layout)
    norms = _squared_norms(symbols, decode_tables(codebook).astype(np.float64))
    norms[is_null] = 0
    return norms


def _squared_norms(symbols: ByteArray, tables: FloatArray64) -> FloatArray64:
    """Return ``|sum_j T_j|^2`` of (n, width) symbols from the Gram matrix of the tables."""
    T = tables.reshape(-1, tables.shape[2])
    gram = T @ T.T
    at = symbols + VALUES * np.arange(len(tables))
    norms = np.zeros(len(symbols))
    for j in range(len(tables)):
        norms += gram[at[:, j], at[:, j]]
        for i in range(j):
            norms += 2 * gram[at[:, i], at[:, j]]
    return norms

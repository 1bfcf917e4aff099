"""Discrete PCA as a scikit-learn estimator."""

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from semantic_ids.codebook import (
    CodebookSpec,
    decode,
    digits_of,
    encode,
    fit,
    relative_error,
    sids_of,
)
from semantic_ids.errors import InputError, ShapeError, SpecError

__all__ = ["DiscretePCA"]

Output = Literal["digits", "sids"]

_MAX_DIGITS = 39


class DiscretePCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Quantise rows to digits in {-1, 0, 1}, or to semantic IDs.

    Parameters
    ----------
    n_digits : int, optional
        Number of ternary digits. Default: as many as 8 bytes hold, 39, and at most a row each.
    stages : list of mappings, optional
        Any stages of ``CodebookSpec``, in place of `n_digits`.
    output : {"digits", "sids"}
        What ``transform`` gives: int8 digits, for stages of digits only, or a column of int64 SIDs.
    rounds : int
        Largest number of rounds of joint refinement.
    random_state : int, RandomState instance or None
        Of the rows held out and of whatever the stages draw.

    Attributes
    ----------
    codebook_ : Codebook
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((100, 8))
    >>> DiscretePCA(n_digits=5, random_state=0).fit_transform(rows).shape
    (100, 5)
    """

    def __init__(
        self,
        n_digits: int | None = None,
        *,
        stages: list[dict[str, Any]] | None = None,
        output: Output = "digits",
        rounds: int = 30,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_digits = n_digits
        self.stages = stages
        self.output = output
        self.rounds = rounds
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: None = None) -> "DiscretePCA":
        """Fit a codebook to rows of shape (n, n_features)."""
        array = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        spec = CodebookSpec(self._stages(len(array)), rounds=self.rounds)
        self._check_output(spec)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.codebook_ = fit(array, spec, seed=seed)
        return self

    def transform(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the digits of rows, shape (n, n_digits), or their SIDs, shape (n, 1)."""
        check_is_fitted(self)
        array = validate_data(self, X, dtype=np.float32, reset=False)
        self._check_output(self.codebook_.spec)
        sids = encode(array, self.codebook_)
        return digits_of(sids, self.codebook_) if self.output == "digits" else sids[:, None]

    def inverse_transform(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Reconstruct rows, shape (n, n_features), from what ``transform`` returned."""
        check_is_fitted(self)
        self._check_output(self.codebook_.spec)
        array = np.asarray(X)
        if array.ndim != 2 or array.shape[1] != self._n_features_out:
            raise ShapeError(f"X must have shape (n, {self._n_features_out}), got {array.shape}")
        sids = array[:, 0] if self.output == "sids" else sids_of(array, self.codebook_)
        return decode(sids, self.codebook_)

    def score(self, X: npt.ArrayLike, y: None = None) -> float:
        """Return the share of the rows' variance that their SIDs explain: 1 - relative error."""
        check_is_fitted(self)
        array = validate_data(self, X, dtype=np.float32, reset=False)
        return 1 - relative_error(array, decode(encode(array, self.codebook_), self.codebook_))

    @property
    def _n_features_out(self) -> int:
        return self.codebook_.n_digits if self.output == "digits" else 1

    def _check_output(self, spec: CodebookSpec) -> None:
        if self.output not in get_args(Output):
            raise InputError(f"output must be 'digits' or 'sids', got {self.output!r}")
        if self.output == "digits" and not spec.only_digits:
            raise SpecError("output must be 'sids' for stages of centroids, got 'digits'")

    def _stages(self, n_rows: int) -> list[dict[str, Any]]:
        if self.stages is not None and self.n_digits is not None:
            raise SpecError("either n_digits or stages must be None, got both")
        if self.stages is not None:
            return self.stages
        fitted_rows = n_rows - n_rows // 10
        most = min(_MAX_DIGITS, fitted_rows)
        return [{"ternary": most if self.n_digits is None else self.n_digits}]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

"""Categories read off the SIDs of a fused codebook, and how well."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.codebook import Codebook, FloatArray64
from semantic_ids.codebook.decoder import digits_of
from semantic_ids.errors import InputError, ShapeError, nearest


@dataclass(frozen=True)
class CategoryFit:
    """How well the head of a fused codebook tells a category.

    Parameters
    ----------
    name : str
    n_items : int
        Items that have the category.
    accuracy : float
        Share of them whose likeliest class is right.
    cross_entropy : float
        Mean, in nats.
    prior : float
        Cross-entropy in nats of these items' own shares of classes, which knows no item: what SIDs
        should beat.
    """

    name: str
    n_items: int
    accuracy: float
    cross_entropy: float
    prior: float


def predict(sids: npt.ArrayLike, codebook: Codebook, category: str) -> FloatArray64:
    """Give the probability of each class of a category, from semantic IDs of a fused codebook.

    Parameters
    ----------
    sids : array_like of shape (n,), integers
    category : str
        One of ``codebook.fusion.heads``, whose ``classes`` are in the order of the columns.

    Returns
    -------
    ndarray of shape (n, n_classes), float64

    Raises
    ------
    InputError
        If the codebook has no such category, or a SID is not one of its.
    """
    heads = codebook.fusion.heads if codebook.fusion else {}
    if category not in heads:
        names = nearest(category, heads) if heads else "it has none"
        raise InputError(f"category must be one of the codebook's, got {category!r}: {names}")
    head = heads[category]
    logits = head.bias + digits_of(sids, codebook) @ head.weight.astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def measure_category(
    sids: npt.ArrayLike, targets: npt.NDArray[Any], codebook: Codebook, category: str
) -> CategoryFit:
    """Measure how well SIDs tell a category, by the codebook's head.

    Parameters
    ----------
    sids : array_like of shape (n,), integers
        Of one item at least.
    targets : ndarray of shape (n,), integers, or (n, n_classes), floats
        Places of the classes in the head's ``classes``, or probabilities; the class that is right
        is then the likeliest.
    """
    P = predict(sids, codebook, category)
    soft = np.eye(P.shape[1])[targets] if targets.ndim == 1 else targets.astype(np.float64)
    if soft.shape != P.shape or not len(P):
        raise ShapeError(f"targets must be of n >= 1 SIDs, got {soft.shape} for {P.shape}")
    tiny = np.finfo(np.float64).tiny
    shares = soft.mean(axis=0)
    return CategoryFit(
        category,
        len(P),
        accuracy=float((P.argmax(axis=1) == soft.argmax(axis=1)).mean()),
        cross_entropy=float(-(soft * np.log(np.maximum(P, tiny))).sum(axis=1).mean()),
        prior=float(-(shares * np.log(np.maximum(shares, tiny))).sum()),
    )

"""Semantic IDs on Spark."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semantic_ids.estimator import DiscretePCA

__all__ = ["DiscretePCA"]


def __getattr__(name: str) -> Any:
    """Import the estimator, and so scikit-learn, at first use."""
    if name == "DiscretePCA":
        from semantic_ids.estimator import DiscretePCA

        return DiscretePCA
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

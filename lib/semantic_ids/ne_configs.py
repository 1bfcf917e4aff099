"""The configuration of evaluate_ne: its tables, its regimes, and how models are trained."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from semantic_ids.audit_configs import Judging, ReportSection
from semantic_ids.config import Section, Table
from semantic_ids.job_configs import BinaryDtype

__all__ = ["EvaluateNe", "RegimeSection"]


class RegimeSection(Section):
    """One way to look at the data; without keys, the data as they are."""

    history: int = Field(default=50, ge=1, le=10_000, description="events of a history at most")
    relist_days: int | None = Field(
        default=None, gt=0, description="every item becomes a new one after so many days"
    )
    noise: float = Field(
        default=0.3, ge=0, le=10, description="how far off its embedding then is, by their spread"
    )
    share: float = Field(
        default=1.0, gt=0, le=1, description="share of the moments that are trained on"
    )


_PROTOCOL = {
    "arms",
    "copurchase",
    "seeds",
    "rates",
    "table_rates",
    "negatives",
    "window_days",
    "per_moment",
    "positives",
    "hashed_rows",
    "batch",
    "seed",
}


class EvaluateNe(Judging):
    """Measure what SIDs are worth to a model: normalized entropy of every way to feed a history."""

    sequences: Table = Field(description="the table of segments")
    events: Table = Field(description="user_id, item_id, timestamp and the label, if there is one")
    item_sids: Table = Field(description="what quantize_items wrote")
    embeddings: Table = Field(description="item_id and the collections")
    codebooks: Table = Field(description="the table that holds the codebook")
    codebook: str = Field(description="a codebook_id, or a name", min_length=1)
    releases: Table | None = Field(
        None, description="what a name means; default: the newest codebook of that name"
    )
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    collections: list[str] | None = Field(
        None,
        description="columns of embeddings that all arms are told, of one weight each; with "
        "several, fused arms run; default: those of the codebook",
        min_length=1,
    )
    copurchase: int | None = Field(
        None,
        ge=2,
        le=1024,
        description="floats of one more collection, copurchase, made from the events before the "
        "second quarter of the examples",
    )
    label: str | None = Field(
        None,
        description="a column of 0 and 1 in events, each an example; default: each is a positive "
        "one, and negatives are drawn",
        min_length=1,
    )
    sample_users: int = Field(20_000, gt=0, description="users, drawn by hash of user_id")
    regimes: list[RegimeSection] = Field(
        default=[RegimeSection()],
        description="ways to look at the data: history, relist_days, noise, share",
        min_length=1,
        max_length=32,
    )
    arms: list[str] | None = Field(None, description="arms to run; default: all", min_length=1)
    seeds: int = Field(3, ge=1, le=100, description="passes of each arm, the starts of its model")
    rates: list[Annotated[float, Field(gt=0)]] = Field(
        [0.0003, 0.001, 0.003, 0.01], description="learning rates to choose from", min_length=1
    )
    table_rates: list[Annotated[float, Field(gt=0)]] = Field(
        [0.01, 0.03, 0.1], description="learning rates of learned tables", min_length=1
    )
    negatives: int = Field(4, gt=0, le=100, description="for each positive event")
    window_days: int = Field(7, gt=0, description="negatives come from the same days")
    per_moment: int = Field(4, gt=0, description="positive events of one user and time, at most")
    positives: int = Field(50_000, gt=0, description="positive events, or examples, at most")
    hashed_rows: int = Field(10_000, gt=0, description="rows of the hashed table")
    batch: int = Field(128, gt=0, description="examples of a step, about")
    seed: int = Field(0, ge=0, lt=2**31, description="of all that is drawn")
    predictions: bool = Field(False, description="write the probabilities beside the page")
    report: ReportSection = ReportSection(folder="evaluate_ne")

    @field_validator("collections")
    @classmethod
    def _collections_differ(cls, names: list[str] | None) -> list[str] | None:
        if names is not None and len(set(names)) < len(names):
            raise ValueError(f"columns must differ, got {names}")
        return names

    def protocol(self) -> dict[str, Any]:
        """Give the keys that say how models are trained and scored."""
        return self.model_dump(include=_PROTOCOL)

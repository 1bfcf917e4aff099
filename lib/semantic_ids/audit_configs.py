"""The configuration of the audits: what they read, how much they sample, where the page goes."""

from typing import Annotated, Any, get_args

from pydantic import Field, field_validator, model_validator

from semantic_ids.config import JobConfig, Section, Table
from semantic_ids.job_configs import BinaryDtype
from semantic_ids.report import Format

__all__ = ["AuditFootprint", "AuditQuality", "EvaluateNe", "RegimeSection", "ReportSection"]


class ReportSection(Section):
    """Where a report goes, and as what."""

    folder: str = Field(description="a local folder for the report's files", min_length=1)
    formats: list[Format] = Field(
        default=[*get_args(Format)],
        description="html, markdown and json, or some of them",
        min_length=1,
    )

    @field_validator("formats")
    @classmethod
    def _formats_differ(cls, formats: list[Format]) -> list[Format]:
        if len(set(formats)) < len(formats):
            raise ValueError(f"formats must differ, got {formats}")
        return formats


class _Reporting(JobConfig):
    """A job whose default for `report` holds key by key, not only as a whole."""

    @model_validator(mode="before")
    @classmethod
    def _complete_report(cls, values: Any) -> Any:
        given = values.get("report") if isinstance(values, dict) else None
        if not isinstance(given, dict):
            return values
        default: ReportSection = cls.model_fields["report"].default
        return values | {"report": default.model_dump() | given}


class AuditFootprint(_Reporting):
    """Say what items and sequences weigh on disk, against the alternatives."""

    sequences: Table | None = Field(None, description="the table of segments")
    item_sids: Table | None = Field(None, description="what quantize_items wrote")
    embeddings: Table | None = Field(None, description="item_id and the collection")
    events: Table | None = Field(None, description="user_id, item_id, timestamp")
    collection: str | None = Field(None, description="the embedding column to compare with")
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    sample_events: int = Field(50_000, gt=0, description="events written for the comparison")
    report: ReportSection = ReportSection(folder="footprint")

    @model_validator(mode="after")
    def _something_to_measure(self) -> "AuditFootprint":
        if not (self.sequences or self.item_sids):
            raise ValueError("sequences or item_sids must be given, got neither")
        if self.embeddings and not self.collection:
            raise ValueError("collection: a value is required where embeddings is given")
        return self


class AuditQuality(_Reporting):
    """Say how good a codebook's SIDs are: error, use of symbols, collisions, neighbours."""

    embeddings: Table = Field(description="item_id and the codebook's collection")
    item_sids: Table = Field(description="what quantize_items wrote")
    codebooks: Table = Field(description="the table that holds the codebook")
    codebook: str = Field(description="a codebook_id, or a name", min_length=1)
    releases: Table | None = Field(
        None, description="what a name means; default: the newest codebook of that name"
    )
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    labels: Table | None = Field(
        None, description="item_id, the label and the categories; default: embeddings"
    )
    label: str | None = Field(None, description="the column that names an item to people")
    categories: list[str] = Field(default=[], description="columns that SIDs should separate")
    sample_items: int = Field(
        20_000,
        ge=2,
        le=200_000,
        description="items drawn for what needs their embeddings; the driver holds these",
    )
    queries: int = Field(1_000, gt=0, description="items of the sample asked for neighbours")
    report: ReportSection = ReportSection(folder="quality")

    @field_validator("categories")
    @classmethod
    def _columns_differ(cls, columns: list[str]) -> list[str]:
        if len(set(columns)) != len(columns):
            raise ValueError(f"columns must differ, got {columns}")
        return columns


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


class EvaluateNe(_Reporting):
    """Measure what SIDs are worth to a model: normalized entropy of every way to feed a history."""

    sequences: Table = Field(description="the table of segments")
    events: Table = Field(description="user_id, item_id, timestamp and the label, if there is one")
    item_sids: Table = Field(description="what quantize_items wrote")
    embeddings: Table = Field(description="item_id and the codebook's collection")
    codebooks: Table = Field(description="the table that holds the codebook")
    codebook: str = Field(description="a codebook_id, or a name", min_length=1)
    releases: Table | None = Field(
        None, description="what a name means; default: the newest codebook of that name"
    )
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
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

    def protocol(self) -> dict[str, Any]:
        """Give the keys that say how models are trained and scored."""
        return self.model_dump(include=_PROTOCOL)

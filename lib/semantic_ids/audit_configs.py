"""The configuration of the audits: what they read, how much they sample, where the page goes."""

from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from semantic_ids.config import JobConfig, Section, Table
from semantic_ids.job_configs import BinaryDtype
from semantic_ids.report import Format

__all__ = [
    "AuditChurn",
    "AuditFootprint",
    "AuditQuality",
    "BrowseItems",
    "FolderSection",
    "Judging",
    "ReportSection",
    "Reporting",
]


class FolderSection(Section):
    """Where a report goes."""

    folder: str = Field(description="a local folder for the report's files", min_length=1)


class ReportSection(FolderSection):
    """Where a report goes, and as what."""

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


class Reporting(JobConfig):
    """A job whose default for `report` holds key by key, not only as a whole."""

    @model_validator(mode="before")
    @classmethod
    def _complete_report(cls, values: Any) -> Any:
        given = values.get("report") if isinstance(values, dict) else None
        if not isinstance(given, dict):
            return values
        default: FolderSection = cls.model_fields["report"].default
        return values | {"report": default.model_dump() | given}


class Judging(Reporting):
    """An audit that ends in a verdict."""

    require: Literal["good", "watch"] | None = Field(
        None, description="the worst verdict with which the job still exits 0; default: any"
    )


class AuditFootprint(Judging):
    """Say what items and sequences weigh on disk, against the alternatives."""

    sequences: Table | None = Field(None, description="the table of segments")
    item_sids: Table | None = Field(None, description="what quantize_items wrote")
    embeddings: Table | None = Field(None, description="item_id and the collection")
    events: Table | None = Field(None, description="user_id, item_id, timestamp")
    codebooks: Table | None = Field(
        None, description="the table that holds the codebooks: their names, and what they assign"
    )
    collection: str | None = Field(None, description="the embedding column to compare with")
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    sample_events: int = Field(50_000, gt=0, description="events written for the comparison")
    price_per_tb_month: float = Field(
        23.0,
        ge=0,
        allow_inf_nan=False,
        description="USD for 10^12 bytes stored for a month",
    )
    learned_rows: int = Field(
        10_000_000, gt=0, description="rows of the learned table that serving is compared with"
    )
    learned_dim: int = Field(64, gt=0, description="values of a row of it, float32")
    report: ReportSection = ReportSection(folder="footprint")

    @model_validator(mode="after")
    def _something_to_measure(self) -> "AuditFootprint":
        if not (self.sequences or self.item_sids):
            raise ValueError("sequences or item_sids must be given, got neither")
        if self.embeddings and not self.collection:
            raise ValueError("collection: a value is required where embeddings is given")
        return self


class _Sampling(Judging):
    """An audit of a codebook's SIDs that draws items, and calls them as people do."""

    item_sids: Table = Field(description="what quantize_items wrote")
    codebooks: Table = Field(description="the table that holds the codebook")
    codebook: str = Field(description="a codebook_id, or a name", min_length=1)
    releases: Table | None = Field(
        None, description="what a name means; default: the newest codebook of that name"
    )
    label: str | None = Field(None, description="the column that names an item to people")
    categories: list[str] = Field(
        default=[], description="columns whose values items are gathered by"
    )
    sample_items: int = Field(
        20_000,
        ge=2,
        le=200_000,
        description="items drawn for what needs more than SIDs; the driver holds these",
    )
    queries: int = Field(1_000, gt=0, description="items of the sample asked for neighbours")

    @field_validator("categories")
    @classmethod
    def _columns_differ(cls, columns: list[str]) -> list[str]:
        if len(set(columns)) != len(columns):
            raise ValueError(f"columns must differ, got {columns}")
        return columns


class AuditQuality(_Sampling):
    """Say how good a codebook's SIDs are: error, use of symbols, collisions, neighbours."""

    embeddings: Table = Field(description="item_id and the codebook's collection")
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    labels: Table | None = Field(
        None, description="item_id, the label and the categories; default: embeddings"
    )
    report: ReportSection = ReportSection(folder="quality")


class AuditChurn(_Sampling):
    """Say what moved between two codebooks, or two versions of item_sids, and in the sequences."""

    before: str | int = Field(
        description="what to compare with: another codebook, by codebook_id or name, or the number "
        "of a Delta version of item_sids"
    )
    labels: Table | None = Field(None, description="item_id, the label and the categories")
    sequences: Table | None = Field(None, description="the table of segments")
    sequences_before: Table | int | None = Field(
        None,
        description="the segments to compare with: another table, or the number of a Delta version "
        "of sequences",
    )
    report: ReportSection = ReportSection(folder="churn")

    @field_validator("before", "sequences_before", mode="before")
    @classmethod
    def _name_or_version(cls, value: Any, field: ValidationInfo) -> Any:
        if value is None and field.field_name == "sequences_before":
            return value
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError(f"must be a name or the number of a version, got {value!r}")
        if value == "" or (isinstance(value, int) and value < 0):
            raise ValueError(f"must be a name or a number of at least 0, got {value!r}")
        return value

    @model_validator(mode="after")
    def _what_needs_another(self) -> "AuditChurn":
        if (self.label or self.categories) and not self.labels:
            raise ValueError("labels: a value is required where label or categories are given")
        if (self.sequences is None) != (self.sequences_before is None):
            given, other = "sequences", "sequences_before"
            if self.sequences is None:
                given, other = other, given
            raise ValueError(f"{other}: a value is required where {given} is given")
        return self


class BrowseItems(Reporting):
    """Write the page in which people walk the SIDs of a catalogue."""

    item_sids: Table = Field(description="what quantize_items wrote")
    codebooks: Table = Field(description="the table that holds the codebook")
    codebook: str = Field(description="a codebook_id, or a name", min_length=1)
    releases: Table | None = Field(
        None, description="what a name means; default: the newest codebook of that name"
    )
    labels: Table | None = Field(None, description="item_id, the label and the category")
    label: str | None = Field(
        None, description="the column that names an item to people; default: item_id"
    )
    category: str | None = Field(None, description="a column that says what kind an item is")
    max_items: int = Field(
        100_000,
        gt=0,
        le=1_000_000,
        description="items on the page; of more, so many are drawn by hash of item_id",
    )
    report: FolderSection = FolderSection(folder="browse")

    @model_validator(mode="after")
    def _labels_have_columns(self) -> "BrowseItems":
        columns = {"label": self.label, "category": self.category}
        for key, column in columns.items():
            if column and not self.labels:
                raise ValueError(f"labels: a value is required where {key} is given")
        if self.labels and not any(columns.values()):
            raise ValueError("label or category must be given where labels is, got neither")
        return self

"""The configuration of the audits: what they read, how much they sample, where the page goes."""

from typing import Any, get_args

from pydantic import Field, field_validator, model_validator

from semantic_ids.config import JobConfig, Section, Table
from semantic_ids.job_configs import BinaryDtype
from semantic_ids.report import Format

__all__ = ["AuditFootprint", "AuditQuality", "ReportSection", "Reporting"]


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


class Reporting(JobConfig):
    """A job whose default for `report` holds key by key, not only as a whole."""

    @model_validator(mode="before")
    @classmethod
    def _complete_report(cls, values: Any) -> Any:
        given = values.get("report") if isinstance(values, dict) else None
        if not isinstance(given, dict):
            return values
        default: ReportSection = cls.model_fields["report"].default
        return values | {"report": default.model_dump() | given}


class AuditFootprint(Reporting):
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


class AuditQuality(Reporting):
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

"""The configuration of each job: its keys, types, defaults and rules."""

import contextlib
import datetime
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from semantic_ids.codebook import CodebookSpec
from semantic_ids.config import JobConfig, Table

__all__ = [
    "BuildSequences",
    "CompactSequences",
    "FitCodebook",
    "ForgetItems",
    "ForgetUsers",
    "QuantizeItems",
    "Status",
    "SwitchRelease",
]

BinaryDtype = Literal["float32", "float16"]
_ITEM_TABLES = frozenset({"item_sids", "rejected_items", "sid_items"})


def _as_day(value: object) -> object:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return datetime.datetime.strptime(value, "%Y-%m-%d").date()
    if value is None or type(value) is datetime.date:
        return value
    raise ValueError(f"must be a date such as 2011-12-09, got {str(value)!r}")


Day = Annotated[datetime.date, BeforeValidator(_as_day)]


def _no_id(name: str) -> str:
    if re.fullmatch("[0-9a-f]{32}", name):
        raise ValueError(f"must not look like a codebook_id, got {name!r}")
    return name


Name = Annotated[str, Field(min_length=1), AfterValidator(_no_id)]


class FitCodebook(JobConfig):
    """Fit a codebook on a sample of an embeddings table."""

    writes: ClassVar = frozenset({"codebooks"})

    embeddings: Table = Field(description="item_id and one column per collection")
    codebooks: Table = Field(description="the table the codebook is appended to")
    collection: str = Field(description="the embedding column to fit", min_length=1)
    name: Name = Field(description="what people call this codebook")
    spec: dict[str, Any] = Field(
        description="preset and bits, or stages; rounds, beam, sweeps: docs/codebook.md"
    )
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    dim: int | None = Field(
        None, gt=0, le=2**14, description="length of a vector; default: the commonest"
    )
    sample_size: int = Field(100_000, gt=0, description="rows to draw, held-out rows included")
    holdout: float = Field(0.1, gt=0, lt=1, description="share of the sample kept for metrics")
    seed: int = Field(0, ge=0, lt=2**31, description="of the sample and of the fit")

    @field_validator("spec")
    @classmethod
    def _spec_is_valid(cls, spec: dict[str, Any]) -> dict[str, Any]:
        CodebookSpec.from_dict(spec)
        return spec


class QuantizeItems(JobConfig):
    """Give every item of an embeddings table its SID."""

    writes: ClassVar = _ITEM_TABLES

    embeddings: Table = Field(description="item_id and the codebook's collection")
    codebooks: Table = Field(description="the table that holds the codebook")
    codebook: str = Field(description="a codebook_id, or a name", min_length=1)
    releases: Table | None = Field(
        None, description="what a name means; default: the newest codebook of that name"
    )
    item_sids: Table = Field(description="item_id, sid, codebook_id")
    rejected_items: Table = Field(description="item_id, reason, run_id, codebook_id")
    sid_items: Table | None = Field(None, description="sid, item_id, codebook_id: the way back")
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    deletions: Literal["remove", "keep"] = Field(
        "remove", description="what becomes of the SID of an item that the source lost"
    )


class SwitchRelease(JobConfig):
    """Make a name mean another codebook, or go back to the one before."""

    writes: ClassVar = frozenset({"releases"})

    releases: Table = Field(description="name, codebook_id, since, run_id")
    codebooks: Table = Field(description="the table that holds the codebook")
    item_sids: Table = Field(description="what quantize_items wrote")
    name: Name = Field(description="what jobs call it: codebook=NAME")
    codebook: str = Field(description="a codebook_id, or `previous` to go back")

    @field_validator("codebook")
    @classmethod
    def _codebook_is_an_id_or_previous(cls, codebook: str) -> str:
        if codebook != "previous" and not re.fullmatch("[0-9a-f]{32}", codebook):
            raise ValueError(f"must be a codebook_id or previous, got {codebook!r}")
        return codebook


class BuildSequences(JobConfig):
    """Write users' events as SID sequences."""

    writes: ClassVar = frozenset({"sequences"})

    events: Table = Field(description="user_id, item_id, timestamp and further columns")
    item_sids: Table = Field(description="what quantize_items wrote")
    codebooks: Table = Field(description="the table that holds the codebook")
    codebook: str = Field(description="a codebook_id, or a name", min_length=1)
    releases: Table | None = Field(
        None, description="what a name means; default: the newest codebook of that name"
    )
    sequences: Table = Field(description="the table of segments")
    ds: Day | None = Field(
        None, description="only this UTC day's events, replacing its partition; default: all"
    )
    since: Literal["last"] | None = Field(
        None, description="last: only events that no build has packed yet; default: all"
    )
    fallback: Literal["rebuild", "refuse"] = Field(
        "rebuild", description="what since does where what is new cannot be told"
    )
    event_columns: list[str] = Field(default=[], description="fixed-width columns to keep")
    tie_break: list[str] = Field(
        default=[], description="columns that order events of one user and timestamp"
    )
    missing_items: Literal["drop", "null_sid"] = Field(
        "drop", description="what becomes of events whose item has no SID"
    )
    buckets: int = Field(16, gt=0, le=65_536, description="partitions by hash of user_id")
    max_segment_events: int = Field(
        65_536, gt=0, le=2**24, description="a longer history becomes several segments"
    )

    @model_validator(mode="after")
    def _one_scope(self) -> "BuildSequences":
        if self.ds and self.since:
            raise ValueError(f"since: must be left out where ds is given, got {self.since!r}")
        return self

    @field_validator("event_columns", "tie_break")
    @classmethod
    def _columns_differ(cls, columns: list[str]) -> list[str]:
        if len(set(columns)) != len(columns):
            raise ValueError(f"columns must differ, got {columns}")
        return columns


class CompactSequences(JobConfig):
    """Merge the segments of each user, over a range of ds, into few."""

    writes: ClassVar = frozenset({"sequences"})

    sequences: Table = Field(description="the table of segments")
    first_ds: Day | None = Field(None, description="first ds to merge; default: the oldest")
    last_ds: Day | None = Field(
        None, description="last ds to merge, which takes all; default: the newest"
    )
    max_events: int | None = Field(
        None, gt=0, description="keep a user's newest events of the range only; default: all"
    )
    max_segment_events: int = Field(
        65_536, gt=0, le=2**24, description="a longer history becomes several segments"
    )
    target_file_mib: int = Field(64, gt=0, le=4096, description="size of a file to aim at")

    @model_validator(mode="after")
    def _range_is_in_order(self) -> "CompactSequences":
        if self.first_ds and self.last_ds and self.first_ds > self.last_ds:
            raise ValueError(f"last_ds: must not be before {self.first_ds}, got {self.last_ds}")
        return self


Hours = Annotated[
    float,
    Field(
        ge=0,
        le=87_600,
        description="how long readers may still open what stood before; 0: erase it now",
    ),
]


class ForgetUsers(JobConfig):
    """Remove users from the sequences, and from their history."""

    writes: ClassVar = frozenset({"sequences"})

    users: Table = Field(description="user_id of those to forget; ids never stand in a config")
    events: Table | None = Field(
        None, description="refuse users who still have events there; default: no such check"
    )
    sequences: Table = Field(description="the table of segments")
    retention_hours: Hours = 168


class ForgetItems(JobConfig):
    """Remove items from the tables of quantize_items, and from their history."""

    writes: ClassVar = _ITEM_TABLES

    items: Table = Field(description="item_id of those to forget; ids never stand in a config")
    embeddings: Table | None = Field(
        None, description="refuse items that are still there; default: no such check"
    )
    item_sids: Table = Field(description="item_id, sid, codebook_id")
    rejected_items: Table = Field(description="item_id, reason, run_id, codebook_id")
    sid_items: Table | None = Field(None, description="sid, item_id, codebook_id: the way back")
    retention_hours: Hours = 168


class Status(JobConfig):
    """Say how the tables stand: each job's last run, row counts, codebooks, lag."""

    records: ClassVar[bool] = False

    runs: Table = Field(description="where the jobs file their runs")
    codebooks: Table | None = Field(None, description="list the codebooks by name")
    releases: Table | None = Field(None, description="say which codebook each name means")
    item_sids: Table | None = Field(None, description="count SIDs by codebook")
    embeddings: Table | None = Field(None, description="how far item_sids is behind it")
    sequences: Table | None = Field(None, description="count events by codebook")
    events: Table | None = Field(None, description="how far sequences is behind it")

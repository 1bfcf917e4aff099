"""The configuration of train_fusion."""

from typing import Any, ClassVar

from pydantic import Field, field_validator

from semantic_ids.audit_configs import Reporting, ReportSection
from semantic_ids.codebook import FusionSpec
from semantic_ids.config import Table
from semantic_ids.job_configs import BinaryDtype, Name

__all__ = ["TrainFusion"]


class TrainFusion(Reporting):
    """Train a fused codebook on a sample of an embeddings table."""

    writes: ClassVar = frozenset({"codebooks"})

    embeddings: Table = Field(description="item_id, a column per collection and per category")
    codebooks: Table = Field(description="the table the codebook is appended to")
    name: Name = Field(description="what people call this codebook")
    spec: dict[str, Any] = Field(
        description="collections and categories with their weights, digits, training options"
    )
    binary_dtype: BinaryDtype = Field("float32", description="what a BINARY embedding holds")
    sample_size: int = Field(100_000, gt=0, description="rows to draw, held-out rows included")
    holdout: float = Field(0.1, gt=0, lt=1, description="share of the sample kept for metrics")
    checkpoint: str | None = Field(
        None, description="a local folder for the state after each epoch, to resume from"
    )
    processes: int = Field(1, gt=0, description="that train together, by TorchDistributor")
    report: ReportSection = ReportSection(folder="fusion")

    @field_validator("spec")
    @classmethod
    def _spec_is_valid(cls, spec: dict[str, Any]) -> dict[str, Any]:
        FusionSpec.from_dict(spec)
        return spec

"""A stage of a codebook: what kind of bytes, and how many values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeAlias

from semantic_ids.errors import SpecError, nearest

DIGIT_KINDS = ("ternary", "binary")
KINDS = (*DIGIT_KINDS, "centroids")

StageLike: TypeAlias = "Stage | Mapping[str, int | Sequence[int]]"


@dataclass(frozen=True)
class Stage:
    """A block of the codebook: ``counts`` digits, or one byte of tables of ``counts`` centroids."""

    kind: str
    counts: tuple[int, ...]

    @classmethod
    def parse(cls, stage: StageLike) -> "Stage":
        """Read a mapping such as ``{"ternary": 25}`` or ``{"centroids": [16, 16]}``."""
        if isinstance(stage, Stage):
            return stage
        if not isinstance(stage, Mapping) or len(stage) != 1:
            raise SpecError(f"a stage must be one kind with its count, got {stage!r}")
        ((kind, asked),) = stage.items()
        check_name(kind, KINDS, what="stage kind")
        counts = tuple(asked) if isinstance(asked, Sequence) else (asked,)
        least = 2 if kind == "centroids" else 1
        if not counts or not all(is_integer(count, least=least) for count in counts):
            raise SpecError(f"{kind} must be whole numbers of at least {least}, got {asked!r}")
        if kind in DIGIT_KINDS and len(counts) != 1:
            raise SpecError(f"{kind} must be one number of digits, got {asked!r}")
        return cls(kind, tuple(int(count) for count in counts))

    def to_dict(self) -> dict[str, int | list[int]]:
        """Return the form that ``parse`` reads."""
        return {self.kind: self.counts[0] if len(self.counts) == 1 else list(self.counts)}


def is_integer(value: Any, *, least: int | None = None) -> bool:
    """Say whether a value is a whole number of at least `least`; True and False are not."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and (least is None or value >= least)


def check_name(name: object, known: Sequence[str], *, what: str) -> None:
    """Refuse a name that is not known, with the nearest that is."""
    if name in known:
        return
    raise SpecError(f"unknown {what} {name!r}, {nearest(str(name), known)}")

"""What audit_quality measured of the SIDs of one codebook."""

from dataclasses import dataclass

from semantic_ids.codebook import (
    Collisions,
    Divergence,
    ErrorRatio,
    Errors,
    PairInformation,
    Purity,
    Recall,
    Use,
)
from semantic_ids.report.quality_fused import FusedQuality

__all__ = [
    "ByteUse",
    "CategoryPurity",
    "DigitUse",
    "Drift",
    "Quality",
    "SharedSid",
    "Shown",
]


@dataclass(frozen=True)
class ByteUse:
    """A byte of the SID, its kind (ternary, binary or centroids), and how items use it."""

    kind: str
    use: Use


@dataclass(frozen=True)
class DigitUse:
    """A digit of a byte, both from 0, and how items use it.

    Parameters
    ----------
    byte, digit : int
    shares : tuple of float
        Share of the items by the digit's value, in the order of the values.
    use : Use
    """

    byte: int
    digit: int
    shares: tuple[float, ...]
    use: Use


@dataclass(frozen=True)
class SharedSid:
    """A SID that many items share.

    Parameters
    ----------
    sid : str
        Its bytes in hexadecimal.
    n_items, n_seen : int
        Items that have it, and those that were looked at.
    n_embeddings : int
        Distinct embeddings among the latter.
    titles : tuple of str
        What people call some of the items, or their ids.
    """

    sid: str
    n_items: int
    n_seen: int
    n_embeddings: int
    titles: tuple[str, ...]


@dataclass(frozen=True)
class CategoryPurity:
    """A column of categories, and how well SID prefixes gather them.

    Parameters
    ----------
    name : str
        The column.
    n_items, n_categories : int
        Items of the sample that have a category, and distinct ones.
    in_tenths : bool
        Whether the column holds many numbers, put in ten classes of as many items.
    levels : tuple of Purity
        By the number of bytes.
    """

    name: str
    n_items: int
    n_categories: int
    in_tenths: bool
    levels: tuple[Purity, ...]


@dataclass(frozen=True)
class Drift:
    """Items against those held out of the fit.

    Parameters
    ----------
    who : str
        Such as "new items".
    is_new : bool
        Whether the fit saw none of them.
    n_items : int
    ratio : ErrorRatio or None
        Of mean squared errors; None where it is not told.
    symbols : tuple of Divergence
        By byte; empty where it is not told.
    """

    who: str
    is_new: bool
    n_items: int
    ratio: ErrorRatio | None
    symbols: tuple[Divergence, ...]


@dataclass(frozen=True)
class Shown:
    """What the figures rest on.

    Parameters
    ----------
    codebook_id, name, stages, collection : str
    tables : tuple of (str, str)
        The configuration key of each table, and its place with its version.
    run_id, measured_at : str
        The time is UTC.
    n_drawn, n_valid, n_missing : int
        Items of the sample, those with an embedding that the codebook takes, and those that the
        embeddings lack.
    """

    codebook_id: str
    name: str
    stages: str
    collection: str
    tables: tuple[tuple[str, str], ...]
    run_id: str
    measured_at: str
    n_drawn: int
    n_valid: int
    n_missing: int


@dataclass(frozen=True)
class Quality:
    """All that was measured.

    Parameters
    ----------
    shown : Shown
    bytes_ : tuple of ByteUse
    digits : tuple of DigitUse
        Empty for a codebook of centroids.
    pairs : tuple of PairInformation
    collisions : Collisions
    needless_share : float
        Share of the items that share their SID with an item of another embedding.
    shared : tuple of SharedSid
        The SIDs that most items share.
    errors : Errors
    fit_errors : tuple of float
        Relative error after each byte, of items held out of the fit; empty where it is not told.
    recall : Recall or None
    purities : tuple of CategoryPurity
    drifts : tuple of Drift
    not_measured : tuple of str
    fused : FusedQuality, optional
        Of a fused codebook; errors, recall and drifts are then of its first collection by name.
    """

    shown: Shown
    bytes_: tuple[ByteUse, ...]
    digits: tuple[DigitUse, ...]
    pairs: tuple[PairInformation, ...]
    collisions: Collisions
    needless_share: float
    shared: tuple[SharedSid, ...]
    errors: Errors
    fit_errors: tuple[float, ...]
    recall: Recall | None
    purities: tuple[CategoryPurity, ...]
    drifts: tuple[Drift, ...]
    not_measured: tuple[str, ...]
    fused: FusedQuality | None = None

    @property
    def width(self) -> int:
        """Number of bytes of a SID."""
        return len(self.bytes_)

    @property
    def nominal_bits(self) -> float:
        """Bits of a SID if all that the codebook can assign were equally common."""
        return sum(byte.use.nominal_bits for byte in self.bytes_)

"""What audit_footprint measured, and what follows from it by division alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from semantic_ids.report.table_size import TableSize

__all__ = [
    "Arm",
    "Comparison",
    "Footprint",
    "NeArm",
    "NeRun",
    "Sample",
    "Serving",
    "SidLoss",
]


@dataclass(frozen=True)
class Arm:
    """One way to store the same units, written to one Parquet file.

    Parameters
    ----------
    name : str
        Stable key: sids, ngrams, codes, item_ids, int8, float16, float32 or timestamps.
    title, detail : str
        What people call it, and of what size or kind its values are.
    file : str
        The file's path below the report's folder.
    size_bytes : int
        The file's size on disk.
    raw_bytes : int
        The values alone, before encoding and compression.
    half_width : float or None
        Half of the 95 % interval of the bytes per unit over the draw of the sample: 0 of a whole
        table, None of too few rows to tell.
    of_half : float or None
        Bytes per unit in a file of half of the units; None where half_width is 0 or None.
    lost : float or None
        Relative error of the vectors that it gives back; None where it holds none.
    """

    name: str
    title: str
    detail: str
    file: str
    size_bytes: int
    raw_bytes: int
    half_width: float | None
    of_half: float | None = None
    lost: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Arms that store the same units; the first is ours."""

    unit: str
    n_units: int
    arms: tuple[Arm, ...]

    def bytes_per_unit(self, arm: Arm) -> float:
        """Give bytes on disk per event or item."""
        return arm.size_bytes / self.n_units

    def ratio(self, arm: Arm) -> float:
        """Divide the bytes on disk by those of ours."""
        return arm.size_bytes / self.arms[0].size_bytes

    def raw_bytes_per_unit(self, arm: Arm) -> float:
        """Give bytes of the values alone per event or item."""
        return arm.raw_bytes / self.n_units

    def raw_ratio(self, arm: Arm) -> float:
        """Divide the raw bytes by those of ours."""
        return arm.raw_bytes / self.arms[0].raw_bytes

    def arm(self, name: str) -> Arm | None:
        """Find an arm by its name."""
        return next((arm for arm in self.arms if arm.name == name), None)


@dataclass(frozen=True)
class Sample:
    """The events that every arm stores.

    Parameters
    ----------
    source : str
        The table they come from, with its version.
    codebook_id : str or None
        The codebook of their SIDs.
    n_users, n_events : int
    n_events_total : int
        Events of the source, of that codebook where it holds SIDs.
    n_left_out : int
        Events of these users that an arm could not have stored: no SID, or no embedding.
    n_sids : int
        Distinct SIDs among the events.
    width : int
        Bytes of a SID.
    entropy_bytes : float
        Entropy of the distribution of SIDs over the events, in bytes per event.
    timestamps : Arm
        The events' times, the same whatever arm they go with; in no arm's bytes.
    float16_source : bool
        Whether float16 holds the source's vectors without loss.
    """

    source: str
    codebook_id: str | None
    n_users: int
    n_events: int
    n_events_total: int
    n_left_out: int
    n_sids: int
    width: int
    entropy_bytes: float
    timestamps: Arm
    float16_source: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it is all events of the source."""
        return self.n_events + self.n_left_out >= self.n_events_total


@dataclass(frozen=True)
class Serving:
    """What decides the memory of a service that turns items into vectors.

    Parameters
    ----------
    width : int
        Bytes of a SID.
    dim : int or None
        Values of a decoded vector; None where neither codebook nor embeddings tell.
    n_items : int or None
    learned_rows, learned_dim : int
        Of a learned table of hashed ids, from the configuration.
    """

    width: int
    dim: int | None
    n_items: int | None
    learned_rows: int
    learned_dim: int


@dataclass(frozen=True)
class NeArm:
    """An arm of evaluate_ne: its gain in normalized entropy, and its bytes per event if known."""

    name: str
    ne_gain: float
    bytes_per_event: float | None


@dataclass(frozen=True)
class NeRun:
    """The newest run of evaluate_ne: its run_id, codebook_id and arms."""

    run_id: str
    codebook_id: str | None
    arms: tuple[NeArm, ...]


@dataclass(frozen=True)
class SidLoss:
    """What SIDs lose of the vectors, as the newest audit_quality of their codebook measured it.

    Parameters
    ----------
    run_id : str
    relative_error : float
        Squared error of the decoded vectors by the variance, of the items below.
    n_items : int
    """

    run_id: str
    relative_error: float
    n_items: int


@dataclass(frozen=True)
class Footprint:
    """All that one run measured.

    Parameters
    ----------
    run_id : str
    measured_at : str
        UTC, to the second.
    settings : str
        How the arms' files were written.
    price_per_tb_month : float
        US dollars for 10^12 bytes a month.
    tables : tuple of TableSize
    sample : Sample, optional
        None where no input holds events.
    events, items : Comparison, optional
        The arms per event, and per distinct item of the events.
    serving : Serving, optional
        None where the width of a SID is unknown.
    codebook_names : mapping of str to str
        What people call a codebook, by its codebook_id.
    loss : SidLoss, optional
    ne : NeRun, optional
    not_measured : tuple of str
        What was tried and could not be told, and why.
    """

    run_id: str
    measured_at: str
    settings: str
    price_per_tb_month: float
    tables: tuple[TableSize, ...]
    sample: Sample | None = None
    events: Comparison | None = None
    items: Comparison | None = None
    serving: Serving | None = None
    codebook_names: Mapping[str, str] = field(default_factory=dict)
    loss: SidLoss | None = None
    ne: NeRun | None = None
    not_measured: tuple[str, ...] = ()

    def table(self, name: str) -> TableSize | None:
        """Give a table's sizes, or None where it was not given."""
        return next((table for table in self.tables if table.name == name), None)

"""What audit_footprint measured, and what follows from it by division alone."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Arm", "Comparison", "Footprint", "Sample", "TableSize", "headline", "not_measured"]


@dataclass(frozen=True)
class TableSize:
    """What the active files of one version of a table weigh.

    Parameters
    ----------
    name : str
        The configuration key: sequences, item_sids or embeddings.
    location, version : str
    n_files, size_bytes : int
        The active files and their sizes on disk, in total.
    n_rows, n_stored_rows : int
        Rows of the table, and rows in its files: deletion vectors make the difference.
    unit : str
        "event" or "item": what the bytes are divided by.
    n_units : int
        Events or items in the table.
    columns : mapping of str to int
        Compressed bytes of each column's chunks, from the Parquet footers.
    folder_columns : tuple of str
        Columns whose values stand in folder names, not in files.
    """

    name: str
    location: str
    version: str
    n_files: int
    size_bytes: int
    n_rows: int
    n_stored_rows: int
    unit: str
    n_units: int
    columns: Mapping[str, int]
    folder_columns: tuple[str, ...] = ()

    @property
    def rest_bytes(self) -> int:
        """Bytes that belong to no column: footers, indexes, magic numbers."""
        return self.size_bytes - sum(self.columns.values())

    @property
    def bytes_per_unit(self) -> float:
        """Bytes of the whole table per event or item."""
        return self.size_bytes / self.n_units


@dataclass(frozen=True)
class Arm:
    """One way to store the same units, written to one Parquet file.

    Parameters
    ----------
    name : str
        Stable key: sids, ngrams, item_ids, float16, float32 or timestamps.
    title, detail : str
        What people call it, and of what size or kind its values are.
    file : str
        The file's path below the report's folder.
    size_bytes : int
        The file's size on disk.
    raw_bytes : int
        The values alone, before encoding and compression.
    """

    name: str
    title: str
    detail: str
    file: str
    size_bytes: int
    raw_bytes: int


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


@dataclass(frozen=True)
class Sample:
    """The events that every arm stores.

    Parameters
    ----------
    source : str
        The table they come from, with its version.
    n_users, n_events : int
    n_events_total : int
        Events of the source.
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
    n_users: int
    n_events: int
    n_events_total: int
    n_left_out: int
    n_sids: int
    width: int
    entropy_bytes: float
    timestamps: Arm
    float16_source: bool = False


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
    tables : tuple of TableSize
    sample : Sample, optional
        None where no input holds events.
    events, items : Comparison, optional
        The arms per event, and per distinct item of the events.
    """

    run_id: str
    measured_at: str
    settings: str
    tables: tuple[TableSize, ...]
    sample: Sample | None = None
    events: Comparison | None = None
    items: Comparison | None = None

    def table(self, name: str) -> TableSize | None:
        """Give a table's sizes, or None where it was not given."""
        return next((table for table in self.tables if table.name == name), None)


def headline(footprint: Footprint) -> str:
    """Say in one line what an event costs against the alternatives, or else what an item does."""
    comparison = footprint.events
    if comparison is None:
        sizes = (f"{t.name} {t.bytes_per_unit:,.2f} per {t.unit}" for t in footprint.tables)
        return f"bytes on disk: {', '.join(sizes)}"
    ours, *others = comparison.arms
    said = [f"{ours.title} {comparison.bytes_per_unit(ours):,.2f}"]
    for arm in others:
        size = f"{comparison.bytes_per_unit(arm):,.2f}"
        said.append(f"{arm.title} {size} ({comparison.ratio(arm):,.1f}x)")
    return f"bytes per event on disk: {', '.join(said)}"


def not_measured(footprint: Footprint) -> list[str]:
    """Say what the inputs given leave open, and which inputs would answer it."""
    names = {arm.name for arm in footprint.events.arms} if footprint.events else set()
    gaps = []
    if not footprint.events:
        gaps.append("bytes per event: give `sequences`, or `events` with `item_sids`")
    elif "item_ids" not in names:
        gaps.append("item ids, and alternatives per item: give `events` with `item_sids`")
    if "float32" not in names:
        needed = "`embeddings` and `collection`, with `events` and `item_sids`"
        gaps.append(f"float16 and float32 embeddings: give {needed}")
    gaps += [
        f"what the table {name} weighs: give `{name}`"
        for name in ("sequences", "item_sids", "embeddings")
        if footprint.table(name) is None
    ]
    return gaps

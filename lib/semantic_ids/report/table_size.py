"""What the files of a table weigh: by column, day and codebook."""

from collections.abc import Mapping
from dataclasses import dataclass

from semantic_ids.report.footprint_growth import History

__all__ = ["Part", "TableSize"]


@dataclass(frozen=True)
class Part:
    """The rows of one day or of one codebook in a table.

    Parameters
    ----------
    name : str
        The day or the codebook_id.
    n_files, n_units : int
        Files that hold some of it, and its events or items.
    size_bytes : float
        Of these files; one that holds several parts counts for each by its rows.
    """

    name: str
    n_files: int
    n_units: int
    size_bytes: float


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
    days, codebooks : tuple of Part
        In the order of their names; empty where the table has no such column.
    history : History, optional
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
    days: tuple[Part, ...] = ()
    codebooks: tuple[Part, ...] = ()
    history: History | None = None

    @property
    def rest_bytes(self) -> int:
        """Bytes that belong to no column: footers, indexes, magic numbers."""
        return self.size_bytes - sum(self.columns.values())

    @property
    def bytes_per_unit(self) -> float:
        """Bytes of the whole table per event or item."""
        return self.size_bytes / self.n_units

    @property
    def deleted_share(self) -> float:
        """Share of the rows in the files that the table does not have any more."""
        return max(0.0, 1 - self.n_rows / max(self.n_stored_rows, 1))

"""What each day and each codebook weighs in a table: its files, shared by the rows in them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F

from semantic_ids.report import Part
from semantic_ids.spark.sources import UNVERSIONED, Source

__all__ = ["Counted", "Parts", "parts_of", "share_files"]

_PARTS = ("ds", "codebook_id")


@dataclass(frozen=True)
class Parts:
    """A table's days and codebooks; empty where it lacks the column, or is no table of files."""

    days: tuple[Part, ...] = ()
    codebooks: tuple[Part, ...] = ()


class Counted(NamedTuple):
    """Rows of one part in one file, and the events or items in them."""

    file: str
    size_bytes: int
    name: str
    n_rows: int
    n_units: int


def parts_of(source: Source, weight: Column) -> Parts:
    """Count each day and each codebook, and share each file's bytes among those in it.

    The driver holds a row for each part of each file.

    Parameters
    ----------
    source : Source
    weight : Column
        The events or items of a row.
    """
    columns = [column for column in _PARTS if column in source.rows.columns]
    if source.version == UNVERSIONED or not columns:
        return Parts()
    file = F.col("_metadata.file_path").alias("file")
    size = F.col("_metadata.file_size").alias("size_bytes")
    named = [F.coalesce(F.col(c).cast("string"), F.lit("null")).alias(c) for c in columns]
    rows = source.rows.select(*named, file, size, weight.alias("n_units"))
    grouped = rows.groupBy("file", "size_bytes", *columns)
    counted = grouped.agg(F.count(F.lit(1)).alias("n_rows"), F.sum("n_units").alias("n_units"))
    found = counted.collect()

    def share(column: str) -> tuple[Part, ...]:
        if column not in columns:
            return ()
        return share_files(
            [
                Counted(r["file"], r["size_bytes"], r[column], r["n_rows"], r["n_units"])
                for r in found
            ]
        )

    return Parts(share("ds"), share("codebook_id"))


def share_files(counted: Sequence[Counted]) -> tuple[Part, ...]:
    """Share each file's bytes among its parts by their rows; parts in the order of their names."""
    file_rows: defaultdict[str, int] = defaultdict(int)
    by_name: defaultdict[str, list[Counted]] = defaultdict(list)
    for each in counted:
        file_rows[each.file] += each.n_rows
        by_name[each.name].append(each)
    return tuple(
        Part(
            name=name,
            n_files=len({each.file for each in mine}),
            n_units=sum(each.n_units or 0 for each in mine),
            size_bytes=sum(each.size_bytes * each.n_rows / file_rows[each.file] for each in mine),
        )
        for name, mine in sorted(by_name.items())
    )

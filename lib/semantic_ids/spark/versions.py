"""What can be told of two versions of a source, and that it cannot be told."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from semantic_ids.spark.snapshots import StoredFile
from semantic_ids.spark.sources import Source

__all__ = ["FullRunError", "ReadListing", "kind_of", "listings_of"]

ReadListing: TypeAlias = Callable[[str], Sequence[StoredFile] | None]  # by the digest


class FullRunError(Exception):
    """What changed cannot be told, or is not worth telling; the text says why."""


def kind_of(source: Source, since: str) -> str:
    """Say whether a source's versions are "delta" or "files", now as at an earlier one.

    Raises
    ------
    FullRunError
        If it is of another kind than it was, or has no versions.
    """
    kind = since.partition(":")[0]
    if kind != source.version.partition(":")[0]:
        raise FullRunError("the source is of another kind than it was")
    if kind not in ("delta", "files"):
        raise FullRunError("the source has no versions")
    return kind


def listings_of(
    source: Source, since: str, read_listing: ReadListing
) -> tuple[set[StoredFile], set[StoredFile]]:
    """Give the files of Parquet input at an earlier version and now.

    Raises
    ------
    FullRunError
        If the earlier listing is gone.
    """
    before = read_listing(since.partition(":")[2])
    if before is None:
        raise FullRunError("the listing of the files of the last run is gone")
    return set(before), set(source.listing or ())

"""Whose SIDs a footprint compares: their codebook, what it assigns, and what people call it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from semantic_ids.codebook import Codebook, bytes_to_sids, digits_of
from semantic_ids.errors import InputError, TableError
from semantic_ids.spark.codebooks import read_codebook
from semantic_ids.spark.footprint_inputs import Inputs, SequenceTotals
from semantic_ids.spark.footprint_sample import EventSample
from semantic_ids.spark.sid_inputs import is_assigned
from semantic_ids.spark.sources import Source

__all__ = ["ComparedSids", "compared_sids", "names_of_codebooks", "require_assigned"]


@dataclass(frozen=True)
class ComparedSids:
    """The SIDs that a footprint compares.

    Parameters
    ----------
    codebook_id : str or None
        None where no table says one, or item_sids holds several.
    width : int or None
        Bytes of a SID; None where no table holds one.
    codebook : Codebook or None
        None where no codebooks were given.
    """

    codebook_id: str | None
    width: int | None
    codebook: Codebook | None

    def dim_of(self, collection: str | None) -> int | None:
        """Tell how long a decoded vector is: of a collection, or of the only one there is."""
        lengths = dict(self.codebook.collections) if self.codebook else {}
        if collection is None and len(lengths) == 1:
            return next(iter(lengths.values()))
        return lengths.get(collection or "")


def compared_sids(inputs: Inputs, totals: SequenceTotals | None) -> ComparedSids:
    """Tell the codebook to compare, and check the SIDs of item_sids.

    Without sequences it is the only one in item_sids. Where neither sequences nor codebooks tell
    the bytes of a SID, it has as many as the largest one needs: byte 0 comes first, and is 0 in few
    SIDs.

    Raises
    ------
    TableError
        If item_sids holds a SID that is null, negative or not the codebook's; SIDs of several
        codebooks to compare events by, or none; or if codebooks lacks the codebook.
    """
    table = inputs.item_sids
    codebook_id = totals.codebook_id if totals else _only_codebook(inputs)
    codebook = None
    if inputs.codebooks and codebook_id is not None:
        codebook = _read(inputs.codebooks, codebook_id)
    width = codebook.width if codebook else totals.width if totals else None
    if totals and width != totals.width:
        raise TableError(
            f"sequences: sids must hold the {width} bytes an event of codebook {codebook_id}, got "
            f"{totals.width}"
        )
    if table is None:
        return ComparedSids(codebook_id, width, codebook)
    is_its = F.lit(True) if codebook_id is None else F.col("codebook_id") == codebook_id
    largest = _largest_sid(table, is_its, _fits(codebook, width), codebook_id)
    if inputs.events and (largest is None or codebook_id is None):
        of = f" of codebook {codebook_id}, as sequences has" if totals else ""
        raise TableError(f"item_sids: {table.location} has no SID{of}")
    if width is None and largest is not None:
        width = max(1, -(-largest.bit_length() // 8))
    return ComparedSids(codebook_id, width, codebook)


def _only_codebook(inputs: Inputs) -> str | None:
    table = inputs.item_sids
    if table is None:
        return None
    ids = table.rows.agg(F.min("codebook_id"), F.max("codebook_id"))
    found, another = ids.collect()[0]
    if found == another:
        return None if found is None else str(found)
    if inputs.events:
        raise TableError(
            f"item_sids: {table.location} holds SIDs of codebooks {found} and {another}; "
            "give sequences too, to say which of them to compare"
        )
    return None


def _read(codebooks: Source, codebook_id: str) -> Codebook:
    try:
        return read_codebook(codebooks, codebook_id)
    except TableError as error:
        raise TableError(str(error).replace("codebook: ", "codebooks: ", 1)) from None


def _fits(codebook: Codebook | None, width: int | None) -> Column:
    """Say whether `sid` is one that the codebook assigns, as far as it is known."""
    if codebook:
        return is_assigned(codebook)
    return F.col("sid") < 256**width if width and width < 8 else F.lit(True)


def _largest_sid(
    table: Source, is_its: Column, fits: Column, codebook_id: str | None
) -> int | None:
    sid = F.col("sid")
    is_wrong = is_its & ~fits
    found = table.rows.agg(
        F.count_if(sid.isNull()).alias("n_null"),
        F.count_if(sid < 0).alias("n_negative"),
        F.min("sid").alias("lowest"),
        F.count_if(is_wrong).alias("n_wrong"),
        F.min(F.when(is_wrong, sid)).alias("lowest_wrong"),
        F.max(F.when(is_its, sid)).alias("largest"),
    ).collect()[0]
    if found["n_null"]:
        raise TableError(
            f"item_sids: the SIDs of {table.location} must not be null, got {found['n_null']:,} "
            "nulls"
        )
    if found["n_negative"]:
        raise TableError(
            f"item_sids: the SIDs of {table.location} must not be negative, got "
            f"{found['n_negative']:,} that are, the lowest {found['lowest']}"
        )
    if found["n_wrong"]:
        raise TableError(
            f"item_sids: the SIDs of codebook {codebook_id} in {table.location} must be some that "
            f"it assigns, got {found['n_wrong']:,} others, the lowest {found['lowest_wrong']}"
        )
    largest: int | None = found["largest"]
    return largest


def require_assigned(sequences: Source, sample: EventSample, compared: ComparedSids) -> None:
    """Check that the codebook assigns the SIDs sampled, those of events without one aside.

    Raises
    ------
    TableError
        If one is another.
    """
    if compared.codebook is None:
        return
    try:
        digits_of(bytes_to_sids(sample.symbols, sample.symbols.shape[1]), compared.codebook)
    except InputError as error:
        raise TableError(
            f"sequences: the SIDs of codebook {compared.codebook_id} in {sequences.location} must "
            f"be some that it assigns: {error}"
        ) from None


def names_of_codebooks(codebooks: Source | None) -> Mapping[str, str]:
    """Tell by codebook_id what people call a codebook, and of which collections it is."""
    if codebooks is None:
        return {}
    rows = codebooks.rows.groupBy("codebook_id").agg(
        F.sort_array(F.collect_set("name")).alias("names"),
        F.sort_array(F.array_distinct(F.flatten(F.collect_list(F.map_keys("collections"))))).alias(
            "collections"
        ),
    )
    return {
        row["codebook_id"]: f"{' or '.join(row['names'])}, of {' and '.join(row['collections'])}"
        for row in rows.collect()
    }

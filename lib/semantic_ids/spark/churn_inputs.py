"""The tables of a churn audit: both sides opened, each at its version, their columns checked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession
from pyspark.sql.types import BinaryType, IntegerType, LongType, StringType

from semantic_ids.audit_configs import AuditChurn
from semantic_ids.errors import TableError
from semantic_ids.spark.codebooks import FiledCodebook, open_filed
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of
from semantic_ids.spark.sid_inputs import SidInputs, open_sids, require_names
from semantic_ids.spark.sources import Source, open_source

__all__ = ["ChurnInputs", "Side", "files_there", "open_churn"]

_NO_FILE = re.compile(r"FILE_NOT_EXIST|FileNotFoundException|DELTA_FILE_NOT_FOUND")


@dataclass(frozen=True)
class Side(SidInputs):
    """One of the two states that are compared.

    Parameters
    ----------
    sequences : Source or None
    """

    sequences: Source | None


@dataclass(frozen=True)
class ChurnInputs:
    """Two states of SIDs, and what people call the items.

    Parameters
    ----------
    before, after : Side
        Both have sequences, or none.
    labels : Source or None
    """

    before: Side
    after: Side
    labels: Source | None

    @property
    def is_one_codebook(self) -> bool:
        """Whether the SIDs of both sides mean the same, so that they compare."""
        return self.before.codebook.codebook_id == self.after.codebook.codebook_id

    def given(self) -> list[tuple[str, Source]]:
        """List the tables, each version once, under the keys that people know."""
        found = [("item_sids", self.after.item_sids)]
        if self.is_one_codebook:
            found.append(("item_sids before", self.before.item_sids))
        for key, source in (
            ("sequences", self.after.sequences),
            ("sequences before", self.before.sequences),
            ("labels", self.labels),
        ):
            if source:
                found.append((key, source))
        return found


def open_churn(spark: SparkSession, config: AuditChurn) -> ChurnInputs:
    """Open both sides as the configuration names them.

    Raises
    ------
    TableError
        If a table, a version or a codebook is missing, a table has no column of a name and type
        needed, or both sides are one codebook.
    """
    sids = open_sids(spark, config)
    filed, item_sids, item_id = sids.filed, sids.item_sids, sids.item_id
    sequences_before, sequences = _open_sequences(spark, config)
    after = Side(filed, item_sids, item_id, sequences)
    labels = None
    if config.labels:
        labels = open_source(spark, "labels", config.labels)
        require_names(labels, [config.label, *config.categories], sids)
    if isinstance(config.before, int):
        earlier = _at_version(item_sids, config.before, key="before")
        require_names(earlier, [], sids)
        return ChurnInputs(Side(filed, earlier, item_id, sequences_before), after, labels)
    other = _open_before(spark, config, config.before)
    if other.codebook.codebook_id == filed.codebook.codebook_id:
        raise TableError(
            f"before: must be another codebook than codebook, got {config.before!r}, which means "
            f"{filed.codebook.codebook_id} as {config.codebook!r} does; the number of a version of "
            "item_sids compares one codebook over time"
        )
    return ChurnInputs(Side(other, item_sids, item_id, sequences_before), after, labels)


@contextmanager
def files_there(inputs: ChurnInputs) -> Iterator[None]:
    """Say in a sentence that files of an earlier version are gone, as VACUUM leaves it.

    Raises
    ------
    TableError
        If Spark finds a file gone that it was to read.
    """
    try:
        yield
    except SPARK_ERRORS as error:
        if not _NO_FILE.search(str(error)):
            raise
        versions = " or ".join(source.label for _, source in inputs.given())
        raise TableError(
            f"before: files of {versions} are gone, as VACUUM removes those of earlier versions: "
            "compare with a newer one"
        ) from None


def _open_before(spark: SparkSession, config: AuditChurn, codebook: str) -> FiledCodebook:
    try:
        return open_filed(spark, config.model_copy(update={"codebook": codebook}))
    except TableError as error:
        raise TableError(str(error).replace("codebook: ", "before: ", 1)) from None


def _open_sequences(spark: SparkSession, config: AuditChurn) -> tuple[Source | None, Source | None]:
    if config.sequences is None or config.sequences_before is None:
        return None, None
    after = open_source(spark, "sequences", config.sequences)
    if isinstance(config.sequences_before, int):
        before = _at_version(after, config.sequences_before, key="sequences_before")
    else:
        before = open_source(spark, "sequences_before", config.sequences_before)
    for source in (before, after):
        source.require("n_events", [IntegerType, LongType], "int")
        source.require("sids", [BinaryType], "binary")
        source.require("timestamps", [BinaryType], "binary")
        source.require("codebook_id", [StringType], "string")
    found, wanted = (id_type(source, "user_id") for source in (before, after))
    if found != wanted:
        raise TableError(
            f"sequences_before: user_id must be {wanted.simpleString()} as in {after.location}, "
            f"got {found.simpleString()}"
        )
    return before, after


def _at_version(source: Source, number: int, *, key: str) -> Source:
    """Open an earlier version of a Delta table."""
    newest = source.delta_version
    if newest is None:
        raise TableError(
            f"{key}: {source.location} must be a Delta table to have a version {number}"
        )
    if number > newest:
        raise TableError(
            f"{key}: must be a version of {source.location} up to its newest, {newest}, "
            f"got {number}"
        )
    try:
        rows = source.read_version(number)
    except SPARK_ERRORS as error:
        raise TableError(
            f"{key}: version {number} of {source.location} is gone: {sentence_of(error)}"
        ) from None
    return replace(source, name=key, version=f"delta:{number}", rows=rows)

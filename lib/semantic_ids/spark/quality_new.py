"""Which items are new since a codebook was fitted, where the source can still tell."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from semantic_ids.spark.quality_inputs import QualityInputs
from semantic_ids.spark.session import SPARK_ERRORS, sentence_of

__all__ = ["NewItems", "find_new_items"]


@dataclass(frozen=True)
class NewItems:
    """Which items the codebook's fit could not see, or why that cannot be told.

    Parameters
    ----------
    is_new : ndarray of shape (n,), bool, or None
    why_not : str
        Where is_new is None: the reason, as a clause.
    """

    is_new: npt.NDArray[np.bool_] | None = None
    why_not: str = ""


def find_new_items(inputs: QualityInputs, item_ids: pa.Array) -> NewItems:
    """Look some items up in the version of embeddings that the codebook was fitted on."""
    source, lineage = inputs.embeddings, inputs.filed.lineage
    if lineage.get("embeddings") != source.location:
        fitted_on = lineage.get("embeddings", "vectors without a table")
        return NewItems(None, f"the codebook was fitted on another source, {fitted_on}")
    kind, _, number = str(lineage.get("embeddings_version")).partition(":")
    if kind != "delta" or source.delta_version is None:
        return NewItems(None, "embeddings is no Delta table, so that its earlier rows are unknown")
    if int(number) == source.delta_version:
        return NewItems(np.zeros(len(item_ids), np.bool_))
    try:
        return NewItems(_is_new(inputs, item_ids, int(number)))
    except SPARK_ERRORS as error:
        return NewItems(None, f"version {number} of embeddings is gone: {sentence_of(error)}")


def _is_new(inputs: QualityInputs, item_ids: pa.Array, version: int) -> npt.NDArray[np.bool_]:
    source = inputs.embeddings
    item_id = inputs.item_id.simpleString()
    ids = source.rows.sparkSession.createDataFrame(
        pa.table({"item_id": item_ids.unique()}), f"item_id {item_id}"
    )
    then = source.read_version(version).select(F.col("item_id").cast(inputs.item_id))
    known = then.join(F.broadcast(ids), "item_id", "left_semi").toArrow()["item_id"]
    found = pc.is_in(item_ids, known.combine_chunks())
    return np.asarray(pc.invert(found).to_numpy(zero_copy_only=False))

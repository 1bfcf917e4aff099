"""Items drawn for what needs more than their SIDs: by hash, the same whatever the partitioning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from semantic_ids.codebook import SidCounts
from semantic_ids.errors import TableError
from semantic_ids.spark.drawing import hash_bound, look_up_readable, sample_bound
from semantic_ids.spark.quality_inputs import QualityInputs
from semantic_ids.spark.vectors import ParsedVectors, parse_vectors

__all__ = ["MEMBERS", "Drawn", "draw_items"]

MEMBERS = 100
"""Items of one SID that are looked at, at most."""

_SEED = 20_221  # bucketing and other samples hash item_id too: another seed gives other items
_VECTOR, _LABEL, _CATEGORY = "vector", "label", "category_{}"  # our names of the user's columns


@dataclass(frozen=True)
class Drawn:
    """Items in the order of their hash: the sample first, then members of shared SIDs.

    Parameters
    ----------
    sids : ndarray of shape (n,), int64
    n_sample : int
        Items of the sample; the others were drawn for their SIDs alone.
    valid : ndarray of shape (n,), bool
        Whether the item has an embedding that the codebook takes.
    vectors : ndarray of shape (n_valid, dim), float32
    n_missing : int
        Items of the sample that embeddings does not hold.
    item_ids : pyarrow.Array of n
    labels : list of n str or None
    categories : tuple of pyarrow.Array of n
        Texts or numbers, null where there is none.
    """

    sids: npt.NDArray[np.int64]
    n_sample: int
    valid: npt.NDArray[np.bool_]
    vectors: npt.NDArray[np.float32]
    n_missing: int
    item_ids: pa.Array
    labels: list[str | None]
    categories: tuple[pa.Array, ...]

    @property
    def in_sample(self) -> npt.NDArray[np.bool_]:
        """Which of the n items are valid ones of the sample, shape (n,)."""
        return self.valid & (np.arange(len(self.valid)) < self.n_sample)

    @property
    def sample_vectors(self) -> npt.NDArray[np.float32]:
        """The valid vectors of the sample, which come first."""
        return self.vectors[: int(self.in_sample.sum())]


def draw_items(
    inputs: QualityInputs,
    counts: SidCounts,
    *,
    size: int,
    binary_dtype: str,
    label: str | None,
    categories: Sequence[str],
) -> Drawn:
    """Draw the `size` items of lowest hash, and members of the largest and of drawn shared SIDs.

    Raises
    ------
    TableError
        If no item of the sample has an embedding of the codebook's length.
    """
    items, n_sample = _draw(inputs, counts, size)
    wanted = {_LABEL: label} if label else {}
    wanted |= {_CATEGORY.format(place): name for place, name in enumerate(categories)}
    of_embeddings = {_VECTOR: inputs.collection}
    if inputs.labels is inputs.embeddings:
        of_embeddings, wanted = of_embeddings | wanted, {}
    found = look_up_readable(inputs.embeddings, items["item_id"], of_embeddings)
    beside = look_up_readable(inputs.labels, items["item_id"], wanted) if wanted else found
    parsed = _parse(inputs, found, items["item_id"], n_sample, binary_dtype)
    is_known = found["is_known"].to_numpy()
    return Drawn(
        sids=items["sid"].to_numpy(),
        n_sample=n_sample,
        valid=parsed.valid,
        vectors=parsed.vectors,
        n_missing=int((~is_known[:n_sample]).sum()),
        item_ids=items["item_id"].combine_chunks(),
        labels=beside[_LABEL].to_pylist() if label else [None] * len(items),
        categories=tuple(
            beside[_CATEGORY.format(place)].combine_chunks() for place in range(len(categories))
        ),
    )


def _draw(inputs: QualityInputs, counts: SidCounts, size: int) -> tuple[pa.Table, int]:
    """Collect item_id, sid and place in order, the sample first; say how many it has."""
    place = F.xxhash64("item_id", F.lit(_SEED))
    rows = inputs.sids().withColumn("place", place)
    groups = dict(counts.largest + counts.drawn)
    schema = "sid bigint, bound bigint"
    shared = [(sid, hash_bound(2 * MEMBERS, n_items)) for sid, n_items in groups.items()]
    bounds = F.broadcast(inputs.item_sids.rows.sparkSession.createDataFrame(shared, schema))
    cut = sample_bound(size, counts.n_items)
    near = (F.col("place") <= cut) | (F.col("place") <= F.col("bound"))
    drawn = rows.join(bounds, "sid", "left").where(near).select("item_id", "sid", "place")
    table = drawn.toArrow().sort_by([("place", "ascending"), ("item_id", "ascending")])
    n_sample = min(size, int(pc.sum(pc.less_equal(table["place"], cut)).as_py()))
    rest = table.slice(n_sample)
    of_groups = rest.filter(pc.is_in(rest["sid"], pa.array(list(groups), pa.int64())))
    return pa.concat_tables([table.slice(0, n_sample), of_groups]), n_sample


def _parse(
    inputs: QualityInputs,
    found: pa.Table,
    item_ids: pa.ChunkedArray,
    n_sample: int,
    binary_dtype: str,
) -> ParsedVectors:
    column = found[_VECTOR].combine_chunks()
    dim = inputs.codebook.collections[inputs.collection]
    parsed = parse_vectors(column, dim, binary_dtype=binary_dtype)
    if not parsed.valid[:n_sample].any():
        reason = parsed.reasons[0]
        raise TableError(
            f"embeddings: {inputs.embeddings.location} must hold {inputs.collection!r} of the "
            f"{n_sample:,} items drawn, got none; of {item_ids[0].as_py()!r}, for one, {reason}"
        )
    return parsed

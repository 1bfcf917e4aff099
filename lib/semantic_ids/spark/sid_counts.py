"""One pass over the SIDs of a codebook: counted by task, dealt by hash, added up in flat memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from semantic_ids.codebook import Codebook, Counted, SidCounts, count_equal, deal
from semantic_ids.errors import TableError
from semantic_ids.spark.sequences import BLOB_SETTINGS
from semantic_ids.spark.session import with_settings
from semantic_ids.spark.sid_inputs import (
    SidInputs,
    names_item,
    refuse_nameless,
    refuse_repeated,
)

__all__ = ["count_items"]

_NO_SID = -1  # no codebook assigns it
_ROWS = 1 << 18  # counted at once
_SIDS, _ITEMS, _NAMELESS = 1_000, 2_000, 3_000  # numbers above those of the parts of counts
_SCHEMA = "part int, numbers binary, counts binary"
_ARROW = pa.schema([("part", pa.int32()), ("numbers", pa.binary()), ("counts", pa.binary())])

_Row = tuple[int, bytes, bytes | None]


@dataclass
class _Found:
    """Counts by SID, rows whose item_id is no name, and rows of an item that has another row."""

    sids: SidCounts
    n_nameless: int = 0
    n_repeated: int = 0


def count_items(inputs: SidInputs) -> SidCounts:
    """Count the items of the codebook by what their SIDs are.

    Raises
    ------
    TableError
        If the codebook has no item, SIDs that it never assigns, two of one item, or an item_id
        that is null or no UTF-8.
    """
    table, codebook = inputs.item_sids, inputs.codebook
    found = _count(inputs.sids(), codebook)
    for lowest, n_rows in found.sids.unassigned:
        raise TableError(
            f"{table.name}: the SIDs of codebook {codebook.codebook_id} in {table.location} must "
            f"be some that it assigns, got {n_rows:,} others (a null counts as {_NO_SID}), "
            f"the lowest {lowest}"
        )
    if not found.sids.n_items:
        raise TableError(
            f"{table.name}: {table.location} has no SID of codebook {codebook.codebook_id}: "
            "run quantize_items with it first"
        )
    if found.n_nameless:
        refuse_nameless(inputs)
    if found.n_repeated:
        refuse_repeated(inputs)
    return found.sids


def _count(rows: DataFrame, codebook: Codebook) -> _Found:
    """Count rows of `item_id` and `sid`.

    Tasks count symbols and deal SIDs and items to buckets by hash; all of a bucket then meet in one
    task, which counts them, and so do the tables of two bytes, which it adds up.
    """
    layout = codebook.layout  # what workers need of it

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = _Found(SidCounts(layout))
        for sids, items in _many(batches):
            found.sids.add(sids)
            known = items.drop_null()
            found.n_nameless += len(items) - len(known)
            yield _to_batch(_dealt(_SIDS, sids))
            yield _to_batch(_dealt(_ITEMS, known.to_numpy()))
        yield _to_batch(_parts(found))

    def add_up(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield _to_batch(_parts(_add_up(SidCounts(layout), _rows(batches))))

    with with_settings(rows.sparkSession, BLOB_SETTINGS):
        counted = rows.select("sid", _key(rows)).mapInArrow(count, _SCHEMA)
        dealt = counted.repartition("part").sortWithinPartitions("part")
        parts = dealt.mapInArrow(add_up, _SCHEMA).toArrow()
    return _add_up(SidCounts(layout), sorted(_rows(parts.to_batches()), key=itemgetter(0)))


def _key(rows: DataFrame) -> Column:
    """Tell items apart by 64 bits; null where item_id names no item."""
    item_id = F.col("item_id")
    is_text = isinstance(rows.schema["item_id"].dataType, StringType)
    return F.when(names_item(rows), F.xxhash64(item_id) if is_text else item_id).alias("key")


def _many(
    batches: Iterator[pa.RecordBatch],
) -> Iterator[tuple[npt.NDArray[np.int64], pa.Array]]:
    """Join batches until they have many rows: SIDs, -1 where there is none, and keys of items."""
    held: list[pa.RecordBatch] = []
    n_held = 0
    for batch in batches:
        held.append(batch)
        n_held += len(batch)
        if n_held >= _ROWS:
            yield _joined(held)
            held, n_held = [], 0
    if held:
        yield _joined(held)


def _joined(held: list[pa.RecordBatch]) -> tuple[npt.NDArray[np.int64], pa.Array]:
    sids, items = pa.Table.from_batches(held).combine_chunks().columns
    return pc.fill_null(sids, _NO_SID).to_numpy(), items.combine_chunks()


def _dealt(first: int, numbers: npt.NDArray[np.int64]) -> Iterator[_Row]:
    """Give a row to each bucket; counts that are all 1 are left out."""
    for bucket, counted in deal(count_equal(numbers)):
        counts = counted.counts.tobytes() if (counted.counts > 1).any() else None
        yield first + bucket, counted.numbers.tobytes(), counts


def _add_up(sids: SidCounts, rows: Iterable[_Row]) -> _Found:
    """Add up rows that stand in the order of their parts."""
    found = _Found(sids)
    for part, same in groupby(rows, key=itemgetter(0)):
        if part < _SIDS:
            for _, counts, _ in same:
                sids.add_part(part, counts)
        elif part < _ITEMS:
            sids.add_groups(*_bucket(same))
        elif part < _NAMELESS:
            rows_of = _bucket(same).counts
            found.n_repeated += int(rows_of[rows_of > 1].sum())
        else:
            for _, numbers, _ in same:
                nameless, repeated = np.frombuffer(numbers, np.int64).tolist()
                found.n_nameless += nameless
                found.n_repeated += repeated
    return found


def _bucket(rows: Iterable[_Row]) -> Counted:
    pairs = [(np.frombuffer(a, np.int64), b) for _, a, b in rows]
    numbers = np.concatenate([a for a, _ in pairs])
    if all(b is None for _, b in pairs):
        return count_equal(numbers)
    counts = [np.ones_like(a) if b is None else np.frombuffer(b, np.int64) for a, b in pairs]
    return count_equal(numbers, np.concatenate(counts))


def _parts(found: _Found) -> Iterator[_Row]:
    for number, counts in found.sids.parts():
        yield number, counts, None
    yield _NAMELESS, np.array([found.n_nameless, found.n_repeated]).tobytes(), None


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[_Row]:
    for batch in batches:
        parts, *blobs = batch.columns
        yield from zip(parts.to_pylist(), *(blob.to_pylist() for blob in blobs), strict=True)


def _to_batch(rows: Iterable[_Row]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(_ARROW)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, _ARROW.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_ARROW)

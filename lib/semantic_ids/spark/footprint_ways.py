"""The ways to store events or items that a footprint compares. No Spark here."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from semantic_ids.codebook import bytes_to_sids, from_int8, relative_error, to_int8
from semantic_ids.spark.footprint_sample import ByteArray, EventSample, Int64Array, Items

__all__ = [
    "WAYS",
    "Values",
    "Way",
    "distribution",
    "fits_float16",
    "is_scalar",
    "prefix_ids",
    "ways_of",
    "ways_of_items",
]

WAYS = ("sids", "ngrams", "codes", "item_ids", "int8", "float16", "float32")
_N_PREFIXES = 3

Values: TypeAlias = npt.NDArray[Any] | pa.Array
"""Shape (n, k): packed into binaries, k values each. Otherwise n scalars."""


@dataclass(frozen=True)
class Way:
    """One way to store units: what it is called, and its columns for some of the units.

    Parameters
    ----------
    name, title, detail : str
        As those of an Arm.
    raw_bytes, n_units : int
        The bytes of the values of all units, and their number.
    columns : callable
        Takes units by place, gives the values of each column.
    is_list : bool
        Whether a unit is a list of as many scalars as the SID has bytes.
    lost : float or None
        Relative error of the vectors that it gives back.
    """

    name: str
    title: str
    detail: str
    raw_bytes: int
    n_units: int
    columns: Callable[[Int64Array], dict[str, Values]]
    is_list: bool = False
    lost: float | None = None

    @property
    def bytes_per_unit(self) -> float:
        """Raw bytes of a unit, at least one."""
        return max(1.0, self.raw_bytes / self.n_units)


def is_scalar(values: Values) -> bool:
    """Say whether each unit has one value, and not several to pack."""
    return not (isinstance(values, np.ndarray) and values.ndim == 2)


def prefix_ids(symbols: ByteArray) -> list[Int64Array]:
    """Give the ids of the prefixes of 1, 2 and 3 bytes, or of all bytes where there are fewer.

    Parameters
    ----------
    symbols : ndarray of shape (n, width), uint8

    Returns
    -------
    list of 3 ndarrays of shape (n,), int64
    """
    lengths = [min(n, symbols.shape[1]) for n in range(1, _N_PREFIXES + 1)]
    return [bytes_to_sids(np.ascontiguousarray(symbols[:, :n]), n) for n in lengths]


def distribution(symbols: ByteArray) -> tuple[int, float]:
    """Count the distinct SIDs of events, and give the entropy of their distribution.

    Parameters
    ----------
    symbols : ndarray of shape (n, width), uint8

    Returns
    -------
    int
    float
        In bytes per event.
    """
    _, counts = np.unique(bytes_to_sids(symbols, symbols.shape[1]), return_counts=True)
    shares = counts / counts.sum()
    return len(counts), float(abs(shares @ np.log2(shares))) / 8


def fits_float16(vectors: npt.NDArray[np.float32]) -> bool:
    """Say whether float16 holds all values without loss."""
    with np.errstate(over="ignore"):
        return bool((vectors.astype(np.float16) == vectors).all())


def ways_of(sample: EventSample) -> list[Way]:
    """List the ways to store events, ours first."""
    return _ways(sample.symbols, sample.symbols, sample.items, sample.places)


def ways_of_items(items: Items) -> list[Way]:
    """List the ways to store items, ours first."""
    sids = bytes_to_sids(items.symbols, items.symbols.shape[1])
    return _ways(items.symbols, sids, items, np.arange(len(sids)))


def _ways(
    symbols: ByteArray, sids: Values, items: Items | None, places: Int64Array | None
) -> list[Way]:
    n, width = symbols.shape
    prefixes = prefix_ids(symbols)
    ways = [
        Way("sids", "SIDs", f"{width} bytes", n * width, n, lambda rows: {"sids": sids[rows]}),
        Way(
            "ngrams",
            "three int64 n-gram ids",
            "SID prefixes of 1, 2 and 3 bytes",
            n * 8 * _N_PREFIXES,
            n,
            lambda rows: {f"prefix_{k}": ids[rows] for k, ids in enumerate(prefixes, start=1)},
        ),
        Way(
            "codes",
            "a list of codes",
            f"{width} int32 in an array",
            n * 4 * width,
            n,
            lambda rows: {"codes": symbols[rows].astype(np.int32)},
            is_list=True,
        ),
    ]
    if items is not None and places is not None:
        ways.append(_item_id_way(items.ids, places))
        if items.vectors is not None:
            ways.append(_int8_way(items.vectors, places))
            ways += [_float_way(items.vectors, places, kind) for kind in ("float16", "float32")]
    return ways


def _item_id_way(ids: pa.Array, places: Int64Array) -> Way:
    is_text = pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)
    lengths = pc.binary_length(ids).to_numpy() if is_text else np.full(len(ids), 8)
    return Way(
        "item_ids",
        "item ids",
        "string" if is_text else "bigint",
        int(lengths[places].sum()),
        len(places),
        lambda rows: {"item_id": ids.take(pa.array(places[rows]))},
    )


def _int8_way(vectors: npt.NDArray[np.float32], places: Int64Array) -> Way:
    rounded = to_int8(vectors)
    scales = rounded.scales.astype("<f4")[:, None]
    dim = vectors.shape[1]
    return Way(
        "int8",
        "int8 embeddings",
        f"{dim} values and a float32 scale",
        len(places) * (dim + scales.itemsize),
        len(places),
        lambda rows: {"embedding": rounded.codes[places[rows]], "scale": scales[places[rows]]},
        lost=_lost(vectors, from_int8(rounded)),
    )


def _float_way(vectors: npt.NDArray[np.float32], places: Int64Array, kind: str) -> Way:
    dtype = np.dtype(kind).newbyteorder("<")
    with np.errstate(over="ignore"):
        floats = vectors.astype(dtype, copy=False)
    return Way(
        kind,
        f"{kind} embeddings",
        f"{floats.shape[1]} values",
        len(places) * floats.shape[1] * dtype.itemsize,
        len(places),
        lambda rows: {"embedding": floats[places[rows]]},
        lost=_lost(vectors, floats.astype(np.float32)),
    )


def _lost(vectors: npt.NDArray[np.float32], back: npt.NDArray[np.float32]) -> float | None:
    """Give the relative error; None where the vectors do not vary, or a value did not fit."""
    if not np.isfinite(back).all():
        return None
    error = relative_error(vectors, back)
    return error if math.isfinite(error) else None

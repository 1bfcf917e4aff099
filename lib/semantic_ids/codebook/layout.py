"""Which byte of a SID holds what.

A byte is made of factors, each with a radix: 3 for a ternary digit, 2 for a sign, K for a table of
K centroids. Its symbol is the mixed-radix number of the factors' values, the first factor lowest.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook.stage import DIGIT_KINDS, Stage
from semantic_ids.errors import SpecError

MAX_WIDTH = 8
VALUES = 256
DIGITS = {"ternary": (-1, 0, 1), "binary": (-1, 1)}

DigitArray: TypeAlias = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ByteLayout:
    """One byte of a SID: its kind, its factors, its first row of the basis and its stage."""

    kind: str
    radices: tuple[int, ...]
    first_row: int
    stage: int

    @property
    def n_values(self) -> int:
        """Number of symbols the byte can take."""
        return math.prod(self.radices)

    @property
    def n_digits(self) -> int:
        """Number of ternary or binary digits; 0 for centroids."""
        return len(self.radices) if self.kind in DIGIT_KINDS else 0

    @property
    def n_rows(self) -> int:
        """Number of rows of the basis."""
        return self.n_digits or sum(self.radices)

    @property
    def rows(self) -> slice:
        """The byte's rows of the basis."""
        return slice(self.first_row, self.first_row + self.n_rows)

    @property
    def factors(self) -> list[slice]:
        """The rows of the basis of each factor: one of a digit, K of a table of K centroids."""
        sizes = [1] * self.n_digits or self.radices
        ends = self.first_row + np.cumsum(sizes)
        return [slice(end - size, end) for end, size in zip(ends.tolist(), sizes, strict=True)]

    @cached_property
    def design(self) -> DigitArray:
        """Design matrix D, shape (n_values, n_rows): the byte's table is ``T = D V``."""
        values = np.stack(
            np.unravel_index(np.arange(self.n_values), self.radices, order="F"), axis=1
        )
        if self.n_digits:
            return np.array(DIGITS[self.kind], np.int8)[values]
        one_hots = [np.eye(K, dtype=np.int8)[values[:, i]] for i, K in enumerate(self.radices)]
        return np.concatenate(one_hots, axis=1)


Layout: TypeAlias = tuple[ByteLayout, ...]


@lru_cache(maxsize=256)
def lay_out(stages: tuple[Stage, ...]) -> Layout:
    """Assign stages to the bytes of a SID.

    Byte 0 has at most 128 values where the SID has 8 bytes, so that it is never negative, and at
    most 255 where all bytes would be full, so that the null SID stays free. A stage that asks for
    more in byte 0 gets what fits: ``centroids: 256`` becomes 255 or 128 centroids.

    Raises
    ------
    SpecError
        If the stages need more than 8 bytes.
    """
    for room in (VALUES, VALUES - 1, VALUES // 2):
        layout = _fill(stages, room)
        full = all(byte.n_values == VALUES for byte in layout)
        if len(layout) < MAX_WIDTH and not full:
            return layout
    if len(layout) == MAX_WIDTH:
        return layout
    raise SpecError(_what_fits(stages))


def _fill(stages: Sequence[Stage], room: int) -> Layout:
    """Fill bytes stage by stage, byte 0 with at most `room` values and the others with 256.

    Stops after the first byte too many.
    """
    layout: list[ByteLayout] = []
    first_row = 0
    for index, stage in enumerate(stages):
        left = stage.counts[0]
        while left > 0 and len(layout) <= MAX_WIDTH:
            limit = VALUES if layout else room
            if stage.kind in DIGIT_KINDS:
                radix = len(DIGITS[stage.kind])
                radices = (radix,) * min(left, int(math.log(limit + 0.5, radix)))
                left -= len(radices)
            else:
                radices, left = _centroid_radices(stage.counts, limit), 0
            layout.append(ByteLayout(stage.kind, radices, first_row, index))
            first_row += layout[-1].n_rows
    return tuple(layout)


def _centroid_radices(counts: tuple[int, ...], limit: int) -> tuple[int, ...]:
    if math.prod(counts) > VALUES:
        raise SpecError(
            f"centroids must give at most {VALUES} values in a byte, got {list(counts)}"
        )
    *others, last = counts
    return (*others, min(last, limit // math.prod(others)))


def _what_fits(stages: tuple[Stage, ...]) -> str:
    said = f"stages must fit in {MAX_WIDTH} bytes, got {[stage.to_dict() for stage in stages]}"
    *others, last = stages
    if last.kind in DIGIT_KINDS:
        for count in range(min(last.counts[0] - 1, 8 * MAX_WIDTH), 0, -1):
            if len(_fill([*others, Stage(last.kind, (count,))], VALUES // 2)) <= MAX_WIDTH:
                return f"{said}: the last stage would fit with {last.kind}: {count}"
    return f"{said}: use fewer stages"


def stage_rows(layout: Layout) -> list[tuple[str, slice]]:
    """Return each stage's kind and its rows of the basis."""
    groups = (list(group) for _, group in itertools.groupby(layout, key=lambda byte: byte.stage))
    return [(group[0].kind, slice(group[0].rows.start, group[-1].rows.stop)) for group in groups]


def symbol_starts(layout: Layout) -> npt.NDArray[np.int64]:
    """Return the first symbol of each byte in arrays over all symbols, shape (width + 1,)."""
    return np.cumsum([0, *(byte.n_values for byte in layout)], dtype=np.int64)

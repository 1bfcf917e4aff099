"""The browse page as one HTML file: the catalogue as JSON inside, and scripts that walk it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from semantic_ids.codebook import sids_to_bytes, squared_norms
from semantic_ids.report.browse import TITLE_COLUMNS, Catalogue, browse_headline
from semantic_ids.report.packaged import in_base64, render_packaged
from semantic_ids.report.texts import clean

__all__ = ["browse_to_html"]

_N_TITLES = 3


def browse_to_html(catalogue: Catalogue) -> str:
    """Give the page; the same catalogue gives the same text.

    Raises
    ------
    ImportError
        If the extra `report` is not installed.
    """
    catalogue = replace(catalogue, name=clean(catalogue.name))
    return render_packaged(
        "browse",
        "browse_tree",
        "browse_search",
        "browse_columns",
        "browse_item",
        catalogue=catalogue,
        headline=browse_headline(catalogue),
        title_columns=TITLE_COLUMNS,
        rows=list(_rows_of_byte_0(catalogue)),
        # a `<` would let a title end the element that holds the JSON
        values=_json(_values(catalogue)).replace("<", r"\u003c"),
    )


def _values(catalogue: Catalogue) -> dict[str, Any]:
    """Give what the scripts read; arrays are little-endian in base64.

    symbols, uint8 of shape (width, n), holds one byte of all items after the other; basis, int16 of
    shape (n_rows, dim), and scale give distances without error: a byte's table row is a sum of
    rows of the basis, and `scale` the square of their unit.
    """
    codebook = catalogue.codebook.leading
    symbols = sids_to_bytes(catalogue.sids, codebook.width)
    names, category_of = _categories(catalogue.shown_categories)
    return {
        "name": catalogue.name,
        "n_items": catalogue.n_items,
        "n": len(catalogue.sids),
        "layout": [{"kind": byte.kind, "radices": byte.radices} for byte in codebook.layout],
        "dim": codebook.dim,
        "basis": _packed(codebook.basis, "<i2"),
        "scale": 4.0**codebook.basis_exponent,
        "symbols": _packed(symbols.T, "u1"),
        "norms": _packed(squared_norms(catalogue.sids, codebook), "<f8"),
        "ids": catalogue.shown_ids,
        "titles": catalogue.shown_titles if any(catalogue.shown_titles) else None,
        "category": catalogue.shown_category,
        "categories": names,
        "category_of": _packed(category_of, "<i4"),
        "prefixes": _packed(catalogue.counts.prefixes, "<u2") if catalogue.is_sample else None,
        "prefix_counts": _packed(catalogue.counts.n_items, "<f8") if catalogue.is_sample else None,
    }


def _categories(categories: Sequence[str | None]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Give the distinct categories, and each item's place among them: -1 where it has none."""
    names = sorted({name for name in categories if name})
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places.get(name or "", -1) for name in categories], np.int64)


class _Row(NamedTuple):
    symbol: str
    n_items: int
    share: float
    titles: list[str]


def _rows_of_byte_0(catalogue: Catalogue) -> Iterator[_Row]:
    """List the symbols of byte 0 with their items, for readers without JavaScript."""
    width = catalogue.codebook.width
    counted = catalogue.counts.prefixes >> (8 if width > 1 else 0)
    symbols = sids_to_bytes(catalogue.sids, width)[:, 0]
    totals = np.bincount(counted, weights=catalogue.counts.n_items)
    titles = catalogue.shown_titles
    for symbol in np.unique(counted).tolist():
        first, last = np.searchsorted(symbols, [symbol, symbol + 1]).tolist()
        places = range(first, min(first + _N_TITLES, last))
        some = [titles[place] or catalogue.shown_ids[place] for place in places]
        n_items = int(totals[symbol])
        yield _Row(f"{symbol:02x}", n_items, n_items / catalogue.n_items, some)


def _packed(values: npt.NDArray[Any], dtype: str) -> str:
    return in_base64(values.astype(dtype).tobytes())


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

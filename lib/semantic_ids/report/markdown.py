"""Small pieces of Markdown."""

import re
from collections.abc import Collection, Sequence

from semantic_ids.report.texts import clean

__all__ = ["bullet", "escaped", "grid"]

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"})
# Punctuation that may be markup; an underscore within a word, as in item_sids, is none.
_MARKUP = re.compile(r"[\\`*\[\]~$#]|(?<![^\W_])_|_(?![^\W_])|(?<=[a-z]):(?=//)|(?<=www)\.", re.I)
_BLOCK = re.compile(r"[-+=]|\d+(?=[.)](?:\s|$))")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int]) -> str:
    """Give a table; the columns at the places in `right` align right."""
    rule = ["---:" if place in right else "---" for place in range(len(header))]
    return "\n".join(_row(cells) for cells in (header, rule, *rows))


def escaped(text: str) -> str:
    """Give text on one line so that it reads as it is: no markup, cell, link or HTML in it.

    Marks that turn the direction of writing are left out: Markdown cannot isolate them.
    """
    flat = _DIRECTIONS.sub("", clean(text)).strip()
    marked = _MARKUP.sub(r"\\\g<0>", flat).translate(_ENTITIES)
    block = _BLOCK.match(marked)
    if not block:
        return marked
    end = block.end() if block[0][-1].isdigit() else 0
    return f"{marked[:end]}\\{marked[end:]}"


def bullet(lines: Sequence[str]) -> str:
    """Give a list."""
    return "\n".join(f"- {line}" for line in lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

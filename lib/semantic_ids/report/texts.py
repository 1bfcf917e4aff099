"""Texts from users on one line: no control characters, no more than there is room for."""

import re
import unicodedata

__all__ = ["clean", "columns_of", "shorten"]

_FIRST_PICTURE = 0x2400  # the control pictures stand in the order of the C0 controls
_SPACES = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")
_JOINERS = "\u200d\ufe0e\ufe0f"
_LONGEST_CHARACTER = 16  # code points; a base under more accents than that is cut all the same


def clean(text: str) -> str:
    """Give text on one line, with a picture in place of what no page may hold.

    Line ends and tabs become a space; NUL becomes U+2400 and so on; other controls, lone
    surrogates and noncharacters become U+FFFD.
    """
    return _UNSEEN.sub(_picture, _SPACES.sub(" ", text))


def shorten(text: str, columns: int) -> str:
    """Cut cleaned text to a width, an ellipsis included; wide characters count twice."""
    if columns_of(text[: columns + 1]) <= columns and len(text) <= columns:
        return text
    kept = text[: columns - 1]
    while columns_of(kept) > columns - 1:
        kept = kept[:-1]
    end = len(kept)
    for _ in range(min(end, _LONGEST_CHARACTER)):
        if not _parts_a_character(text, end):
            break
        end -= 1
    return f"{kept[:end].rstrip()}…"


def columns_of(text: str) -> int:
    """Count the columns that text takes in a fixed-width font, about."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _parts_a_character(text: str, place: int) -> bool:
    """Tell whether a cut at a place would take an accent, or half of an emoji, from its base."""
    after = text[place]
    return bool(unicodedata.combining(after)) or after in _JOINERS or text[place - 1] == "\u200d"


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(_FIRST_PICTURE + code) if code < 0x20 else "\ufffd"

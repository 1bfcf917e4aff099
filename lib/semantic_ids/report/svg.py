"""A figure of matplotlib as SVG that lives inside a page: its fonts, its colours, unique ids."""

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["INK", "SERIES", "inline_svg", "quiet_matplotlib"]

# matplotlib knows no CSS, so these stand for what the page decides in light and in dark.
INK, _GRID = "#a000f0", "#a000f1"
SERIES = ("#a00000", "#a00001", "#a00002", "#a00003", "#a00004", "#a00005")

# Okabe and Ito's palette; page.css has the same in light, and its brighter half in dark.
_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_CSS = {INK: "currentColor", _GRID: "var(--line, #d0d0d0)"} | {
    stand_in: f"var(--series-{place}, {colour})"
    for place, (stand_in, colour) in enumerate(zip(SERIES, _PALETTE, strict=True))
}
_COLOUR = re.compile("|".join(_CSS))
_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_REFERENCE = re.compile(r"(?<=url\(#)|(?<=^#)")
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": INK,
    "font.size": 12,
    "axes.edgecolor": INK,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "xtick.color": INK,
    "xtick.major.size": 0,
    "ytick.color": INK,
    "ytick.major.size": 0,
}


@contextmanager
def quiet_matplotlib(salt: str) -> Iterator[None]:
    """Let matplotlib draw our way: whatever its settings files say, and without remarks on fonts.

    Parameters
    ----------
    salt : str
        What ids are made from.
    """
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    import matplotlib

    try:
        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a label's glyph that its font lacks
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_SETTINGS | {"svg.hashsalt": salt})
            yield
    finally:
        log.setLevel(level)


def inline_svg(figure: "Figure", *, key: str, title: str) -> str:
    """Give a figure as an `svg` element.

    Parameters
    ----------
    figure : Figure
        Its colours are those of this module.
    key : str
        Unique within the page: every id begins with it.
    title : str
        What the picture shows, for those who do not see it.
    """
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata=_NO_METADATA)
    root = ElementTree.fromstring(file.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        _fit(element, key)
    view = root.get("viewBox", "")
    root.attrib = {
        "viewBox": view,
        "role": "img",
        "aria-labelledby": f"{key}-title",
    }
    label = ElementTree.Element("title", {"id": f"{key}-title"})
    label.text = title
    root.insert(0, label)
    return ElementTree.tostring(root, encoding="unicode")


def _fit(element: ElementTree.Element, key: str) -> None:
    """Take namespaces from names, put the key before ids, and the page's colours into styles."""
    element.tag = _local(element.tag)
    element.attrib = {
        _local(name): _value(_local(name), value, key) for name, value in element.attrib.items()
    }


def _value(name: str, value: str, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if name in ("href", "clip-path"):
        return _REFERENCE.sub(f"{key}-", value)
    if name == "style":
        return _COLOUR.sub(lambda match: _CSS[match[0]], _FAMILY.sub("", value))
    return value


def _local(name: str) -> str:
    return name.rpartition("}")[2]

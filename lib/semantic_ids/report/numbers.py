"""How measured values read: thousands apart, per cent, significant digits, bytes.

Only for eyes: CSV and JSON hold values as measured.
"""

import math
import sys

from semantic_ids.report.page import Kind, Value
from semantic_ids.report.texts import clean

__all__ = ["NOTHING", "compact", "shown"]

NOTHING = "\N{EN DASH}"
_DIGITS = 4
_PREFIXES = ("", "k", "M", "G", "T", "P")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def shown(value: Value, kind: Kind) -> str:
    """Give a cell as people read it.

    Parameters
    ----------
    value : str, int, float or None
    kind : str
        Its column's. A text column shows a number as it is: it is an id.

    Returns
    -------
    str
        None is a dash. Bytes are in powers of 1000.
    """
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return clean(value)
    if kind == "text":
        return str(value)
    size = abs(value)
    if kind == "share":
        return _signed(f"{_percent(size)} %", value)
    return _signed(_bytes(size) if kind == "bytes" else _number(size), value)


def compact(value: float, kind: Kind) -> str:
    """Give a value at an axis, in few characters: `20 %`, `1.5 k`, `12 MB`."""
    size = _times_hundred(abs(value)) if kind == "share" else abs(value)
    scaled, prefix = (size, "") if kind == "share" else _scaled(size, 1000)
    unit = {"share": "%", "bytes": "B"}.get(kind, "")
    if scaled and not 1e-4 <= scaled < 1e4:
        return _signed(f"{_scientific(size)} {unit}".rstrip(), value)
    return _signed(f"{scaled:.6g} {prefix}{unit}".rstrip(), value)


def _number(size: float) -> str:
    if isinstance(size, int):
        return f"{size:,}"
    if size == 0:
        return "0"
    if not 1e-4 <= size < 1e15:
        return _scientific(size)
    return f"{size:,.{_decimals(size)}f}"


def _decimals(size: float) -> int:
    """Count the decimals that show four significant digits."""
    exponent = int(f"{size:.{_DIGITS - 1}e}".partition("e")[2])
    return max(0, _DIGITS - 1 - exponent)


def _scientific(size: float) -> str:
    mantissa, _, exponent = f"{size:.2e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    digits = mantissa.rstrip("0").rstrip(".")
    return power if digits == "1" else f"{digits} \N{MULTIPLICATION SIGN} {power}"


def _percent(share: float) -> str:
    """Show one decimal, and more where a share is almost none or almost all."""
    percent = _times_hundred(share)
    distance = min(percent, abs(100 - percent))
    if not distance:
        return f"{percent:.0f}"
    if distance >= 1:
        return f"{percent:,.1f}"
    if distance < 1e-4 and percent < 1:
        return _scientific(percent)
    if distance < 1e-4:
        return "> 99.9999" if percent < 100 else "100.0"
    return f"{percent:.{1 - math.floor(math.log10(distance))}f}"


def _times_hundred(share: float) -> float:
    return min(share * 100, sys.float_info.max)


def _bytes(size: float) -> str:
    scaled, prefix = _scaled(size, 999.95)
    if not prefix:
        return f"{_number(size)} B"
    return f"{scaled:,.{_decimals(scaled)}f} {prefix}B"


def _scaled(size: float, bound: float) -> tuple[float, str]:
    """Divide by the power of 1000 that leaves less than a bound, as far as there are prefixes."""
    power = 0
    while size >= bound and power < len(_PREFIXES) - 1:
        size, power = size / 1000, power + 1
    return size, _PREFIXES[power]


def _signed(text: str, value: float) -> str:
    return f"\N{MINUS SIGN}{text}" if value < 0 else text

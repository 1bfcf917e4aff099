import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.report.numbers import compact, shown

MINUS = "\N{MINUS SIGN}"
finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "count", "\N{EN DASH}"),
        ("a\nb", "number", "a b"),
        (1234567, "text", "1234567"),
        (0, "count", "0"),
        (1234567, "count", "1,234,567"),
        (-1234, "count", f"{MINUS}1,234"),
        (2**63 - 1, "count", "9,223,372,036,854,775,807"),
        (0.0, "number", "0"),
        (0.48213, "number", "0.4821"),
        (2.2, "number", "2.200"),
        (9.99996, "number", "10.00"),
        (33, "number", "33"),
        (-33.0, "number", f"{MINUS}33.00"),
        (123456.7, "number", "123,457"),
        (1e-5, "number", "10⁻⁵"),
        (1.23e20, "number", "1.23 \N{MULTIPLICATION SIGN} 10²⁰"),
        (0, "share", "0 %"),
        (1.0, "share", "100 %"),
        (0.5, "share", "50.0 %"),
        (0.001234, "share", "0.12 %"),
        (0.99998, "share", "99.9980 %"),
        (1 - 1e-9, "share", "> 99.9999 %"),
        (1 + 1e-9, "share", "100.0 %"),
        (1e-9, "share", "10⁻⁷ %"),
        (1.5, "share", "150.0 %"),
        (-0.02, "share", f"{MINUS}2.0 %"),
        (812, "bytes", "812 B"),
        (2.234, "bytes", "2.234 B"),
        (999, "bytes", "999 B"),
        (999_949, "bytes", "999.9 kB"),
        (999_960, "bytes", "1.000 MB"),
        (1.5e12, "bytes", "1.500 TB"),
        (10**21, "bytes", "1,000,000 PB"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value, kind, text):
    assert shown(value, kind) == text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0, "count", "0"),
        (20_000, "count", "20 k"),
        (1_500_000, "number", "1.5 M"),
        (1e20, "number", "10²⁰"),
        (1e-7, "number", "10⁻⁷"),
        (0.1 + 0.2, "number", "0.3"),
        (0.3, "share", "30 %"),
        (1e-7, "share", "10⁻⁵ %"),
        (12e6, "bytes", "12 MB"),
        (-5, "bytes", f"{MINUS}5 B"),
    ],
)
def test_a_tick_takes_few_characters(value, kind, text):
    assert compact(value, kind) == text


@given(finite, st.sampled_from(["count", "number", "bytes", "share"]))
def test_every_number_is_shown_within_one_in_a_thousand_with_its_sign(value, kind):
    for text in (shown(value, kind), compact(value, kind)):
        assert text.startswith(MINUS) == (value < 0)
    text = shown(value, kind)
    if kind in ("count", "number") and "10" not in text:
        read = float(text.replace(MINUS, "-").replace(",", ""))
        assert math.isclose(read, value, rel_tol=1e-3)

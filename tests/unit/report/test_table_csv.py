import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.report import Column, Table
from semantic_ids.report.table_csv import to_csv

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
texts = st.text(st.sampled_from("\t\r\n;'\" =+-@") | st.characters(categories=["L", "N", "P", "S"]))


def rows_of(text):
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def field(value):
    table = Table((Column("a", "A"), Column("b", "B")), ((value, 1),))
    return rows_of(to_csv(table))[1][0]


def test_names_and_values_are_written_as_measured():
    columns = (Column("item", "An item"), Column("n", "N", "count"), Column("x", "X", "number"))
    rows = (("a,b", 1234567, 0.1), ('say "no"', None, -1.5e-7), ("", 0, 2.0))
    assert to_csv(Table(columns, rows)) == (
        'item,n,x\r\n"a,b",1234567,0.1\r\n"say ""no""",,-1.5e-07\r\n,0,2.0\r\n'
    )


def test_an_empty_table_is_its_header():
    assert to_csv(Table((Column("a", "A"),), ())) == "a\r\n"


@pytest.mark.parametrize("sign", [*SIGNS, "\t", "\r", "\n", " =", '"=', "'+"])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(sign):
    text = f"{sign}cmd|' /C calc'!A0"
    assert field(text) == f"'{text}"


@pytest.mark.parametrize("text", ["a=b", "a - b", "x@y", "1+1", "a\tb", "'a'", "e = mc", "x; y"])
def test_a_harmless_text_is_left_as_it_is(text):
    assert field(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jam;=1+1", "jam;'=1+1"),
        ("jam; =1+1", "jam;' =1+1"),
        ('jam;"=1+1"', 'jam;\'"=1+1"'),
        ("jam\t-2", "jam\t'-2"),
        ("jam\r\n@x", "jam\r\n'@x"),
        ("jam;1", "jam;1"),
    ],
)
def test_a_formula_within_a_text_is_disarmed_where_another_locale_begins_a_cell(text, said):
    assert field(text) == said


def test_numbers_are_never_touched():
    assert field(-5) == "-5"
    assert field(-0.5) == "-0.5"


def test_controls_become_pictures():
    assert field("a\x00b\x1b[31m") == "a␀b␛[31m"


@given(texts)
def test_a_text_comes_back_but_for_apostrophes_and_begins_no_formula(text):
    said = field(text)
    assert said.replace("'", "") == text.replace("'", "")
    assert said.lstrip()[:1] not in tuple(SIGNS)
    assert said[:1] not in ("\t", "\r", "\n")

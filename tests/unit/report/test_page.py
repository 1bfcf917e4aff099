import numpy as np
import pytest

from semantic_ids.report import Chart, Column, Finding, Page, Section, Table, worst

X = Column("x", "X", "count")
ONE = Table((X,), ((1,),))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_table_refuses_what_is_not_finite(value):
    with pytest.raises(ValueError, match="x: a value must be finite or None, got"):
        Table((X,), ((value,),))


@pytest.mark.parametrize("value", [np.int64(1), np.float32(1), b"x", [1]])
def test_a_table_refuses_what_json_cannot_hold(value):
    with pytest.raises(ValueError, match="x: a value must be str, int, float or None, got a "):
        Table((X,), ((value,),))


def test_a_table_refuses_a_row_of_another_length():
    with pytest.raises(ValueError, match="a row must have 1 values, got 2"):
        Table((X,), ((1, 2),))


def test_a_table_refuses_two_columns_of_one_name():
    with pytest.raises(ValueError, match=r"columns: names must differ, got \['x', 'x'\]"):
        Table((X, X), ())


def test_a_table_gives_a_column_by_its_name():
    table = Table((X, Column("y", "Y")), ((1, "a"), (None, "b")))
    assert table.values("x") == (1, None)
    assert table.values("y") == ("a", "b")


@pytest.mark.parametrize("key", ["", "A", "1a", "a-b", "a b", "a\n", 'a"'])
def test_a_section_refuses_a_key_that_is_no_anchor(key):
    with pytest.raises(ValueError, match="key: must be like symbols_per_byte, got"):
        Section(key, "Title", "How to read it.", ONE)


def test_a_section_refuses_a_chart_of_columns_it_lacks():
    with pytest.raises(ValueError, match=r"one: the chart names no column of it: \['y'\]"):
        Section("one", "One", "How to read it.", ONE, Chart("bar", "x", ("y",), "y"))


def test_a_page_refuses_two_sections_of_one_key():
    section = Section("one", "One", "How to read it.", ONE)
    with pytest.raises(ValueError, match=r"sections: keys must differ, got \['one', 'one'\]"):
        Page("audit_x", "X", "It is so.", (), (section, section))


def test_the_verdict_is_the_first_of_the_worst_findings():
    words = ("good", "watch", "act", "act", "watch")
    findings = tuple(Finding(word, f"rule {n}", "measured") for n, word in enumerate(words))
    assert worst(findings) is findings[2]
    assert Page("audit_x", "X", "It is so.", (), (), findings).verdict is findings[2]
    assert Page("audit_x", "X", "It is so.", (), ()).verdict is None

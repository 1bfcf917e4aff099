import logging
import re
import subprocess
import sys
import warnings
from xml.etree import ElementTree

import pytest

from semantic_ids.report import Chart, Column, Section, Table
from semantic_ids.report.charts import draw
from semantic_ids.report.drawings import drawing_of

HOSTILE = (
    "$\\frac{1}{0}$",
    "</text></svg><script>1</script>",
    "日本語 👩‍👧",
    "\x00\x1b",
    "a" * 9_999,
    "",
)


def section_of(kind, rows, key="one", n_series=1, **settings):
    columns = (
        Column("x", "Along $x_", "text" if isinstance(rows[0][0], str) else "number"),
        *(Column(f"y{number}", f"Series {number}", "number") for number in range(n_series)),
    )
    names = tuple(f"y{number}" for number in range(n_series))
    chart = Chart(kind, "x", names, "height <m>", **settings)
    return Section(key, "A & B", "Read it so.", Table(columns, tuple(rows)), chart)


def texts_of(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("text")]


@pytest.mark.parametrize("kind", ["line", "bar", "barh"])
@pytest.mark.parametrize("log", [False, True])
def test_a_chart_says_what_it_shows_and_draws_the_same_again(kind, log):
    section = section_of(kind, [(n, 2.0**n, 3.0**n) for n in range(1, 9)], n_series=2, log_y=log)
    svg = draw(section)
    root = ElementTree.fromstring(svg)
    assert (root.tag, root.get("role")) == ("svg", "img")
    assert root.find("title").get("id") == root.get("aria-labelledby") == "one-title"
    assert root.find("title").text == "A & B: height <m> by Along $x_"
    assert {"height <m>", "Series 0", "Series 1"} <= set(texts_of(svg))
    assert draw(section) == svg


@pytest.mark.parametrize("kind", ["line", "bar", "barh"])
def test_a_chart_takes_its_colours_and_font_from_the_page_and_nothing_from_elsewhere(kind):
    svg = draw(section_of(kind, [(1, 1.0, 2.0), (2, 3.0, 1.0)], n_series=2))
    assert "currentColor" in svg
    assert "var(--series-0, #0072b2)" in svg
    assert "var(--series-1, #d55e00)" in svg
    for absent in ("#a000", "http", "font-family", "<style", "metadata", "xmlns"):
        assert absent not in svg
    fills = [e.get("style") for e in ElementTree.fromstring(svg).iter("text")]
    assert all("fill: currentColor" in style for style in fills)


def test_ids_are_unique_over_charts_of_the_same_values():
    rows = [(1, 1.0), (2, 3.0)]
    pictures = [draw(section_of("line", rows, key=key)) for key in ("one", "two")]
    ids = [re.findall(r'\bid="([^"]*)"', svg) for svg in pictures]
    assert len(set(ids[0] + ids[1])) == len(ids[0]) + len(ids[1])
    for svg, known in zip(pictures, ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^)"]*)', svg)) <= set(known)


@pytest.mark.parametrize("kind", ["line", "bar", "barh"])
def test_hostile_labels_are_texts_cut_to_their_room_and_nothing_is_said_of_fonts(
    kind, capfd, caplog
):
    rows = [(label, float(n)) for n, label in enumerate(HOSTILE)]
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        svg = draw(section_of(kind, rows))
    assert not list(ElementTree.fromstring(svg).iter("script"))
    said = [text for text in texts_of(svg) if text]
    assert max(map(len, said)) <= 42
    assert any(text.startswith("$\\frac{1}{0}$") for text in said)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["line", "bar", "barh"])
@pytest.mark.parametrize("rows", [[(1, None)], [(1, 2.0)], [(1, None), (2, None)], [(1, "a")]])
def test_fewer_than_two_values_are_no_picture(kind, rows):
    assert draw(section_of(kind, rows)) is None


def test_no_rows_are_no_picture():
    chart = Chart("line", "x", ("x",), "x")
    empty = Section("one", "One", "Read it so.", Table((Column("x", "X", "count"),), ()), chart)
    assert draw(empty) is None


@pytest.mark.parametrize("kind", ["line", "bar", "barh"])
@pytest.mark.parametrize("value", [0, 1, -3.5, 1e-300, 1e300, 2**80])
def test_values_all_equal_are_drawn(kind, value):
    assert "nan" not in draw(section_of(kind, [(n, value) for n in range(3)])).lower()


@pytest.mark.parametrize("kind", ["line", "bar", "barh"])
def test_values_that_no_axis_holds_are_skipped(kind):
    rows = [(1, 1.7e308), (2, 10**400), (3, 5e-324), (4, 1.0), (5, 2.0)]
    assert draw(section_of(kind, rows, log_y=True)) is not None
    assert draw(section_of(kind, rows[:3], log_y=True)) is None
    assert draw(section_of(kind, rows)) is not None


def test_a_chart_without_positive_values_has_no_logarithmic_picture():
    assert draw(section_of("line", [(1, 0), (2, -1)], log_y=True)) is None


def test_what_has_no_place_on_an_axis_is_skipped():
    rows = [(0, 5), (1, None), (2, -1), (None, 4), (3, "x"), (10, 0.5), (4, 7)]
    columns = (Column("x", "X", "number"), Column("y", "Y", "number"))
    chart = Chart("line", "x", ("y",), "y", log_x=True, log_y=True)
    drawing = drawing_of(chart, Table(columns, tuple(rows)))
    assert drawing.series[0].places == [4, 10]
    assert drawing.series[0].values == [7, 0.5]


@pytest.mark.parametrize(("kind", "most"), [("bar", 300), ("barh", 20)])
def test_more_bars_than_there_is_room_for_are_left_out_and_it_is_said(kind, most):
    drawing = drawing_of(*_chart_and_table(kind, 1_234))
    assert len(drawing.series[0].values) == most
    assert drawing.y_title == f"y (the first {most} of 1,234 rows)"


def _chart_and_table(kind, n_rows):
    columns = (Column("x", "X"), Column("y", "Y", "count"))
    rows = tuple((f"item {n}", n) for n in range(n_rows))
    return Chart(kind, "x", ("y",), "y"), Table(columns, rows)


def test_a_user_s_matplotlib_settings_change_nothing(tmp_path):
    svg = draw(section_of("line", [(1, 1.0), (2, 3.0)]))
    (tmp_path / "matplotlibrc").write_text("axes.grid: True\nfont.size: 40\nlines.linewidth: 9\n")
    script = (
        "from semantic_ids.report import Chart, Column, Section, Table\n"
        "from semantic_ids.report.charts import draw\n"
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_charts import section_of\n"
        "sys.stdout.write(draw(section_of('line', [(1, 1.0), (2, 3.0)])))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, __file__.rpartition("/")[0]],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert finished.stdout == svg

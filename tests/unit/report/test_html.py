"""The page as HTML, as a parser reads it; tests/browser opens it."""

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_ids.report import Chart, Column, Finding, Page, Section, Table, render
from semantic_ids.report.texts import clean

ANYTHING = st.sampled_from("<>\"'&/={}%#!-\x00\n\u202e ") | st.characters(exclude_categories=[])


class Reader(HTMLParser):
    """Keep the tags with the names of their attributes, and the texts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.attributes = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs if name != "data-value")))
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


def page_of(text, value=1.0):
    table = Table((Column("a", text), Column("b", text, "number")), ((text, value), (text, None)))
    section = Section("one", text, text, table, None, (text,))
    finding = Finding("watch", text, text)
    return Page("audit_x", text, text, ((text, text),), (section,), (finding,), (text,))


def charted():
    table = Table((Column("a", "A"), Column("b", "B", "count")), (("x", 1), ("y", 2)))
    section = Section("one", "One", "Read it so.", table, Chart("bar", "a", ("b",), "b"))
    return Page("audit_x", "X", "It is so.", (), (section,))


@settings(max_examples=60, deadline=None)
@given(st.text(ANYTHING, min_size=1, max_size=60))
def test_no_text_changes_the_elements_of_a_page(text):
    found = Reader(render(page_of(text), "html").encode("utf-8", "replace").decode())
    assert found.tags == Reader(render(page_of("x"), "html")).tags
    assert clean(text) in found.texts or not clean(text).strip()


def test_a_long_text_is_cut_and_stands_whole_behind_the_cut():
    found = Reader(render(page_of("word " * 2_000), "html"))
    assert ("details", ("class",)) in found.tags
    assert found.texts.count(clean("word " * 2_000)) >= 2


def test_the_policy_allows_the_one_script_and_no_request():
    html = render(charted(), "html")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "http" not in policy
    assert not re.search(r"https?://|@import|url\(", html.replace("url(#", ""))


def test_a_page_is_the_same_text_each_time():
    assert render(charted(), "html") == render(charted(), "html")


def test_a_number_keeps_its_raw_value_for_sorting_and_none_has_none():
    html = render(page_of("x", value=0.1 + 0.2), "html")
    assert 'data-value="0.30000000000000004">0.3000</td>' in html
    assert '<td class="number none">\N{EN DASH}</td>' in html


def test_parts_that_a_page_lacks_leave_no_trace():
    empty = Section("one", "One", "Read it so.", Table((Column("a", "A"),), ()))
    body = render(Page("audit_x", "X", "It is so.", (), (empty,)), "html").partition("<body>")[2]
    assert "No rows." in body
    for absent in ("page-verdict", "page-facts", "page-not-measured", "<nav", "<table", "<svg"):
        assert absent not in body


def test_the_zip_for_executors_renders_a_page(root, tmp_path):
    command = [sys.executable, root / "conf" / "spark" / "zip_library.py", root / "lib", tmp_path]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    archive = Path(made.stdout.strip())
    names = zipfile.ZipFile(archive).namelist()
    assert {f"semantic_ids/report/page.{kind}" for kind in ("html.j2", "css", "js")} <= set(names)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import semantic_ids\n"
        "assert sys.argv[1] in semantic_ids.__file__\n"
        "from semantic_ids.report import Page, render\n"
        "sys.stdout.write(render(Page('audit_x', 'X', 'It is so.', (), ()), 'html'))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script, archive], check=True, capture_output=True, text=True
    )
    assert finished.stdout == render(Page("audit_x", "X", "It is so.", (), ()), "html")

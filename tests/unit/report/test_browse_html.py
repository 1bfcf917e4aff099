"""What the browse page holds, as a parser reads it; tests/browser opens it."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
from catalogues import catalogue_of, sampled
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semantic_ids.codebook import bytes_to_sids, decode_tables, squared_norms
from semantic_ids.report import browse_headline, browse_to_html
from semantic_ids.report.browse import TITLE_COLUMNS
from semantic_ids.report.texts import clean, columns_of

ANYTHING = st.sampled_from("<>\"'&/={}%#!-\x00\n\u202e\u2028 ") | st.characters(
    exclude_categories=[]
)


class Reader(HTMLParser):
    """Keep the tags, and the texts of the scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.scripts, self.in_script = [], [], False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.in_script = tag == "script"
        self.scripts += [""] * self.in_script

    def handle_endtag(self, tag):
        self.in_script = False

    def handle_data(self, data):
        if self.in_script:
            self.scripts[-1] += data


THREE = catalogue_of(3)


def values_of(catalogue):
    return json.loads(Reader(browse_to_html(catalogue)).scripts[0])


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


@settings(max_examples=40, deadline=None)
@given(st.text(ANYTHING, min_size=1, max_size=300))
@example("\ud800")
def test_no_text_changes_the_elements_of_the_page(text):
    catalogue = replace(THREE, titles=[text, "a", "b"], item_ids=[text, "c", "d"], name=text)
    html = browse_to_html(catalogue)
    assert Reader(html).tags == Reader(browse_to_html(THREE)).tags
    values = values_of(catalogue)
    assert values["titles"] == catalogue.shown_titles
    assert values["ids"] == catalogue.shown_ids
    assert all(clean(shown) == shown for shown in values["ids"])
    assert max(map(columns_of, values["ids"])) <= TITLE_COLUMNS
    html.encode()  # no lone surrogate


def test_the_arrays_give_sids_norms_and_tables_back():
    catalogue = catalogue_of(50)
    codebook, values = catalogue.codebook, values_of(catalogue)
    symbols = unpacked(values["symbols"], np.uint8).reshape(codebook.width, -1)
    sids = bytes_to_sids(np.ascontiguousarray(symbols.T), codebook.width)
    np.testing.assert_array_equal(sids, catalogue.sids)
    np.testing.assert_array_equal(
        unpacked(values["norms"], "<f8"), squared_norms(catalogue.sids, codebook)
    )
    basis = unpacked(values["basis"], "<i2").reshape(-1, values["dim"]) * values["scale"] ** 0.5
    tables = decode_tables(codebook)
    assert values["layout"][0] == {"kind": "centroids", "radices": [4, 4]}
    np.testing.assert_array_equal(tables[0, 6], basis[2] + basis[4 + 1])  # 6 = 2 + 4 * 1
    assert values["layout"][1] == {"kind": "ternary", "radices": [3, 3, 3, 3]}
    digits = np.array([6 // 3**place % 3 - 1 for place in range(4)])
    np.testing.assert_array_equal(tables[1, 6], digits @ basis[8:12])
    assert values["prefixes"] is None


def test_a_sample_carries_the_counts_of_all():
    whole = catalogue_of(100)
    values = values_of(sampled(whole, 10))
    assert (values["n"], values["n_items"]) == (10, 100)
    np.testing.assert_array_equal(unpacked(values["prefixes"], "<u2"), whole.counts.prefixes)
    np.testing.assert_array_equal(unpacked(values["prefix_counts"], "<f8"), whole.counts.n_items)


def test_items_without_a_title_or_a_category_have_none():
    catalogue = catalogue_of(4, titles=[None, " \n", " title\t", "last"])
    assert sorted(filter(None, values_of(catalogue)["titles"])) == ["last", "title"]
    assert values_of(catalogue_of(4, titles=[None] * 4))["titles"] is None


def test_the_policy_allows_the_one_script_and_no_request():
    html = browse_to_html(catalogue_of(5))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    script = Reader(html).scripts[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|@import|url\(", html)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)


def test_a_page_is_the_same_text_each_time():
    assert browse_to_html(catalogue_of(20)) == browse_to_html(catalogue_of(20))


def test_the_headline_counts_items_and_sids():
    assert browse_headline(catalogue_of(1)) == "1 item has 1 SID of 4 bytes"
    whole = catalogue_of(100)
    n_sids = len(set(whole.sids.tolist()))
    assert browse_headline(whole) == f"100 items have {n_sids} SIDs of 4 bytes"
    assert browse_headline(sampled(whole, 50)).startswith("2 of 100 items have 2 SIDs")

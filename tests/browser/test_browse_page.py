"""The browse page as people meet it: walked, searched and asked for neighbours in a browser."""

import re

import numpy as np
import pytest
from catalogues import MIXED, catalogue_of, sampled
from checks import CONTRAST, LEAST_CONTRAST, PHONE, SEEN, open_page, requests_of
from pages import HOSTILE

from semantic_ids.codebook import decode, sids_to_bytes
from semantic_ids.report import browse_to_html
from semantic_ids.report.texts import clean

TIMED = 100_000
WIDTHS = {
    1: [{"ternary": 5}],
    2: [{"centroids": 7}, {"binary": 3}],
    3: [{"binary": 20}],
    5: [{"centroids": 16}] * 5,
    8: [{"ternary": 39}],
}
LINKS = """
return [...document.querySelectorAll(arguments[0])].map(
  (link) => [link.dataset.prefix ?? Number(link.dataset.place), link.textContent]);
"""


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """Write the page of a catalogue into a folder of its own."""

    def write(catalogue):
        path = tmp_path_factory.mktemp("a folder") / "browse_items.html"
        path.write_text(browse_to_html(catalogue), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def shop(save):
    """Give a catalogue and its page."""
    catalogue = catalogue_of()
    return catalogue, save(catalogue)


@pytest.fixture(autouse=True)
def quiet(browser):
    """Nothing is said on the console, whatever is done with a page."""
    for log in ("browser", "performance"):
        browser.get_log(log)  # reading empties it
    yield
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def go(browser, hash_):
    """Follow a link within the page."""
    browser.execute_script("location.hash = arguments[0]; render();", hash_)


def by_css(browser, selector):
    return browser.find_elements("css selector", selector)


def prefix_of(symbols):
    return "".join(f"{symbol:02x}" for symbol in symbols)


def distances_of(catalogue):
    """Give all distances as shares of their root mean square, by brute force on vectors."""
    x = decode(catalogue.sids, catalogue.codebook).astype(np.float64)
    found = np.sqrt(np.square(x[:, None] - x[None]).sum(axis=2))
    pairs = found[np.triu_indices(len(x), 1)]
    return found / np.sqrt(np.square(pairs).mean())


def test_the_page_asks_for_nothing_and_every_text_can_be_read(browser, shop):
    catalogue, path = shop
    open_page(browser, path)
    assert requests_of(browser) == [path.as_uri()]
    for scheme in ("light", "dark"):
        for place in ("", f"#prefix={catalogue.sids[0] >> 24:02x}", "#item=i7"):
            open_page(browser, path, scheme=scheme)
            go(browser, place)
            ratio, element = browser.execute_script(CONTRAST)
            assert ratio >= LEAST_CONTRAST, f"{scheme} {place}: {ratio:.2f} for {element}"


def test_a_walk_from_byte_0_shows_what_each_prefix_holds(browser, shop):
    catalogue, path = shop
    symbols = sids_to_bytes(catalogue.sids, catalogue.codebook.width)
    open_page(browser, path)
    held, prefix = np.ones(len(symbols), bool), []
    for byte in range(2):
        links = dict(browser.execute_script(LINKS, f".byte:nth-child({byte + 1}) a"))
        found, counts = np.unique(symbols[held, byte], return_counts=True)
        assert set(links) == {prefix_of([*prefix, symbol]) for symbol in found}
        for symbol, count in zip(found, counts, strict=True):
            assert f"{count} item" in links[prefix_of([*prefix, symbol])]
        most = found[counts.argmax()]
        by_css(browser, f".byte:nth-child({byte + 1}) a")[0].click()
        assert browser.current_url.endswith(f"#prefix={prefix_of([*prefix, most])}")
        prefix.append(most)
        held &= symbols[:, byte] == most
        places = [place for place, _ in browser.execute_script(LINKS, ".items a")]
        assert places == np.flatnonzero(held)[:50].tolist()
    current = by_css(browser, ".byte [aria-current]")
    assert [link.get_attribute("data-prefix") for link in current] == [
        prefix_of(prefix[:1]),
        prefix_of(prefix),
    ]
    browser.back()
    assert browser.current_url.endswith(f"#prefix={prefix_of(prefix[:1])}")
    assert len(by_css(browser, "#path a")) == 2


def test_the_spread_and_the_category_of_a_prefix_are_those_of_its_items(browser, shop):
    catalogue, path = shop
    symbols = sids_to_bytes(catalogue.sids, catalogue.codebook.width)[:, 0]
    distances = distances_of(catalogue)
    open_page(browser, path)
    for prefix, text in browser.execute_script(LINKS, ".byte a"):
        places = np.flatnonzero(symbols == int(prefix, 16))
        if len(set(catalogue.sids[places])) > 1:
            pairs = distances[np.ix_(places, places)][np.triu_indices(len(places), 1)]
            said = float(re.search(r"spread (\d+\.\d\d)", text)[1])
            assert said == pytest.approx(np.sqrt(np.square(pairs).mean()), abs=0.0051)
        kinds = [catalogue.categories[place] for place in places if catalogue.categories[place]]
        if kinds:
            share = max(map(kinds.count, kinds)) / len(kinds)
            assert float(re.search(r"([\d.]+) %$", text)[1]) == pytest.approx(100 * share, abs=0.51)


def test_the_nearest_items_are_those_of_brute_force_on_decoded_vectors(browser, shop):
    catalogue, path = shop
    distances = distances_of(catalogue)
    open_page(browser, path)
    for place in range(0, len(catalogue.sids), 23):
        go(browser, f"#item={catalogue.item_ids[place]}")
        rows = browser.execute_script(LINKS, "#item .list:last-of-type a")
        others = np.flatnonzero(catalogue.sids != catalogue.sids[place])
        wanted = np.sort(distances[place, others])[:10]
        found = distances[place, [row for row, _ in rows]]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert [text[:4] for _, text in rows] == [f"{distance:.2f}" for distance in found]
        assert not {row for row, _ in rows} & set(np.flatnonzero(distances[place] == 0))


def test_the_page_measures_distances_without_error(browser, shop):
    catalogue, path = shop
    open_page(browser, path)
    found = browser.execute_script("return nearestOf(5, 300).map((each) => each.distance)")
    others = catalogue.sids != catalogue.sids[5]
    wanted = np.sort(distances_of(catalogue)[5, others])[:300]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_items_of_the_same_sid_are_named_apart_from_the_nearest(browser, shop):
    catalogue, path = shop
    sid = max(set(catalogue.sids.tolist()), key=catalogue.sids.tolist().count)
    places = np.flatnonzero(catalogue.sids == sid)
    open_page(browser, path)
    go(browser, f"#item={catalogue.item_ids[places[1]]}")
    assert f"Same SID: {len(places) - 1} more" in by_css(browser, "#item")[0].text
    rows = browser.execute_script(LINKS, "#item .list:not(:last-of-type) a")
    assert [row for row, _ in rows] == np.delete(places, 1).tolist()


def test_an_item_shows_its_bytes_and_how_many_items_share_them(browser, shop):
    catalogue, path = shop
    symbols = sids_to_bytes(catalogue.sids, catalogue.codebook.width)
    open_page(browser, path)
    go(browser, f"#item={catalogue.item_ids[9]}")
    cells = [
        [cell.text for cell in row.find_elements("css selector", "td")]
        for row in by_css(browser, ".bytes tbody tr")
    ]
    for byte, row in enumerate(cells):
        share = (symbols[:, : byte + 1] == symbols[9, : byte + 1]).all(axis=1).sum()
        assert [row[0], row[1], row[3]] == [str(byte), f"{symbols[9, byte]:02x}", f"{share:,}"]
    first, second = divmod(int(symbols[9, 0]), 4)
    assert cells[0][2] == f"centroid {second}, {first}"
    values = [int(symbols[9, 1]) // 3**place % 3 for place in range(4)]
    assert cells[1][2].split() == ["\N{MINUS SIGN}0+"[value] for value in values]


def test_search_finds_titles_and_ids_whatever_case_and_accents(browser, save):
    titles = ["Crème Brûlée", "BLUE cup", "Straße", "blue plate"] + ["many"] * 56
    path = save(catalogue_of(60, titles=titles, item_ids=[f"SKU{row:03d}" for row in range(60)]))
    open_page(browser, path)
    box = by_css(browser, "#asked")[0]
    for asked, n_found in (("creme", 1), ("blue", 2), ("CUP blue", 1), ("sku00", 10), ("many", 56)):
        box.clear()
        box.send_keys(asked)
        assert by_css(browser, "#found")[0].text.startswith(f"{n_found} item")
        assert len(by_css(browser, "#hits a")) == min(n_found, 50)
    box.clear()
    box.send_keys("straße")
    by_css(browser, "#hits a")[0].click()
    assert by_css(browser, "#item h2")[0].text == "Straße"
    assert by_css(browser, "#hits a") == []


def test_the_keyboard_walks_the_columns(browser, shop):
    from selenium.webdriver.common.keys import Keys

    _, path = shop
    open_page(browser, path)
    focused = "return document.activeElement.dataset.prefix ?? document.activeElement.dataset.place"
    links = [link.get_attribute("data-prefix") for link in by_css(browser, ".byte a")]
    by_css(browser, ".byte a")[0].send_keys(Keys.ARROW_DOWN)
    assert browser.execute_script(focused) == links[1]
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert browser.current_url.endswith(f"#prefix={links[1]}")
    assert browser.execute_script(focused).startswith(links[1])
    browser.switch_to.active_element.send_keys(Keys.END)
    browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert browser.execute_script(focused) == links[1]
    browser.switch_to.active_element.send_keys(Keys.HOME)
    assert browser.execute_script(focused) == links[0]


def test_hostile_texts_are_shown_and_do_nothing(browser, save):
    hostile = catalogue_of(
        120,
        titles=list(HOSTILE.values()),
        item_ids=[f"{text[:200]} {row}" for row in range(6) for text in HOSTILE.values()],
        name=HOSTILE["end of script"],
    )
    path = save(hostile)
    open_page(browser, path)
    for place in range(0, 120, 7):
        go(browser, browser.execute_script("return hashOf(null, arguments[0])", place))
        wanted = hostile.shown_titles[place] or hostile.shown_ids[place]
        said = browser.execute_script(
            "return [document.querySelector('#item h2').textContent, titleOf(arguments[0])]", place
        )
        assert said == [wanted, wanted]
        assert clean(wanted) == wanted
        assert browser.execute_script("return whereIs(location.hash).place") == place
    counts = {"img, iframe, object, embed, form": 0, "[onerror]": 0, "script": 2, "style": 1}
    for selector, count in counts.items():
        assert len(by_css(browser, selector)) == count, selector
    assert "broken" not in browser.title
    for view in ("", "#prefix=00", f"#item={hostile.item_ids[5]}"):
        open_page(browser, path, PHONE)
        go(browser, view)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]


def test_a_phone_shows_one_column_of_bytes_and_then_the_item(browser, shop):
    catalogue, path = shop
    open_page(browser, path, PHONE)
    symbol = f"{sids_to_bytes(catalogue.sids[:1], 4)[0, 0]:02x}"
    for view, seen in (("", [True]), (f"#prefix={symbol}", [False, True]), ("#item=i3", None)):
        go(browser, view)
        columns = browser.execute_script(SEEN, ".byte")
        assert columns == (seen or [False] * len(columns))
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    by_css(browser, ".close")[0].click()
    assert browser.execute_script(SEEN, "#item") == [False]


def test_the_view_prints_without_buttons(browser, shop):
    _, path = shop
    open_page(browser, path, media="print")
    assert not any(browser.execute_script(SEEN, "button, .tools, #hits"))
    assert all(browser.execute_script(SEEN, ".column a"))


def test_long_lists_come_in_pages(browser, save):
    path = save(catalogue_of(200, stages=[{"ternary": 5}]))
    open_page(browser, path)
    assert len(by_css(browser, ".items li")) == 50
    more = by_css(browser, ".items .more")[0]
    assert more.text == "Show 50 more of 200"
    for n_shown in (100, 150, 200):
        more.click()
        assert len(by_css(browser, ".items li")) == n_shown
    assert not more.is_displayed()


def test_of_a_sample_two_bytes_count_all_items_and_the_page_says_so(browser, save):
    whole = catalogue_of(400)
    few = sampled(whole, 40)
    symbols = sids_to_bytes(whole.sids, 4)
    open_page(browser, save(few))
    assert "10 of 400 items" in by_css(browser, "header")[0].text
    links = dict(browser.execute_script(LINKS, ".byte a"))
    found, counts = np.unique(symbols[:, 0], return_counts=True)
    assert set(links) == {f"{s:02x}" for s in found}
    drawn = set(sids_to_bytes(few.sids, 4)[:, 0].tolist())
    for symbol, count in zip(found.tolist(), counts.tolist(), strict=True):
        assert f"{count} item" in links[f"{symbol:02x}"]
        assert ("none of them was drawn" in links[f"{symbol:02x}"]) == (symbol not in drawn)
    most = found[counts.argmax()]
    go(browser, f"#prefix={most:02x}")
    below = dict(browser.execute_script(LINKS, ".byte:nth-child(2) a"))
    second, counts = np.unique(symbols[symbols[:, 0] == most, 1], return_counts=True)
    for symbol, count in zip(second, counts, strict=True):
        assert f"{count} item" in below[f"{most:02x}{symbol:02x}"]


@pytest.mark.parametrize("width", sorted(WIDTHS))
@pytest.mark.parametrize("n", [1, 60])
def test_any_width_and_a_single_item_can_be_walked(browser, save, width, n):
    catalogue = catalogue_of(n, stages=WIDTHS[width])
    assert catalogue.codebook.width == width
    open_page(browser, save(catalogue))
    go(browser, f"#item={catalogue.item_ids[-1]}")
    text = by_css(browser, "body")[0].text
    assert not re.search("NaN|undefined|null|Infinity", text)
    assert len(by_css(browser, ".bytes tbody tr")) == width
    assert ("No item has another SID." in text) == (n == 1)


def test_identical_items_end_in_one_list(browser, save):
    same = catalogue_of(30, stages=[{"ternary": 5}])
    object.__setattr__(same, "sids", np.repeat(same.sids[:1], 30))
    object.__setattr__(same.counts, "prefixes", same.sids[:1])
    object.__setattr__(same.counts, "n_items", np.array([30]))
    open_page(browser, save(same))
    assert by_css(browser, ".byte") == []
    by_css(browser, ".items a")[0].click()
    text = by_css(browser, "#item")[0].text
    assert "Same SID: 29 more" in text
    assert "No item has another SID." in text


@pytest.mark.parametrize("hash_", ["#item=nobody", "#prefix=zz", "#prefix=ffffffffff", "#%ff&&=="])
def test_an_address_of_nothing_ends_at_the_root(browser, shop, hash_):
    open_page(browser, shop[1])
    go(browser, hash_)
    assert len(by_css(browser, "#columns .column")) == 2
    said = by_css(browser, "#found")[0].text
    assert said.startswith("There is no ") or "&&" in hash_


def test_without_javascript_byte_0_is_a_table(browser, shop):
    catalogue, path = shop
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, path)
        document = browser.execute_cdp_cmd("DOM.getDocument", {})["root"]["nodeId"]
        asked = {"nodeId": document, "selector": "noscript tbody tr"}
        rows = browser.execute_cdp_cmd("DOM.querySelectorAll", asked)["nodeIds"]
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(rows) == len(np.unique(sids_to_bytes(catalogue.sids, 4)[:, 0]))


@pytest.mark.slow
def test_100_k_items_open_and_can_be_searched(browser, save):
    path = save(catalogue_of(TIMED, stages=[{"ternary": 39}]))
    open_page(browser, path)
    script = "return performance.getEntriesByName('first columns')[0].startTime"
    opened_ms = browser.execute_script(script)
    assert opened_ms < 3 * 2000, "it should be less than 2 s; three times that is a fault"
    assert browser.execute_script("return n") == TIMED
    found = browser.execute_script("return search('item 4711', 50).total")
    assert found == sum("4711" in title for title in catalogue_titles(TIMED))


def catalogue_titles(n):
    return [f"item {row} i{row}" for row in range(n)]


def test_the_stages_of_the_tests_are_of_every_kind():
    assert {kind for stage in MIXED for kind in stage} == {"centroids", "ternary", "binary"}

"""Pages as people meet them: opened from a folder, in a real browser."""

import time

import pytest
from checks import CONTRAST, PHONE, ROWS, SEEN, check_page, check_script, open_page
from pages import PAGES, hostile_page

from semantic_ids.report import render
from semantic_ids.report.table_csv import to_csv
from semantic_ids.spark.report_folder import write_page


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Write each page once; give its path and itself."""

    def write(name):
        if name not in made:
            page = PAGES[name]()
            made[name] = write_page(tmp_path_factory.mktemp("a folder"), page, ["html"])[0], page
        return made[name]

    made = {}
    return write


@pytest.fixture
def hostile(browser, written):
    """Open the hostile page; give it."""
    path, page = written("hostile")
    open_page(browser, path)
    return page


def by_css(browser, selector):
    from selenium.webdriver.common.by import By

    return browser.find_elements(By.CSS_SELECTOR, selector)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("hostile", "plain") else [pytest.mark.slow])
        for name in sorted(PAGES)
    ],
)
def test_a_page_holds_what_every_page_promises(browser, written, name):
    check_page(browser, *written(name))


def test_a_table_is_sorted_by_a_click_on_its_heading(browser, hostile):
    head = by_css(browser, "#items th")[1]
    head.find_element("css selector", "button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    counts = [row[1] for row in browser.execute_script(ROWS, "items")]
    wanted = sorted(v for v in hostile.sections[0].table.values("count") if v is not None)
    assert counts[: len(wanted)] == [f"{count:,}" for count in wanted]


def test_a_table_is_sorted_from_the_keyboard_and_says_by_which_column(browser, hostile):
    from selenium.webdriver.common.keys import Keys

    first, second = (
        head.find_element("css selector", "button") for head in by_css(browser, "#items th")[:2]
    )
    for key, direction in ((Keys.ENTER, "ascending"), (Keys.SPACE, "descending")):
        second.send_keys(key)
        sorts = [head.get_attribute("aria-sort") for head in by_css(browser, "#items th")]
        assert sorts == [None, direction, None, None, None, None]
    first.send_keys(Keys.SPACE)
    sorts = [head.get_attribute("aria-sort") for head in by_css(browser, "#items th")]
    assert sorts == ["ascending", None, None, None, None, None]


def test_a_long_table_shows_twenty_rows_until_asked_for_all(browser, hostile):
    button = by_css(browser, "#items .tools button")[0]
    assert (button.text, button.get_attribute("aria-expanded")) == ("Show all 200 rows", "false")
    assert browser.execute_script(SEEN, "#items tbody tr") == [True] * 20 + [False] * 180
    by_css(browser, "#items th button")[3].click()
    assert browser.execute_script(SEEN, "#items tbody tr") == [True] * 20 + [False] * 180
    button.click()
    assert (button.text, button.get_attribute("aria-expanded")) == ("Show 20 rows", "true")
    assert browser.execute_script(SEEN, "#items tbody tr") == [True] * 200


def test_the_link_downloads_the_csv_byte_for_byte(browser, hostile, downloads):
    by_css(browser, "#items .csv")[0].click()
    file = downloads / "audit_hostile_items.csv"
    until = time.monotonic() + 20
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    wanted = to_csv(hostile.sections[0].table).encode("utf-8", errors="replace")
    assert file.read_bytes() == wanted


def test_a_cut_text_opens_whole(browser, hostile):
    cell = by_css(browser, "#items tbody tr:nth-child(17) td:first-child")[0]
    assert 80 <= len(cell.text) <= 120
    cell.find_element("css selector", "summary").click()
    assert "x" * 10_000 in cell.text


def test_the_button_changes_between_light_and_dark(browser, written):
    open_page(browser, written("plain")[0], scheme="dark")
    papers = []
    for label in ("Light page", "Dark page"):
        button = by_css(browser, ".top button")[0]
        assert button.text == label
        papers.append(
            browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        )
        assert browser.execute_script(CONTRAST)[0] >= 4.5
        button.click()
    assert papers[0] != papers[1]


def test_a_wide_table_scrolls_in_its_own_box_and_can_be_reached_by_keyboard(browser, written):
    open_page(browser, written("plain")[0], PHONE)
    script = """
    const box = document.querySelector("#symbols .scroll");
    return [box.scrollWidth > box.clientWidth, box.tabIndex];
    """
    assert browser.execute_script(script) == [True, 0]


def test_a_table_wider_than_the_text_takes_the_window_to_its_right(browser, written):
    open_page(browser, written("footprint")[0])
    script = """
    const box = document.querySelector("#events .scroll");
    const right = (element) => element.getBoundingClientRect().right;
    return [
      right(box) > right(document.querySelector("main")),
      box.scrollWidth <= box.clientWidth,
      document.documentElement.scrollWidth <= innerWidth,
    ];
    """
    assert browser.execute_script(script) == [True, True, True]


def test_the_policy_stops_what_would_be_injected(browser, hostile):
    browser.execute_script("""
    document.title = "whole";
    const box = document.createElement("div");
    box.innerHTML = "<img src='https://example.invalid/x' onerror='document.title = \\"broken\\"'>";
    document.body.append(box);
    const script = document.createElement("script");
    script.textContent = "document.title = 'broken'";
    document.body.append(script);
    """)
    time.sleep(0.2)
    assert browser.execute_script("return document.title") == "whole"
    said = [entry["message"] for entry in browser.get_log("browser")]
    assert len(said) >= 2
    assert all("Content Security Policy" in each for each in said)


def test_the_checks_find_a_text_that_was_not_escaped(browser, tmp_path):
    page = hostile_page()
    escaped = "&lt;/script&gt;&lt;/style&gt;&lt;img src=x onerror=alert(1)&gt;"
    file = tmp_path / "careless.html"
    html = render(page, "html").replace(escaped, "<img src=x onerror=alert(1)>")
    file.write_bytes(html.encode("utf-8", errors="replace"))
    open_page(browser, file)
    with pytest.raises(AssertionError, match="img"):
        check_script(browser, page)
    browser.get_log("browser")

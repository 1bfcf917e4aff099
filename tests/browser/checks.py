"""What holds of every page in a browser, whoever wrote it: `check_page`."""

import base64
import json
from pathlib import Path

from semantic_ids.report import Page, Section
from semantic_ids.report.charts import draw
from semantic_ids.report.numbers import NOTHING
from semantic_ids.report.table_csv import to_csv
from semantic_ids.report.texts import clean

__all__ = ["check_page", "check_script", "open_page"]

DESK, PHONE = (1280, 900), (390, 844)
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3

# The lowest contrast of a text against the first opaque colour behind it.
CONTRAST = """
const light = (channel) => {
  channel /= 255;
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
};
const parsed = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parsed(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
let lowest = [99, "no text"];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!own || ["SCRIPT", "title"].includes(element.tagName)) continue;
  const style = getComputedStyle(element);
  const ink = parsed(element.tagName === "text" ? style.fill : style.color);
  const pair = [luminance(ink), luminance(behind(element))].sort((a, b) => b - a);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (ratio < lowest[0]) lowest = [ratio, element.outerHTML.slice(0, 200)];
}
return lowest;
"""
SEEN = """
return [...document.querySelectorAll(arguments[0])].map((each) => each.checkVisibility());
"""
ROWS = """
return [...document.getElementById(arguments[0]).querySelector("tbody").rows].map(
  (row) => [...row.cells].map((cell) => cell.textContent)
);
"""
CLICK_HEAD = """
const head = document.getElementById(arguments[0]).querySelectorAll("th")[arguments[1]];
head.querySelector("button").click();
return head.getAttribute("aria-sort");
"""


def open_page(browser, path: Path, size=DESK, scheme: str = "light", media: str = "") -> None:
    """Open a file anew, at a size, in a colour scheme, on a screen or on paper."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get(path.as_uri())


def check_page(browser, path: Path, page: Page) -> None:
    """Check what holds of every page.

    Parameters
    ----------
    browser : WebDriver
        The fixture.
    path : Path
        The HTML file of `page`.
    """
    for log in ("browser", "performance"):
        browser.get_log(log)  # reading empties it
    open_page(browser, path)
    assert requests_of(browser) == [path.as_uri()]
    check_script(browser, page)
    for section in page.sections:
        check_section(browser, page, section)
    check_sorting(browser, page)
    for scheme in ("light", "dark"):
        open_page(browser, path, scheme=scheme)
        ratio, element = browser.execute_script(CONTRAST)
        assert ratio >= LEAST_CONTRAST, f"{scheme}: {ratio:.2f} for {element}"
    open_page(browser, path, PHONE)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    open_page(browser, path, media="print")
    n_rows = sum(len(section.table.rows) for section in page.sections)
    assert browser.execute_script(SEEN, "tbody tr") == [True] * n_rows
    assert not any(browser.execute_script(SEEN, "button:not(th button), .csv, nav"))
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def requests_of(browser) -> list[str]:
    """List the addresses that were asked for since the log was last read."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event for event in events if event["method"] == "Network.requestWillBeSent"]
    return [event["params"]["request"]["url"] for event in sent]


def check_script(browser, page: Page) -> None:
    """Check that no text became an element, an attribute or a script."""
    counts = {
        "script": 1,
        "style": 1,
        "img, iframe, object, embed, form, base": 0,
        "[onerror], [onclick], [onload]": 0,
        "a[href^=javascript]": 0,
        "main > section > h2": len(page.sections)
        + sum(map(bool, (page.findings, page.facts, page.not_measured))),
        "dt": len(page.facts),
        "#page-not-measured li": len(page.not_measured),
        "svg": sum(draw(section) is not None for section in page.sections),
        "svg[role=img] > title": sum(draw(section) is not None for section in page.sections),
    }
    for selector, count in counts.items():
        script = "return document.querySelectorAll(arguments[0]).length"
        assert browser.execute_script(script, selector) == count, selector
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(set(ids)) == len(ids)
    title = browser.execute_script("return document.title")
    assert clean(page.title).startswith(title.removesuffix("…").rstrip())
    if page.verdict:
        said = browser.execute_script("return document.querySelector('.verdict').textContent")
        assert f"Verdict: {page.verdict.word}" in said
        assert clean(page.verdict.rule) in said


def check_section(browser, page: Page, section: Section) -> None:
    """Check that a section has its texts, its table and its CSV."""
    script = """
    const section = document.getElementById(arguments[0]);
    const link = section.querySelector(".csv");
    return [section.textContent, section.querySelectorAll("th").length,
            section.querySelectorAll("tbody tr").length, link.href, link.download];
    """
    text, n_columns, n_rows, href, name = browser.execute_script(script, section.key)
    for said in (section.reading, *section.notes):
        assert clean(said) in text
    assert n_columns == (len(section.table.columns) if section.table.rows else 0)
    assert n_rows == len(section.table.rows)
    start = "data:text/csv;charset=utf-8;base64,"
    assert href.startswith(start)
    wanted = to_csv(section.table).encode("utf-8", errors="replace")
    assert base64.b64decode(href.removeprefix(start)) == wanted
    assert name == f"{page.job}_{section.key}.csv"


def check_sorting(browser, page: Page) -> None:
    """Sort every table by every column, both ways: numbers by value, None last."""
    for section in page.sections:
        for place, column in enumerate(section.table.columns if section.table.rows else ()):
            values = section.table.values(column.name)
            texts = [row[place] for row in browser.execute_script(ROWS, section.key)]
            shown = sorted(texts)
            for direction in ("ascending", "descending"):
                assert browser.execute_script(CLICK_HEAD, section.key, place) == direction
                cells = [row[place] for row in browser.execute_script(ROWS, section.key)]
                assert sorted(cells) == shown
                n_none = values.count(None)
                assert all(cell == NOTHING for cell in cells[len(cells) - n_none :])
                if column.kind != "text":
                    check_order(browser, section.key, place, values, direction)


def check_order(browser, key: str, place: int, values, direction: str) -> None:
    """Compare the raw values of a column, as sorted, with Python's order."""
    script = """
    const rows = document.getElementById(arguments[0]).querySelector("tbody").rows;
    return [...rows].map((row) => row.cells[arguments[1]].dataset.value ?? null);
    """
    found = browser.execute_script(script, key, place)
    numbers = sorted(
        (value for value in values if value is not None), reverse=direction == "descending"
    )
    wanted = [*map(float, numbers), *[None] * values.count(None)]
    assert [None if each is None else float(each) for each in found] == wanted

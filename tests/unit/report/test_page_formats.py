"""A page as Markdown and JSON: the same numbers, whatever its texts hold."""

import json

from semantic_ids.report import Chart, Column, Finding, Page, Section, Table, render

ITEMS = Table(
    (Column("item", "Item"), Column("n", "Users | all", "count"), Column("x", "Share", "share")),
    (("jam | <b>", 1234, 0.5), ("tea\n# cup", None, 2**-40), ("y" * 200, 2**63, 1.0)),
)
BARS = Chart("bar", "item", ("n",), "n")
PAGE = Page(
    job="audit_x",
    title="What *is*",
    headline="It is <so>.",
    facts=(("run", "r_1"), ("table", "a | b")),
    sections=(
        Section("items", "Items", "Read it so.", ITEMS, BARS, ("Mind.",)),
        Section("none", "Nothing", "Read it so.", Table((Column("a", "A"),), ())),
    ),
    findings=(Finding("good", "act above 1", "0.1."), Finding("act", "act above 0.5", "0.7.")),
    not_measured=("- this",),
)


def test_markdown_holds_the_page_in_its_order():
    assert render(PAGE, "markdown") == (
        "# What \\*is\\*\n\n"
        "**It is &lt;so&gt;.**\n\n"
        "Verdict: **act**: 0.7. (Rule: act above 0.5)\n\n"
        "- **good**: 0.1. (Rule: act above 1)\n\n"
        "- run: r_1\n- table: a &#124; b\n\n"
        "## Items\n\n"
        "Read it so.\n\n"
        "| Item | Users &#124; all | Share |\n"
        "| --- | ---: | ---: |\n"
        "| jam &#124; &lt;b&gt; | 1,234 | 50.0 % |\n"
        "| tea \\# cup | \N{EN DASH} | 9.09 \N{MULTIPLICATION SIGN} 10⁻¹¹ % |\n"
        f"| {'y' * 119}… | 9,223,372,036,854,775,808 | 100 % |\n\n"
        "- Mind.\n\n"
        "## Nothing\n\n"
        "Read it so.\n\n"
        "No rows.\n\n"
        "## Not measured\n\n"
        "- \\- this\n"
    )


def test_json_holds_every_value_as_measured():
    values = json.loads(render(PAGE, "json"))
    assert values["format"] == 1
    assert values["verdict"] == {"word": "act", "rule": "act above 0.5", "measured": "0.7."}
    assert [each["word"] for each in values["findings"]] == ["good", "act"]
    assert values["facts"][1] == {"name": "table", "value": "a | b"}
    items, none = values["sections"]
    assert items["columns"][1] == {"name": "n", "title": "Users | all", "kind": "count"}
    assert items["rows"] == [
        {"item": item, "n": n, "x": x} for item, n, x in PAGE.sections[0].table.rows
    ]
    assert none["rows"] == []
    assert values["not_measured"] == ["- this"]


def test_json_without_findings_has_no_verdict():
    page = Page("audit_x", "X", "It is so.", (), ())
    assert json.loads(render(page, "json"))["verdict"] is None

"""The churn page: what each rule says at its bounds, and what odd values leave of it."""

import dataclasses

import pytest
from churn_values import COMPARED, between, churn

from semantic_ids.codebook import Recall
from semantic_ids.report import Counts, UserChurn, churn_headline, churn_page, render
from semantic_ids.report.churn_rules import churn_findings


def words(measured):
    return {each.rule.partition(":")[0]: each.word for each in churn_findings(measured)}


def items_of(*, moved=0, gone=0):
    """Give 1,000 items on both sides, and more before that are gone."""
    return {"items": Counts(1_000 + gone, 1_000, 1_000, moved, (moved, 0))}


def kept_of(value, n_items=1_000):
    return {"recall": Recall(10, n_items, 500, value, value - 0.01, value + 0.01, 0.01)}


def section(measured, key):
    return {each.key: each for each in churn_page(measured).sections}[key]


def test_a_quiet_week_is_good_by_all_rules():
    assert words(churn()) == {
        "items moved": "good",
        "items gone": "good",
        "events moved": "good",
        "events gone": "good",
    }
    assert words(between()) == {
        "items gone": "good",
        "neighbours": "good",
        "events gone": "good",
    }


@pytest.mark.parametrize(
    ("rule", "changes", "word"),
    [
        ("items moved", items_of(moved=50), "good"),
        ("items moved", items_of(moved=51), "watch"),
        ("items moved", items_of(moved=250), "watch"),
        ("items moved", items_of(moved=251), "act"),
        ("items gone", items_of(gone=10), "good"),
        ("items gone", items_of(gone=11), "watch"),
        ("items gone", items_of(gone=111), "watch"),
        ("items gone", items_of(gone=112), "act"),
        ("events moved", {"events": Counts(1_000, 1_000, 1_000, 51, (51, 0))}, "watch"),
        ("events gone", {"events": Counts(1_000, 899, 899, 0, (0, 0))}, "act"),
    ],
)
def test_each_rule_of_one_codebook_at_its_bounds(rule, changes, word):
    assert words(churn(**changes))[rule] == word


@pytest.mark.parametrize(
    ("kept", "word"), [(0.30, "good"), (0.29, "watch"), (0.15, "watch"), (0.14, "act")]
)
def test_neighbours_are_judged_between_codebooks_only(kept, word):
    assert words(between(**kept_of(kept)))["neighbours"] == word
    assert "neighbours" not in words(churn(**kept_of(kept)))


def test_neighbours_of_few_items_are_not_judged():
    assert "neighbours" not in words(between(**kept_of(0.01, n_items=99)))


def test_the_parts_add_up_to_both_sides():
    for measured, keys in ((churn(), ("items", "events")), (between(), ("items", "events"))):
        for key in keys:
            counts, table = getattr(measured, key), section(measured, key).table
            of = dict(zip(table.values("what"), table.values(f"n_{key}"), strict=True))
            assert sum(of.values()) - of["new"] == counts.n_before
            assert sum(of.values()) - of["gone"] == counts.n_after
            for side in ("share_before", "share_after"):
                shares = [share for share in table.values(side) if share is not None]
                assert sum(shares) == pytest.approx(1)


def test_users_add_up_to_those_on_each_side():
    table = section(churn(users=UserChurn(40, 60, 30, 7)), "users").table
    assert table.values("n_users") == (23, 7, 30, 10)


def test_events_that_cannot_be_told_apart_are_left_out_of_the_first_bytes():
    told = section(churn(), "event_bytes")
    assert told.table.values("share") == pytest.approx((50 / 450, 400 / 450))
    assert told.notes[0].startswith("50 events that moved are left out: ")
    assert section(churn(), "item_bytes").notes == ()


def test_sections_stand_in_order_and_each_is_read_in_one_sentence():
    page = churn_page(churn())
    assert [each.key for each in page.sections] == [
        "items",
        "item_bytes",
        "distances",
        "neighbours",
        "category_1",
        "farthest",
        "events",
        "event_bytes",
        "users",
    ]
    for each in (*page.sections, *churn_page(between()).sections):
        assert each.reading.endswith(".")
        assert ". " not in each.reading


def test_between_codebooks_nothing_is_said_of_sids_that_moved():
    page = churn_page(between())
    assert {"item_bytes", "event_bytes"}.isdisjoint(each.key for each in page.sections)
    assert section(between(), "items").table.values("what") == ("on both sides", "new", "gone")
    names = [column.name for column in section(between(), "category_1").table.columns]
    assert names == ["value", "n_items", "mean_distance"]
    assert page.title == "What moved from codebook text to text_2"


def test_distances_of_moved_items_are_told_where_some_did_not_move():
    names = [column.name for column in section(churn(), "distances").table.columns]
    assert names == ["share_of_items", "distance", "distance_of_moved"]
    all_moved = churn(moves_of_moved=churn().moves)
    assert len(section(all_moved, "distances").table.columns) == 2


def test_the_headline_says_what_moved():
    assert churn_headline(churn()) == (
        "2.0 % of 9,950 items moved; 150 items new, 50 gone; 1.0 % of the events moved, "
        "10,000 events new, 0 gone"
    )
    assert churn_headline(between(events=None)) == (
        "Items keep 62.0 % of their 10 nearest neighbours and move by 0.30 radii on average; "
        "150 items new, 50 gone"
    )


def test_a_page_of_nothing_in_common_has_no_number_that_is_none():
    nothing = {"moves": None, "moves_of_moved": None, "recall": None, "farthest": ()}
    apart = {
        "items": Counts(1, 2, 0, 0, (0, 0)),
        "events": Counts(3, 4, 0, 0, (0, 0)),
        "users": UserChurn(1, 1, 0, 0),
        "categories": (),
        "compared": dataclasses.replace(COMPARED, n_sample=0),
    }
    page = churn_page(churn(**nothing | apart))
    assert page.headline == "2 items new, 1 gone; 4 events new, 3 gone."
    assert page.verdict.word == "act"
    text = "".join(render(page, name) for name in ("html", "markdown", "json"))
    assert "NaN" not in text
    assert "None" not in text

"""The page of evaluate_ne: what it says first, its rules, and what it leaves open."""

import dataclasses

import pytest
from ne_values import arm, hostile_ne_page, regime, report

from semantic_ids.report import Interval, ne_headline, ne_page, render
from semantic_ids.report.drawings import drawing_of


def test_the_headline_is_the_arm_that_was_best_in_the_second_quarter():
    lucky = arm("decoded_linear", "SIDE decoded, linear", "sids", 0.2, second_quarter_ne=0.99)
    found = report(regime(arms=(*regime().arms, lucky)))
    assert ne_headline(found) == (
        "SIDE mixed decoded, MLP + similarity takes 0.1200 off the NE of no history, 1.50 times "
        "the traditional 0.0800, for 8 bytes an event against 24 (as it is, 50 events)"
    )


def test_without_an_arm_of_sids_the_headline_says_so():
    found = report(regime(arms=regime().arms[:3]))
    assert "no arm stores SIDs" in ne_headline(found)
    assert not [each for each in ne_page(found).findings if "comparison" in each.rule]


@pytest.mark.parametrize(
    ("gain", "word"),
    [
        (Interval(0.004, 0.003, 0.005), "good"),
        (Interval(0.02, -0.001, 0.04), "good"),
        (Interval(0.02, 0.01, 0.03), "act"),
    ],
)
def test_shuffled_data_that_gain_are_acted_on(gain, word):
    control = dataclasses.replace(regime().arm("shuffled_sids"), gain=gain)
    page = ne_page(report(regime(arms=(*regime().arms[:4], control))))
    (finding,) = [each for each in page.findings if each.rule.startswith("controls")]
    assert finding.word == word
    assert f"gains {gain.value:.4f}" in finding.measured


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (Interval(1.5, 1.1, 1.9), "good"),
        (Interval(1.1, 0.9, 1.3), "watch"),
        (Interval(0.7, 0.6, 0.8), "act"),
    ],
)
def test_the_comparison_is_judged_by_its_interval(ratio, word):
    side = dataclasses.replace(regime().arm("mixed_mlp_similarity"), ratio=ratio)
    arms = tuple(side if each.key == side.key else each for each in regime().arms)
    (finding,) = [
        each for each in ne_page(report(regime(arms=arms))).findings if "comparison" in each.rule
    ]
    assert finding.word == word


def test_where_the_traditional_arm_gains_nothing_there_is_no_ratio():
    arms = tuple(dataclasses.replace(each, ratio=None) for each in regime().arms)
    page = ne_page(report(regime(arms=arms)))
    (section,) = [each for each in page.sections if each.key == "arms_1"]
    assert section.table.values("ratio") == (None,) * 5
    assert "times" not in page.headline


def test_several_regimes_are_mapped_by_events_per_item_and_the_share_trained_on():
    many = [regime(n_items=n) for n in (100, 10_000, 1_000)]
    changes = {"n_items": 1_000, "history": 200}
    page = ne_page(report(*many, regime(share=0.1, **changes), regime(**changes)))
    (section,) = [each for each in page.sections if each.key == "regime_map"]
    values = section.table.values
    assert values("events_per_item") == (38.6326, 386.326, 386.326, 386.326, 3863.26)
    assert values("trained_per_item") == pytest.approx(
        (38.6326, 38.6326, 386.326, 386.326, 3863.26)
    )
    drawn = drawing_of(section.chart, section.table)
    assert [(line.title, line.places) for line in drawn.series] == [
        ("ratio, 50 events at most", pytest.approx([38.6326, 386.326, 3863.26])),
        ("ratio, 200 events at most", pytest.approx([38.6326, 386.326])),
    ]
    assert drawn.values == pytest.approx([1.5] * 5)
    assert "regime_map" not in [each.key for each in ne_page(report()).sections]


def test_the_arm_that_gains_most_stands_first():
    (section,) = [each for each in ne_page(report()).sections if each.key == "arms_1"]
    gains = section.table.values("ne_gain")
    assert gains == (0.12, 0.08, 0.031, 0.0, -0.001)
    assert section.table.values("arm")[0] == "SIDE mixed decoded, MLP + similarity"


def test_gain_per_byte_is_of_what_is_stored():
    assert regime().arm("none").gain_per_byte is None
    assert regime().arm("traditional").gain_per_byte == pytest.approx(0.08 / 4.9)


def test_every_format_holds_the_arms():
    page = ne_page(report())
    for form in ("markdown", "json"):
        assert "SIDE mixed decoded, MLP + similarity" in render(page, form)


def test_hostile_names_are_texts():
    page = hostile_ne_page(("<script>alert(1)</script>", "=1+1", "[a](b)", "|x|", "e"))
    assert "<script>" not in render(page, "markdown")

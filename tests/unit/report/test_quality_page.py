"""The quality page: what each rule says at its bounds, and what odd values leave of it."""

import dataclasses
import re

import pytest
from quality_values import SHOWN, quality

from semantic_ids.codebook import ErrorRatio, Errors, Recall, Use, collisions
from semantic_ids.report import ByteUse, Drift, quality_headline, quality_page, render
from semantic_ids.report.quality_rules import findings


def words(measured):
    return {each.rule.partition(":")[0]: each.word for each in findings(measured)}


def error_of(value):
    return {"errors": Errors(990, (0.9, value), (0.01, 0.01), 0.3, 0.01, 0.5)}


def recall_of(value):
    return {"recall": Recall(10, 990, 500, value, value - 0.01, value + 0.01, 0.01)}


def bits_of(value):
    return {"bytes_": (ByteUse("centroids", Use(256, 256, value, 0.2)),)}


def dead_of(n_dead):
    return {"bytes_": (ByteUse("centroids", Use(256, 256 - n_dead, 7.5, 0.2)),)}


def unseen_of(n_missing):
    return {"shown": dataclasses.replace(SHOWN, n_valid=400, n_missing=n_missing)}


def drift_of(low, n_items=200):
    return {
        "drifts": (Drift("new items", True, n_items, ErrorRatio(low + 0.1, low, low + 0.2), ()),)
    }


def test_a_healthy_codebook_is_good_by_all_rules():
    assert words(quality()) == {
        "error": "good",
        "symbols": "good",
        "dead symbols": "good",
        "collisions": "good",
        "neighbours": "good",
        "drift": "good",
        "embeddings": "good",
    }


@pytest.mark.parametrize(
    ("rule", "changes", "word"),
    [
        ("error", error_of(0.55), "good"),
        ("error", error_of(0.56), "watch"),
        ("error", error_of(0.81), "act"),
        ("symbols", bits_of(5.6), "good"),
        ("symbols", bits_of(5.5), "watch"),
        ("symbols", bits_of(3.9), "act"),
        ("dead symbols", dead_of(64), "good"),
        ("dead symbols", dead_of(65), "watch"),
        ("dead symbols", dead_of(129), "act"),
        ("collisions", {"needless_share": 0.05}, "good"),
        ("collisions", {"needless_share": 0.06}, "watch"),
        ("collisions", {"needless_share": 0.26}, "act"),
        ("neighbours", recall_of(0.35), "good"),
        ("neighbours", recall_of(0.34), "watch"),
        ("neighbours", recall_of(0.14), "act"),
        ("embeddings", unseen_of(50), "good"),
        ("embeddings", unseen_of(51), "watch"),
        ("embeddings", unseen_of(501), "act"),
        ("drift", drift_of(1.05), "good"),
        ("drift", drift_of(1.06), "watch"),
        ("drift", drift_of(1.26), "act"),
    ],
)
def test_each_rule_at_its_bounds(rule, changes, word):
    assert words(quality(**changes))[rule] == word


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (0.51, "SIDs lose 51.0 % .* error 0.510), within the bound of 55.0 %: SIDs of 40 bits"),
        (0.6, "above the bound of 55.0 %"),
        (0.9, "above the bound of 80.0 %"),
    ],
)
def test_the_verdict_on_the_error_says_its_bound_and_what_it_rests_on(error, said):
    verdict = quality_page(quality(**error_of(error))).verdict
    assert re.search(said.replace(")", r"\)"), verdict.measured)
    assert "lost 11 to 52 % of six real embeddings" in verdict.measured


def test_the_worst_rule_gives_the_verdict():
    page = quality_page(quality(**error_of(0.6), **recall_of(0.1)))
    assert page.verdict.word == "act"
    assert page.verdict.rule.startswith("neighbours: act where recall@10 is below 0.15")


def test_few_items_are_not_blamed_for_symbols_that_they_cannot_use():
    few = {
        "bytes_": (ByteUse("centroids", Use(256, 4, 2.0, 0.98)),),
        "collisions": collisions({1: 4}),
        "needless_share": 0.0,
    }
    assert words(quality(**few))["symbols"] == "good"
    assert words(quality(**few))["dead symbols"] == "good"


def test_neighbours_and_drift_of_few_items_are_not_judged():
    few = {"recall": Recall(10, 99, 99, 0.1, 0.09, 0.11, 0.1)} | drift_of(3.0, n_items=99)
    assert {"neighbours", "drift"}.isdisjoint(words(quality(**few)))


def test_items_that_the_fit_saw_say_nothing_of_drift():
    seen = Drift("all items", False, 990, ErrorRatio(0.9, 0.88, 0.92), ())
    unseen = dataclasses.replace(seen, ratio=ErrorRatio(1.5, 1.4, 1.6))
    assert "drift" not in words(quality(drifts=(seen,)))
    assert words(quality(drifts=(unseen,)))["drift"] == "act"


def test_all_items_identical_must_be_acted_on():
    same = {
        "bytes_": (ByteUse("centroids", Use(256, 1, 0.0, 0.996)),),
        "collisions": collisions({10_000: 1}),
        "errors": Errors(10, None, None, 0.0, 0.0, 1.0),
    }
    found = words(quality(**same))
    assert found["symbols"] == found["dead symbols"] == "act"
    assert "error" not in found


def test_a_page_of_one_item_has_no_number_that_is_none():
    one = quality(
        collisions=collisions({1: 1}),
        bytes_=(ByteUse("binary", Use(2, 1, 0.0, 0.5)),),
        digits=(),
        pairs=(),
        shared=(),
        errors=Errors(1, None, None, 0.2, 0.0, None),
        fit_errors=(),
        recall=None,
        purities=(),
        drifts=(),
    )
    page = quality_page(one)
    assert [section.key for section in page.sections] == ["error", "symbols", "collisions"]
    assert page.headline == "0 % of the 1 item share their SID with another."
    text = "".join(render(page, name) for name in ("html", "markdown", "json"))
    assert "NaN" not in text
    assert "Infinity" not in text


def test_sections_stand_in_order_and_each_is_read_in_one_sentence():
    page = quality_page(quality())
    assert [section.key for section in page.sections] == [
        "error",
        "symbols",
        "digits",
        "information",
        "collisions",
        "shared_sids",
        "neighbours",
        "purity_1",
        "drift_errors",
        "drift_symbols",
    ]
    for section in page.sections:
        assert section.reading.endswith((".", "?"))
        assert ". " not in section.reading


def test_the_error_curve_says_what_each_byte_adds():
    (error, *_) = quality_page(quality()).sections
    assert error.table.values("energy_kept") == (0.4, 0.6)
    assert error.table.values("energy_added") == (pytest.approx(0.4), pytest.approx(0.2))
    assert error.table.values("fit_error") == (0.62, 0.43)


def test_a_codebook_without_held_out_errors_has_no_column_of_them():
    (error, *_) = quality_page(quality(fit_errors=())).sections
    assert "fit_error" not in [column.name for column in error.table.columns]
    assert error.chart.y == ("relative_error",)


def test_the_headline_says_what_a_sid_keeps():
    assert quality_headline(quality()) == (
        "2 bytes an item keep 60.0 % of the embeddings' variance and 62.0 % of an item's 10 "
        "nearest neighbours; 2.0 % of the 10,000 items share their SID with another"
    )


def test_items_without_an_embedding_are_told_beside_the_sample():
    facts = dict(quality_page(quality()).facts)
    assert facts["Sample"] == (
        "1,000 items drawn by hash of item_id for all else; 6 are not in embeddings and 4 have no "
        "embedding that the codebook takes"
    )
    whole = dataclasses.replace(SHOWN, n_valid=1_000, n_missing=0)
    facts = dict(quality_page(quality(shown=whole)).facts)
    assert facts["Sample"] == "1,000 items drawn by hash of item_id for all else"

"""The footprint's rules at their bounds."""

import dataclasses

import pytest
from footprint_values import ARMS, ITEM_SIDS, SEQUENCES, arm, footprint

from semantic_ids.report import Comparison
from semantic_ids.report.footprint_rules import findings


def word_of(measured, rule):
    return {each.rule.partition(":")[0]: each.word for each in findings(measured)}.get(rule)


@pytest.mark.parametrize(
    ("ours", "word"), [(450, "good"), (451, "watch"), (600, "watch"), (601, "act")]
)
def test_sids_are_judged_against_n_gram_ids(ours, word):
    assert (
        word_of(
            footprint(events=Comparison("event", 100, (arm("sids", "SIDs", ours, 800), ARMS[1]))),
            "n-gram ids",
        )
        == word
    )


@pytest.mark.parametrize(
    ("n_files", "mean", "word"),
    [(99, 10, "good"), (100, 16e6, "good"), (100, 15.9e6, "watch"), (100, 0.9e6, "act")],
)
def test_small_files_matter_where_they_are_many(n_files, mean, word):
    size = int(n_files * mean)
    table = dataclasses.replace(SEQUENCES, n_files=n_files, size_bytes=size, columns={})
    assert word_of(footprint(tables=(table, ITEM_SIDS)), "small files") == word


@pytest.mark.parametrize(("stored", "word"), [(10, "good"), (12, "watch"), (15, "act")])
def test_deleted_rows_that_still_weigh_are_judged(stored, word):
    table = dataclasses.replace(ITEM_SIDS, n_stored_rows=stored)
    assert word_of(footprint(tables=(table,)), "deleted rows") == word


def test_without_events_and_tables_no_rule_speaks():
    assert findings(footprint(tables=(), events=None)) == ()

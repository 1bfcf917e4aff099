"""The gate of an audit: which verdicts it lets through, and what it says of the others."""

from pathlib import Path

import pytest

from semantic_ids.audit_configs import AuditQuality, BrowseItems
from semantic_ids.config import load_config
from semantic_ids.errors import ConfigError
from semantic_ids.report import Finding, Page
from semantic_ids.spark.gate import hold_to
from semantic_ids.spark.runs import RunSummary

FILE = Path("quality/audit_quality.html")
SUMMARY = RunSummary("1,000 items; verdict", rows_in=1000, metrics={"verdict": "any"})
TABLES = [f"{name}=a/{name}" for name in ("embeddings", "item_sids", "codebooks", "codebook")]


def page(*words):
    findings = tuple(
        Finding(word, f"error: rule of {word}", f"The error is 0.{n}.")
        for n, word in enumerate(words, start=1)
    )
    return Page("audit_quality", "Quality", "1,000 items", (), (), findings)


@pytest.mark.parametrize(
    ("require", "words"),
    [
        (None, ["act"]),
        (None, []),
        ("watch", ["watch", "good"]),
        ("watch", ["good"]),
        ("good", ["good", "good"]),
    ],
)
def test_an_allowed_verdict_leaves_the_summary_as_it_is(require, words):
    assert hold_to(require, SUMMARY, page(*words), FILE) is SUMMARY


@pytest.mark.parametrize(
    ("require", "words", "sentence"),
    [
        (
            "good",
            ["good", "watch"],
            "require: the verdict must be good, got watch (error: rule of watch): "
            "The error is 0.2; page in quality/audit_quality.html",
        ),
        (
            "watch",
            ["watch", "act", "act"],
            "require: the verdict must be good or watch, got act (error: rule of act): "
            "The error is 0.2; page in quality/audit_quality.html",
        ),
        (
            "watch",
            [],
            "require: the verdict must be good or watch, got none: no rule had a value to judge; "
            "page in quality/audit_quality.html",
        ),
    ],
)
def test_a_worse_verdict_is_refused_with_verdict_rule_and_value(require, words, sentence):
    held = hold_to(require, SUMMARY, page(*words), FILE)
    assert (str(held.refusal), held.message) == (sentence, sentence)
    assert held.refusal.exit_code == 3
    assert (held.rows_in, held.metrics) == (1000, {"verdict": "any"})


def test_require_is_good_or_watch_and_belongs_to_audits_with_a_verdict():
    assert load_config(AuditQuality, None, TABLES).require is None
    assert load_config(AuditQuality, None, [*TABLES, "require=watch"]).require == "watch"
    with pytest.raises(ConfigError, match="require: input should be 'good' or 'watch', got 'act'"):
        load_config(AuditQuality, None, [*TABLES, "require=act"])
    browse = [table for table in TABLES if not table.startswith("embeddings=")]
    with pytest.raises(ConfigError, match="require: unknown key"):
        load_config(BrowseItems, None, [*browse, "require=good"])

"""The gate of an audit: a verdict that the configuration does not allow ends the job."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from semantic_ids.errors import VerdictError
from semantic_ids.report import Page
from semantic_ids.spark.runs import RunSummary

__all__ = ["hold_to", "verdict_ending", "verdict_metrics"]

_ALLOWED = {"good": ("good",), "watch": ("good", "watch")}


def hold_to(
    require: Literal["good", "watch"] | None, summary: RunSummary, page: Page, file: Path
) -> RunSummary:
    """Let a run end as failed where the verdict of its page is worse than what is required.

    Parameters
    ----------
    require : str or None
        The worst verdict allowed; None for any.
    summary : RunSummary
        Of the audit, whose page is written.
    page : Page
        A page without a finding has no verdict, which no requirement allows.
    file : Path
        Where the page is.

    Returns
    -------
    RunSummary
        The same where the verdict is allowed, else one with a refusal that names verdict, rule
        and value.
    """
    verdict = page.verdict
    if require is None or (verdict and verdict.word in _ALLOWED[require]):
        return summary
    rule = f"require: the verdict must be {' or '.join(_ALLOWED[require])}, got "
    if verdict is None:
        found = "none: no rule had a value to judge"
    else:
        found = f"{verdict.word} ({verdict.rule}): {verdict.measured.removesuffix('.')}"
    refusal = VerdictError(f"{rule}{found}; page in {file}")
    return replace(summary, message=str(refusal), refusal=refusal)


def verdict_ending(page: Page) -> str:
    """End a summary with the verdict and the rule that said so; nothing without a verdict."""
    verdict = page.verdict
    if verdict is None:
        return ""
    why = verdict.rule if verdict.word != "good" else "no rule asks for more"
    return f"; verdict: {verdict.word} ({why})"


def verdict_metrics(page: Page) -> dict[str, Any]:
    """Give what `runs` keeps of the verdict, and of each rule by its name."""
    return {
        "verdict": page.verdict.word if page.verdict else None,
        "findings": {each.rule.partition(":")[0]: each.word for each in page.findings},
    }

"""What must hold for an experiment to be believed, and where SIDs pay."""

from collections.abc import Iterator

from semantic_ids.report.ne import ArmScore, NeReport, RegimeScore
from semantic_ids.report.page import Finding, Word

__all__ = ["REFERENCE", "findings"]

REFERENCE = "traditional"
CONTROL_GAIN = 0.005


def findings(report: NeReport) -> tuple[Finding, ...]:
    """Give a finding for the controls and the comparison of each regime."""
    found = [
        finding
        for regime in report.regimes
        for finding in (*_controls(regime), *_comparison(regime))
    ]
    return tuple(found)


def _controls(regime: RegimeScore) -> Iterator[Finding]:
    controls = [arm for arm in regime.arms if arm.is_control]
    if not controls:
        return
    worst = max(controls, key=lambda arm: arm.gain.value)
    gains = worst.gain.value > CONTROL_GAIN and worst.gain.low > 0
    yield Finding(
        "act" if gains else "good",
        f"controls: act where shuffled data gain more than {CONTROL_GAIN:g}, their interval above "
        "0: then gains are no history's",
        f"{worst.title} gains {worst.gain.value:.4f} ({_bounds(worst)}); {regime.name}.",
    )


def _comparison(regime: RegimeScore) -> Iterator[Finding]:
    best = regime.best_of_sids()
    if best is None or best.ratio is None:
        return
    ratio = best.ratio
    word: Word = "act" if ratio.high < 1 else "watch" if ratio.low <= 1 else "good"
    yield Finding(
        word,
        "comparison: good where SIDs gain more than the traditional arm, the interval of the "
        "ratio above 1; act below 1; watch between",
        f"{best.title} gains {ratio.value:.2f} times the traditional arm (95 % from "
        f"{ratio.low:.2f} to {ratio.high:.2f}); {regime.name}.",
    )


def _bounds(arm: ArmScore) -> str:
    return f"95 % from {arm.gain.low:.4f} to {arm.gain.high:.4f}"

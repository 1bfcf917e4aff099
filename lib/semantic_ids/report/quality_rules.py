"""When the quality of SIDs is good, to be watched, or to be acted on."""

import math
from collections.abc import Iterator

from semantic_ids.report.numbers import shown
from semantic_ids.report.page import Finding, Word
from semantic_ids.report.quality import Quality

__all__ = ["above", "below", "findings", "percent"]

# docs/audits/quality.md says what these rest on
ERROR = (0.55, 0.80)
BITS = (0.70, 0.50)
DEAD = (0.25, 0.50)
SHARING = (0.05, 0.25)
RECALL = (0.35, 0.15)
DRIFT = (1.05, 1.25)
UNSEEN = (0.05, 0.50)
_LOST_ELSEWHERE = (
    "SIDs of 40 bits fitted on their own items (preset faithful) lost 11 to 52 % of six real "
    "embeddings, SIDs fitted on other items 92 %, and a SID that says nothing loses 100 %"
)
FEW_ITEMS = 100
"""Of fewer items neighbours and drift are not judged."""


def findings(quality: Quality) -> tuple[Finding, ...]:
    """Give a finding for each rule whose value was measured."""
    rules = (_error, _bits, _dead, _sharing, _recall, _drift, _unseen)
    return tuple(finding for rule in rules for finding in rule(quality))


def percent(share: float) -> str:
    """Write a share as the cells of a page do."""
    return shown(share, "share")


def _error(quality: Quality) -> Iterator[Finding]:
    if quality.errors.relative is None:
        return
    error = quality.errors.relative[-1]
    word = above(error, ERROR)
    bound = f"{'within' if word == 'good' else 'above'} the bound of "
    bound += percent(ERROR[1] if word == "act" else ERROR[0])
    yield Finding(
        word,
        f"error: act above {ERROR[1]}, watch above {ERROR[0]}",
        f"SIDs lose {percent(error)} of the variance of the embeddings (relative reconstruction "
        f"error {error:.3f}), {bound}: {_LOST_ELSEWHERE}.",
    )


def _bits(quality: Quality) -> Iterator[Finding]:
    if quality.collisions.n_items < 2:
        return
    most = math.log2(quality.collisions.n_items)  # items cannot differ in more bits
    uses = [byte.use for byte in quality.bytes_]
    shares = [use.entropy_bits / min(use.nominal_bits, most) for use in uses]
    worst = min(range(len(shares)), key=shares.__getitem__)
    yield Finding(
        below(shares[worst], BITS),
        f"symbols: act where a byte has below {percent(BITS[1])} of its bits, watch below "
        f"{percent(BITS[0])}",
        f"Byte {worst} uses its symbols least evenly: {uses[worst].entropy_bits:.2f} effective "
        f"bits of {min(uses[worst].nominal_bits, most):.2f} that it could have.",
    )


def _dead(quality: Quality) -> Iterator[Finding]:
    n_items = quality.collisions.n_items
    uses = [byte.use for byte in quality.bytes_]
    shares = [use.n_dead / use.n_values - (1 - 1 / use.n_values) ** n_items for use in uses]
    worst = max(range(len(shares)), key=shares.__getitem__)
    yield Finding(
        above(shares[worst], DEAD),
        f"dead symbols: act where they are {percent(DEAD[1])} of a byte's more than chance leaves "
        f"unused, watch where they are {percent(DEAD[0])}",
        f"Byte {worst} has {uses[worst].n_dead} symbols of {uses[worst].n_values} that no item "
        "uses.",
    )


def _sharing(quality: Quality) -> Iterator[Finding]:
    share = quality.needless_share
    identical = quality.collisions.sharing_share - share
    yield Finding(
        above(share, SHARING),
        f"collisions: act where over {percent(SHARING[1])} of the items share their SID with an "
        f"item of another embedding, watch over {percent(SHARING[0])}",
        f"{percent(share)} of the items share their SID with an item of another embedding, and "
        f"{percent(max(0.0, identical))} only with items of the same embedding.",
    )


def _recall(quality: Quality) -> Iterator[Finding]:
    recall = quality.recall
    if recall is None or recall.n_items < FEW_ITEMS:
        return
    yield Finding(
        below(recall.mean, RECALL),
        f"neighbours: act where recall@10 is below {RECALL[1]}, watch below {RECALL[0]}",
        f"Decoded SIDs keep {percent(recall.mean)} of an item's {recall.k} nearest neighbours.",
    )


def _drift(quality: Quality) -> Iterator[Finding]:
    judged = [
        (drift.ratio, drift.who)
        for drift in quality.drifts
        if drift.ratio
        and drift.n_items >= FEW_ITEMS
        and (drift.is_new or drift.ratio.high >= 1)  # below: the fit saw most of them
    ]
    if not judged:
        return
    ratio, who = max(judged, key=lambda each: each[0].low)
    yield Finding(
        above(ratio.low, DRIFT),
        f"drift: act where the 95 % interval of the error's ratio to the fit's is above "
        f"{DRIFT[1]}, watch above {DRIFT[0]}",
        f"The squared error of {who} is {ratio.ratio:.2f} times that of items held out of the fit "
        f"(95 % interval {ratio.low:.2f} to {ratio.high:.2f}).",
    )


def _unseen(quality: Quality) -> Iterator[Finding]:
    drawn, missing = quality.shown.n_drawn, quality.shown.n_missing
    if not missing:
        return
    yield Finding(
        above(missing / drawn, UNSEEN),
        f"embeddings: act where over {percent(UNSEEN[1])} of the items drawn have none, watch over "
        f"{percent(UNSEEN[0])}",
        f"{missing:,} of {drawn:,} items drawn are not in embeddings: errors, neighbours and drift "
        "say nothing of them.",
    )


def above(value: float, bounds: tuple[float, float]) -> Word:
    """Judge a value that should be low by the bounds of watch and act."""
    watch, act = bounds
    return "act" if value > act else "watch" if value > watch else "good"


def below(value: float, bounds: tuple[float, float]) -> Word:
    """Judge a value that should be high by the bounds of watch and act."""
    watch, act = bounds
    return "act" if value < act else "watch" if value < watch else "good"

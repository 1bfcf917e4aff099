"""A report of evaluate_ne from made-up scores, with hostile names of regimes."""

import dataclasses

from semantic_ids.report import ArmScore, Interval, NeReport, Page, RegimeScore, SliceScore, ne_page

ARMS = (
    ("none", "no history", "nothing", 0.0),
    ("item_ids", "item-id table", "ids", 0.031),
    ("traditional", "traditional: prefix 3-gram tables", "ids", 0.08),
    ("mixed_mlp_similarity", "SIDE mixed decoded, MLP + similarity", "sids", 0.12),
    ("shuffled_sids", "control: SIDs of other events", "sids", -0.001),
)


def arm(key: str, title: str, kind: str, gain: float, **changes: object) -> ArmScore:
    """Give one arm's scores."""
    found = ArmScore(
        key=key,
        title=title,
        stores_sids=kind == "sids",
        is_control=key.startswith("shuffled"),
        second_quarter_ne=1 - gain,
        ne=1 - gain,
        ne_spread=0.0007,
        gain=Interval(gain, gain - 0.01, gain + 0.01),
        ratio=Interval(gain / 0.08, gain / 0.08 - 0.1, gain / 0.08 + 0.1),
        n_parameters=2_561,
        raw_bytes={"nothing": 0.0, "ids": 24.0, "sids": 8.0}[kind],
        stored_bytes={"nothing": 0.0, "ids": 4.9, "sids": 2.2}[kind],
        rate=0.003,
        table_rate=0.1 if kind == "ids" else None,
        seconds=3.25,
    )
    return dataclasses.replace(found, **changes)


def regime(**changes: object) -> RegimeScore:
    """Give one regime's scores, with some of them changed."""
    arms = tuple(arm(*each) for each in ARMS)
    found = RegimeScore(
        name="as it is, 50 events",
        history=50,
        relist_days=None,
        noise=0.0,
        share=1.0,
        n_examples=10_000,
        n_reported=5_000,
        n_users=812,
        n_items=3_659,
        n_events=386_326,
        base_rate=0.2,
        mean_history=38.2,
        arms=arms,
        slices=(
            SliceScore("item", "fewer than 10 past events", 900, (0.0, 0.01, 0.02, 0.11, 0.0)),
            SliceScore("month", "2011-11", 80, (None,) * len(arms)),
        ),
    )
    return dataclasses.replace(found, **changes)


def report(*regimes: RegimeScore) -> NeReport:
    """Give a report of regimes, by default of one."""
    facts = (("Users", "4,334 of 4,334"), ("Run", "20251125T180000Z-0f3a9c21"))
    return NeReport(regimes or (regime(),), facts, ("Fused codebooks: none here.",))


def hostile_ne_page(titles: tuple[str, ...]) -> Page:
    """Give the page of regimes and arms with hostile names."""
    arms = tuple(
        dataclasses.replace(each, title=title)
        for each, title in zip(regime().arms, titles, strict=False)
    )
    regimes = [
        regime(name=title, n_items=1_000 * (k + 1), arms=arms) for k, title in enumerate(titles[:4])
    ]
    return ne_page(report(*regimes))

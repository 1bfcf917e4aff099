"""An experiment on normalized entropy as a page."""

from semantic_ids.report.ne import ArmScore, NeReport, RegimeScore
from semantic_ids.report.ne_rules import REFERENCE, findings
from semantic_ids.report.page import Chart, Column, Page, Section, Table, Value

__all__ = ["ne_headline", "ne_page"]

_SLICED = ("item_ids", REFERENCE, "traditional_similarity", "vectors_linear_similarity")
_ARMS = (
    Column("arm", "what a history is fed as"),
    Column("ne_gain", "gain over no history", "number"),
    Column("ne_gain_low", "95 % from", "number"),
    Column("ne_gain_high", "to", "number"),
    Column("ratio", "by the traditional gain", "number"),
    Column("ratio_low", "95 % from", "number"),
    Column("ratio_high", "to", "number"),
    Column("ne", "NE", "number"),
    Column("ne_spread", "± over seeds", "number"),
    Column("second_quarter_ne", "NE of the second quarter", "number"),
    Column("parameters", "parameters", "count"),
    Column("raw_bytes_per_event", "bytes of an event", "bytes"),
    Column("bytes_per_event", "in a file", "bytes"),
    Column("gain_per_byte", "gain per byte in a file", "number"),
    Column("seconds", "seconds of a pass", "number"),
    Column("rate", "learning rate", "number"),
    Column("table_rate", "of tables", "number"),
)
_REGIMES = (
    Column("regime", "regime"),
    Column("events_per_item", "events per item", "number"),
    Column("trained_per_item", "events per item, times share", "number"),
    Column("mean_history", "events of a history", "number"),
    Column("examples", "examples reported", "count"),
    Column("arm", "arm of SIDs, best in the second quarter"),
    Column("ne_gain", "its gain", "number"),
    Column("traditional_gain", "the traditional gain", "number"),
)
_BOUNDS = (Column("ratio_low", "95 % from", "number"), Column("ratio_high", "to", "number"))


def ne_page(report: NeReport) -> Page:
    """Give the page: the answer, the rules, a table for each regime, the map, the slices."""
    regimes = list(enumerate(report.regimes, start=1))
    sections = [_arms(number, regime) for number, regime in regimes]
    if len(regimes) > 1:
        sections.insert(0, _map(report))
    sections += [_slices(number, regime) for number, regime in regimes if regime.slices]
    return Page(
        job="evaluate_ne",
        title="What semantic IDs are worth to a model",
        headline=f"{ne_headline(report)}.",
        facts=report.facts,
        sections=tuple(sections),
        findings=findings(report),
        not_measured=report.not_measured,
    )


def ne_headline(report: NeReport) -> str:
    """Say in one sentence, without its full stop, what SIDs gain, by the first regime."""
    regime = report.regimes[0]
    best, reference = regime.best_of_sids(), regime.arm(REFERENCE)
    if best is None or reference is None:
        return f"{len(regime.arms)} arms on {regime.n_reported:,} examples; no arm stores SIDs"
    ratio = f", {best.ratio.value:.2f} times" if best.ratio else ";"
    return (
        f"{best.title} takes {best.gain.value:.4f} off the NE of no history{ratio} the "
        f"traditional {reference.gain.value:.4f}, for {best.raw_bytes:g} bytes an event against "
        f"{reference.raw_bytes:g} ({regime.name})"
    )


def _arms(number: int, regime: RegimeScore) -> Section:
    by_gain = sorted(regime.arms, key=lambda arm: arm.gain.value, reverse=True)
    return Section(
        f"arms_{number}",
        f"Arms: {regime.name}",
        "NE is the log loss by the entropy of the base rate, the lower the better; gain is the "
        "share of the NE of no history that an arm takes off, on the second half of the examples. "
        "The arm that gains most stands first.",
        Table(_ARMS, tuple(_row(arm) for arm in by_gain)),
        Chart("barh", "arm", ("ne_gain",), "gain over no history"),
        (
            f"{regime.n_examples:,} examples, {regime.n_reported:,} of them reported, of "
            f"{regime.n_users:,} users; base rate {regime.base_rate:.3f}; "
            f"{regime.n_events:,} events of {regime.n_items:,} items, "
            f"{regime.events_per_item:.1f} an item; histories have {regime.mean_history:.1f} "
            "events in the mean.",
            "Intervals are over users drawn with replacement; a ratio stands only where the "
            "traditional arm gains in all draws but one in forty. Learned tables go on gaining "
            "from more examples where SIDs have little left to learn: the ratio is that of a model "
            "that has seen as many as these.",
            "Bytes of an event are before compression; in a file, Parquet with Zstandard, whole "
            "users' events packed as the sequences table packs SIDs. The three prefix ids of the "
            "traditional arm could be computed from the three bytes of `tables by level`.",
        ),
    )


def _row(arm: ArmScore) -> tuple[Value, ...]:
    ratio = arm.ratio
    return (
        arm.title,
        arm.gain.value,
        arm.gain.low,
        arm.gain.high,
        *((ratio.value, ratio.low, ratio.high) if ratio else (None, None, None)),
        arm.ne,
        arm.ne_spread,
        arm.second_quarter_ne,
        arm.n_parameters,
        arm.raw_bytes,
        arm.stored_bytes,
        arm.gain_per_byte,
        arm.seconds,
        arm.rate,
        arm.table_rate,
    )


def _map(report: NeReport) -> Section:
    histories = sorted({regime.history for regime in report.regimes})
    ratios = tuple(
        Column(f"ratio_{history}", f"ratio, {history} events at most", "number")
        for history in histories
    )
    regimes = sorted(report.regimes, key=lambda regime: regime.trained_per_item)
    return Section(
        "regime_map",
        "Where SIDs pay",
        "The gain of SIDs by the traditional gain against the events per item times the share that "
        "is trained on, a line for each length of history: the fewer they are, the less a learned "
        "table knows of an item.",
        Table(_REGIMES + ratios + _BOUNDS, tuple(_point(regime, histories) for regime in regimes)),
        Chart(
            "line",
            "trained_per_item",
            tuple(column.name for column in ratios),
            "gain by the traditional gain",
            log_x=True,
        ),
        ("The arm is chosen by the second quarter, and shown by the second half.",),
    )


def _point(regime: RegimeScore, histories: list[int]) -> tuple[Value, ...]:
    best, reference = regime.best_of_sids(), regime.arm(REFERENCE)
    ratio = best.ratio if best else None
    return (
        regime.name,
        regime.events_per_item,
        regime.trained_per_item,
        regime.mean_history,
        regime.n_reported,
        best.title if best else None,
        best.gain.value if best else None,
        reference.gain.value if reference else None,
        *(ratio.value if ratio and regime.history == each else None for each in histories),
        *((ratio.low, ratio.high) if ratio else (None, None)),
    )


def _slices(number: int, regime: RegimeScore) -> Section:
    best = regime.best_of_sids()
    keys = dict.fromkeys([*_SLICED, *([best.key] if best else [])])
    places = [place for place, arm in enumerate(regime.arms) if arm.key in keys]
    columns = (
        Column("slice", "examples"),
        Column("examples", "number", "count"),
        *(Column(regime.arms[p].key, regime.arms[p].title, "number") for p in places),
    )
    rows = tuple(
        (f"{each.kind}: {each.name}", each.n_examples, *(each.gains[p] for p in places))
        for each in regime.slices
    )
    return Section(
        f"slices_{number}",
        f"Gains by slice: {regime.name}",
        "The share of the log loss of no history that an arm takes off in each slice; of slices "
        "below 200 examples nothing is said.",
        Table(columns, rows),
    )

"""The sections of a quality page about a sample: error, neighbours, purity, drift."""

from collections.abc import Iterator

from semantic_ids.codebook import Errors, Recall
from semantic_ids.report.page import Chart, Column, Section, Table, Value
from semantic_ids.report.quality import CategoryPurity, Drift, Quality

__all__ = ["drift_sections", "error_section", "neighbour_section", "purity_sections"]


def error_section(quality: Quality) -> Section:
    """Say what is lost after each byte."""
    columns = [
        Column("n_bytes", "bytes read", "count"),
        Column("relative_error", "relative error", "number"),
        Column("standard_error", "± standard error", "number"),
        Column("energy_kept", "variance kept", "share"),
        Column("energy_added", "added by this byte", "share"),
    ]
    rows: list[tuple[Value, ...]] = list(_curve(quality.errors, quality.width))
    lines = ["relative_error"]
    if quality.fit_errors:
        columns.append(Column("fit_error", "at the fit, held out", "number"))
        rows = [(*row, error) for row, error in zip(rows, quality.fit_errors, strict=True)]
        lines.append("fit_error")
    chart = Chart("line", "n_bytes", tuple(lines), "relative error")
    return Section(
        "error",
        "What each byte adds",
        "The relative error is the share of the embeddings' variance that is lost when the first "
        "bytes of a SID are decoded: 0 is lossless, 1 is no better than the average item.",
        Table(tuple(columns), tuple(rows)),
        chart if quality.errors.relative else None,
        _error_notes(quality),
    )


def _curve(errors: Errors, width: int) -> Iterator[tuple[Value, ...]]:
    if errors.relative is None or errors.standard_errors is None:
        yield from ((n_bytes, None, None, None, None) for n_bytes in range(1, width + 1))
        return
    before = 1.0
    for place, (error, its_error) in enumerate(
        zip(errors.relative, errors.standard_errors, strict=True)
    ):
        yield place + 1, error, its_error, 1 - error, before - error
        before = error


def _error_notes(quality: Quality) -> tuple[str, ...]:
    errors = quality.errors
    notes = [f"Mean squared error {errors.mean_square:.4g} on {errors.n_items:,} items."]
    if errors.cosine is not None:
        notes.append(f"Mean cosine of embeddings and decoded SIDs {errors.cosine:.3f}.")
    if errors.relative is None:
        notes.append("All embeddings are the same: there is no variance to lose a share of.")
    if quality.fit_errors:
        notes.append(
            "At the fit, held out: the same for items that the fit did not see. A codebook fitted "
            "on most of these items does better on them than on new ones."
        )
    return tuple(notes)


def neighbour_section(recall: Recall) -> Section:
    """Say which neighbours are kept."""
    return Section(
        "neighbours",
        "Which neighbours items keep",
        f"Of the {recall.k} items nearest to an item by embedding, this share is among the "
        f"{recall.k} nearest by decoded SID too.",
        recall_table(recall, Column("recall", f"recall@{recall.k}", "share")),
        None,
        (
            "Both are exact searches among the sample, the item itself left out; the interval is "
            "over the items asked. In a larger catalogue neighbours lie closer, and are harder to "
            "keep.",
        ),
    )


def recall_table(recall: Recall, kept: Column) -> Table:
    """Tabulate a recall, its share under a column of the caller's."""
    columns = (
        kept,
        Column("low", "95 % interval from", "share"),
        Column("high", "to", "share"),
        Column("by_chance", "by chance", "share"),
        Column("n_queries", "items asked", "count"),
        Column("n_items", "items searched", "count"),
    )
    row = (
        recall.mean,
        recall.low,
        recall.high,
        recall.by_chance,
        recall.n_queries,
        recall.n_items,
    )
    return Table(columns, (row,))


def purity_sections(purities: tuple[CategoryPurity, ...]) -> Iterator[Section]:
    """Say of each category whether prefixes gather it."""
    for number, purity in enumerate(purities, start=1):
        yield _purity(number, purity)


def _purity(number: int, purity: CategoryPurity) -> Section:
    columns = (
        Column("n_bytes", "bytes of the prefix", "count"),
        Column("n_prefixes", "prefixes", "count"),
        Column("purity", "purity", "share"),
        Column("by_chance", "by chance", "share"),
        Column("adjusted", "above chance, of what is possible", "share"),
        Column("homogeneity", "homogeneity", "share"),
    )
    rows = tuple(
        (
            level.n_bytes,
            level.n_prefixes,
            level.purity,
            level.by_chance,
            level.adjusted,
            level.homogeneity,
        )
        for level in purity.levels
    )
    kinds = "classes of as many items each" if purity.in_tenths else "categories"
    return Section(
        f"purity_{number}",
        f"Do SID prefixes gather items of one {purity.name}?",
        f"Purity is the share of items that are of the commonest {purity.name} among those that "
        "share the first bytes of their SID; by chance is the same with the categories dealt at "
        "random, and the gap is what prefixes know.",
        Table(columns, rows),
        Chart("line", "n_bytes", ("purity", "by_chance"), "share of the items"),
        (
            f"{purity.n_items:,} items of the sample, {purity.n_categories:,} {kinds}. An item "
            "alone with its prefix counts as pure, so both lines rise with each byte.",
        ),
    )


def drift_sections(drifts: tuple[Drift, ...]) -> Iterator[Section]:
    """Compare items with those held out of the fit, by error and by symbols."""
    ratios = [drift for drift in drifts if drift.ratio]
    if ratios:
        yield _error_drift(ratios)
    symbols = [drift for drift in drifts if drift.symbols]
    if symbols:
        yield _symbol_drift(symbols)


def _error_drift(drifts: list[Drift]) -> Section:
    columns = (
        Column("who", "items"),
        Column("n_items", "of the sample", "count"),
        Column("ratio", "error by that at the fit", "number"),
        Column("low", "95 % interval from", "number"),
        Column("high", "to", "number"),
    )
    rows = tuple(
        (drift.who, drift.n_items, ratio.ratio, ratio.low, ratio.high)
        for drift in drifts
        for ratio in [drift.ratio]
        if ratio
    )
    return Section(
        "drift_errors",
        "Are items reconstructed as well as at the fit?",
        "A ratio above 1 says that SIDs lose more of these items than of the items held out of the "
        "fit; if the interval holds 1, that may be chance.",
        Table(columns, rows),
        None,
        (
            "Items that the fit has seen are reconstructed better than held-out ones, so the ratio "
            "of all items is below 1 where the fit saw most of them.",
        ),
    )


def _symbol_drift(drifts: list[Drift]) -> Section:
    names = [drift.who.replace(" ", "_") for drift in drifts]
    columns = [Column("byte", "byte", "count")]
    for drift, name in zip(drifts, names, strict=True):
        columns.append(Column(name, f"{drift.who}, bits", "number"))
        columns.append(Column(f"{name}_by_chance", f"{drift.who}, by chance", "number"))
    rows = []
    for byte, found in enumerate(zip(*(drift.symbols for drift in drifts), strict=True)):
        values = [value for each in found for value in (each.bits, each.bits_by_chance)]
        rows.append((byte, *values))
    counts = ", ".join(f"{drift.who} {drift.n_items:,}" for drift in drifts)
    return Section(
        "drift_symbols",
        "Do items use symbols as at the fit?",
        "The Jensen-Shannon divergence of a byte's symbols now from those of the items held out of "
        "the fit: 0 is alike, 1 has no symbol in common, and what is well above chance counts.",
        Table(tuple(columns), tuple(rows)),
        Chart("bar", "byte", tuple(column.name for column in columns[1:]), "bits"),
        (f"Items of the sample: {counts}.",),
    )

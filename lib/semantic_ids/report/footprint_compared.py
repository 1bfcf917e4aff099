"""The sections of a footprint that set SIDs beside other ways to store the same."""

from collections.abc import Iterator

from semantic_ids.report.footprint import Arm, Comparison, Footprint, Sample, SidLoss
from semantic_ids.report.footprint_growth import TARGETS
from semantic_ids.report.page import Chart, Column, Section, Table, Value

__all__ = ["compared_sections"]

_TB = 10**12
_TRIVIAL_SHARE = 0.5
_WHOLE_SIDS = ("sids", "codes")  # arms that hold all bytes of the SIDs
_VECTORS = (
    "A vector is held whole by its reader, however well a file of few distinct ones compresses."
)
_WHY_LIGHTER = {
    "ngrams": "N-gram ids hold no byte of a SID after the third.",
    "codes": (
        "A list of codes holds the same bytes, each encoded as a value by itself; its reader holds "
        "an int32 for each."
    ),
    "item_ids": (
        "An item id carries nothing of the content: to become a vector it needs a learned table or "
        "the embeddings beside it, where a SID needs the codebook alone."
    ),
    "int8": _VECTORS,
    "float16": _VECTORS,
    "float32": _VECTORS,
}


def compared_sections(footprint: Footprint) -> Iterator[Section]:
    """Give the sections of events, of their limit, of items, and of what they would cost."""
    if footprint.sample and footprint.events:
        yield _events(footprint, footprint.sample, footprint.events)
        yield _limit(footprint, footprint.sample, footprint.events)
    if footprint.items:
        yield _items(footprint, footprint.items)
    for comparison in (footprint.events, footprint.items):
        if comparison:
            yield _cost(footprint, comparison)


def _events(footprint: Footprint, sample: Sample, events: Comparison) -> Section:
    return Section(
        "events",
        "What an event weighs, stored each way",
        "Each bar is a real Parquet file of the same events, divided by their number: shorter is "
        "cheaper; the axis is logarithmic, so read the numbers for how much.",
        _arms(events, footprint.loss),
        Chart("barh", "arm", ("bytes_per_event",), "bytes per event on disk", log_y=True),
        (
            *_notes(events, footprint.loss),
            f"Timestamps are in no row: they are the same whatever stands beside them, "
            f"{sample.timestamps.size_bytes / sample.n_events:,.2f} bytes per event "
            f"({sample.timestamps.file}).",
            *_lighter(events),
            *_rounded(sample),
        ),
    )


def _items(footprint: Footprint, items: Comparison) -> Section:
    return Section(
        "items",
        "What an item weighs, stored each way",
        "The same for the items of these events, one row each in the order of item_id, without "
        "the item_id unless that is what is stored.",
        _arms(items, footprint.loss),
        Chart("barh", "arm", ("bytes_per_item",), "bytes per item on disk", log_y=True),
        (*_notes(items, footprint.loss), *_lighter(items)),
    )


def _arms(comparison: Comparison, loss: SidLoss | None) -> Table:
    unit = comparison.unit
    columns = (
        Column("arm", f"what an {unit} stores"),
        Column(f"bytes_per_{unit}", f"on disk per {unit}", "bytes"),
        Column("half_width_bytes", "± (95 %)", "bytes"),
        Column("of_half_bytes", "in half the sample", "bytes"),
        Column("ratio", "times SIDs", "number"),
        Column(f"raw_bytes_per_{unit}", f"raw per {unit}", "bytes"),
        Column("raw_ratio", "raw, times SIDs", "number"),
        Column("lost", "lost of the vectors", "share"),
        Column("size_bytes", "file", "bytes"),
        Column("detail", "of"),
    )
    return Table(columns, tuple(_row(arm, comparison, loss) for arm in comparison.arms))


def _row(arm: Arm, comparison: Comparison, loss: SidLoss | None) -> tuple[Value, ...]:
    of_sids = loss.relative_error if loss and arm.name in _WHOLE_SIDS else None
    return (
        arm.title,
        comparison.bytes_per_unit(arm),
        arm.half_width,
        arm.of_half,
        comparison.ratio(arm),
        comparison.raw_bytes_per_unit(arm),
        comparison.raw_ratio(arm),
        of_sids if arm.lost is None else arm.lost,
        arm.size_bytes,
        arm.detail,
    )


def _notes(comparison: Comparison, loss: SidLoss | None) -> Iterator[str]:
    files = ", ".join(arm.file for arm in comparison.arms)
    yield f"The files stand beside this page, in the order of the rows: {files}."
    yield (
        "Raw is the values alone, before encoding and compression: what a reader holds in memory, "
        "and about what the disk holds once a catalogue is so large that values seldom repeat."
    )
    widths = [arm.half_width for arm in comparison.arms]
    if all(width == 0 for width in widths):
        yield "No error of sampling: these are all of the table."
    elif None in widths:
        yield "The error of sampling is not told: there are too few rows."
    else:
        yield (
            "± is half of the 95 % interval over the draw of the sample, from files that lack a "
            "tenth of it each. It does not tell that a larger file compresses better: how much "
            f"size matters shows in half the sample, and in a whole table an {comparison.unit} "
            "weighs less than here."
        )
    of_sids = (
        f"that of SIDs is what audit_quality measured on {loss.n_items:,} items of this codebook "
        f"(run {loss.run_id})."
        if loss
        else "that of SIDs is for audit_quality to say: run it on this codebook with a runs table, "
        "and give that here."
    )
    yield (
        "Lost is the squared error of the vectors that can be had back, by their variance; "
        f"{of_sids}"
    )


def _lighter(comparison: Comparison) -> Iterator[str]:
    """Say why it is no gain that another way weighs less than SIDs."""
    lighter = [arm for arm in comparison.arms[1:] if comparison.ratio(arm) < 1]
    if not lighter:
        return
    said = [f"Lighter on disk than SIDs here: {' and '.join(arm.title for arm in lighter)}."]
    said.extend(dict.fromkeys(_WHY_LIGHTER[arm.name] for arm in lighter))
    said.append(
        "Parquet stores a column of few distinct values through a dictionary of up to 1 MiB a row "
        "group; a larger catalogue has no such gain."
        if comparison.unit == "event"
        else "Ids stand in their order here, in which they compress best; SIDs do not."
    )
    yield " ".join(said)


def _rounded(sample: Sample) -> Iterator[str]:
    if sample.float16_source:
        yield (
            "The source's vectors are float16 values: as float32 half of their bits are nearly "
            "constant and compress away, so true float32 vectors weigh more than shown."
        )


def _limit(footprint: Footprint, sample: Sample, events: Comparison) -> Section:
    ours = events.arms[0]
    columns = (Column("what", "SIDs of an event"), Column("bytes_per_event", "bytes", "bytes"))
    rows = [
        ("raw", events.raw_bytes_per_unit(ours)),
        ("on disk, the sample", events.bytes_per_unit(ours)),
        ("entropy of the sample", sample.entropy_bytes),
    ]
    stored = footprint.table("sequences")
    if stored and "sids" in stored.columns:
        rows.insert(1, ("on disk, all of sequences", stored.columns["sids"] / stored.n_units))
    notes = [
        f"{sample.n_sids:,} distinct SIDs. The entropy is the limit of any code that takes each "
        "event by itself; a compressor falls below it only where histories repeat."
    ]
    if sample.n_sids > _TRIVIAL_SHARE * sample.n_events:
        notes.append(
            "Most SIDs occur once or twice in the sample, so its entropy is below that of the "
            "whole table: take a larger sample_events."
        )
    return Section(
        "limit",
        "How near the files come to the limit",
        "What a file on disk is longer than the entropy, a better compressor could still save; raw "
        "is what a reader holds in memory.",
        Table(columns, tuple(rows)),
        Chart("barh", "what", ("bytes_per_event",), "bytes per event"),
        tuple(notes),
    )


def _cost(footprint: Footprint, comparison: Comparison) -> Section:
    unit, price = comparison.unit, footprint.price_per_tb_month
    target, count = TARGETS[unit], _power(TARGETS[unit])
    columns = (
        Column("arm", f"what an {unit} stores"),
        Column("size_bytes", "compressed as here", "bytes"),
        Column("usd_per_month", "USD a month, compressed", "number"),
        Column("raw_bytes", "raw", "bytes"),
        Column("raw_usd_per_month", "USD a month, raw", "number"),
    )
    rows: list[tuple[Value, ...]] = []
    for arm in comparison.arms:
        sizes = comparison.bytes_per_unit(arm) * target, comparison.raw_bytes_per_unit(arm) * target
        cells = [cell for size in sizes for cell in (size, size / _TB * price)]
        rows.append((arm.title, *cells))
    return Section(
        f"cost_{unit}s",
        f"What {count} {unit}s would weigh and cost",
        f"Bytes per {unit} from above times {count}: a real table lies between compressed as here "
        "and raw, nearer to raw the more distinct values it has; the axis is logarithmic.",
        Table(columns, tuple(rows)),
        Chart(
            "barh",
            "arm",
            ("usd_per_month", "raw_usd_per_month"),
            f"USD a month for {count} {unit}s",
            log_y=price > 0,
        ),
        (
            f"The price is price_per_tb_month, {price:,.2f} USD for 10¹² bytes a month: an "
            "assumption to replace by your own. Each byte is stored once; requests, copies and "
            "traffic come on top.",
        ),
    )


def _power(number: int) -> str:
    """Write a power of ten as people do."""
    return {10**9: "10⁹", 10**12: "10¹²"}[number]

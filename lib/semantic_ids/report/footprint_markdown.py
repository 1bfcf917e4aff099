"""A footprint as Markdown that a data-platform engineer reads."""

from semantic_ids.report.footprint import (
    Arm,
    Comparison,
    Footprint,
    Sample,
    TableSize,
    headline,
    not_measured,
)
from semantic_ids.report.markdown import bullet, code, table

__all__ = ["to_markdown"]

_TRIVIAL_SHARE = 0.5


def to_markdown(footprint: Footprint) -> str:
    """Give the report as Markdown: the answer first, then what it rests on."""
    parts = [
        "# What items and events weigh on disk",
        f"**{_capital(headline(footprint))}.**",
        "All sizes are bytes of real files; nothing is estimated. "
        f"Run {code(footprint.run_id)}, {footprint.measured_at} UTC.",
    ]
    if footprint.sample and footprint.events:
        parts += _events(footprint, footprint.sample, footprint.events)
    if footprint.items:
        parts += _items(footprint.items)
    parts.append("## The tables")
    parts.append(
        "The active files of the version named, as the file system gives their sizes; a column's "
        "bytes are those of its compressed chunks, from the Parquet footers. Files of older "
        "versions, the Delta log and checksum files are not counted."
    )
    for size in footprint.tables:
        parts += _table(size)
    if gaps := not_measured(footprint):
        parts += ["## Not measured", bullet([f"{_capital(gap)}." for gap in gaps])]
    return "\n\n".join(parts) + "\n"


def _events(footprint: Footprint, sample: Sample, events: Comparison) -> list[str]:
    return [
        "## An event: SIDs against the alternatives",
        _sample(footprint, sample),
        _arms(events),
        bullet(_reading(footprint, sample, events)),
    ]


def _sample(footprint: Footprint, sample: Sample) -> str:
    text = (
        f"The same {sample.n_events:,} events of {sample.n_users:,} users, in the order of user, "
        "time and item, written once for each alternative, one row a user, with the same settings "
        f"({footprint.settings}). They are whole users drawn by hash of user_id from the "
        f"{sample.n_events_total:,} events of {code(sample.source)}."
    )
    if sample.n_left_out:
        text += (
            f" {sample.n_left_out:,} events of these users are left out: their items lack a SID "
            "or an embedding."
        )
    return text


def _reading(footprint: Footprint, sample: Sample, events: Comparison) -> list[str]:
    times = sample.timestamps
    lines = [
        "*On disk* is the size of the file, divided by events. *Raw* is the values alone, before "
        "encoding and compression: what a reader holds in memory, and about what the disk holds "
        "once a catalogue is so large that values seldom repeat.",
        f"Timestamps are in no row above: they are the same whatever is stored beside them, "
        f"{times.size_bytes / sample.n_events:,.2f} bytes per event ({code(times.file)}).",
        f"The {sample.n_sids:,} distinct SIDs of these events have an entropy of "
        f"{sample.entropy_bytes:,.2f} bytes per event: the limit of any code that takes each event "
        "by itself. zstd can fall below it where histories repeat.",
    ]
    if sample.n_sids > _TRIVIAL_SHARE * sample.n_events:
        lines.append(
            "Most SIDs occur once or twice in the sample, so its entropy is below that of the "
            "whole table: take a larger `sample_events`."
        )
    lighter = [arm for arm in events.arms[1:] if events.ratio(arm) < 1]
    if lighter:
        names = " and ".join(arm.title for arm in lighter)
        lines.append(
            f"{_capital(names)} weigh less on disk than SIDs here: Parquet stores a column of few "
            "distinct values through a dictionary (up to 1 MiB of them a row group). A trainer "
            "needs a learned table to turn them into vectors; for SIDs it needs none."
        )
    if sample.float16_source:
        lines.append(
            "The source's vectors are float16 values: as float32 half of their bits are nearly "
            "constant and compress away, so true float32 vectors weigh more than shown."
        )
    if stored := footprint.table("sequences"):
        lines.append(_whole_table(stored))
    return lines


def _whole_table(stored: TableSize) -> str:
    parts = ", ".join(
        f"{name} {stored.columns[name] / stored.n_units:,.2f}"
        for name in ("sids", "timestamps")
        if name in stored.columns
    )
    return (
        f"The whole sequences table weighs {stored.bytes_per_unit:,.2f} bytes per event over its "
        f"{stored.n_units:,} events, all columns included ({parts})."
    )


def _items(items: Comparison) -> list[str]:
    return [
        "## An item: SIDs against the alternatives",
        f"The {items.n_units:,} items of these events, one row each in the order of item_id, "
        "without the item_id unless it is what is stored.",
        _arms(items),
    ]


def _arms(comparison: Comparison) -> str:
    unit = comparison.unit
    header = [
        f"what an {unit} stores",
        "file",
        "bytes",
        f"on disk per {unit}",
        "to ours",
        f"raw per {unit}",
        "to ours",
    ]
    return table(header, [_arm(arm, comparison) for arm in comparison.arms], text_columns=2)


def _arm(arm: Arm, comparison: Comparison) -> list[str]:
    return [
        f"{arm.title} ({arm.detail})",
        code(arm.file),
        f"{arm.size_bytes:,}",
        f"{comparison.bytes_per_unit(arm):,.2f}",
        f"{comparison.ratio(arm):,.2f}x",
        f"{comparison.raw_bytes_per_unit(arm):,.2f}",
        f"{comparison.raw_ratio(arm):,.2f}x",
    ]


def _table(size: TableSize) -> list[str]:
    rows_are_units = size.unit == "item"
    units = "" if rows_are_units else f" with {_count(size.n_units, size.unit)}"
    average = f"**{size.bytes_per_unit:,.2f} bytes per {size.unit}**"
    if not rows_are_units:
        average += f", {size.size_bytes / size.n_rows:,.2f} per row"
    text = (
        f"{code(size.location)}, version {code(size.version)}: {_count(size.n_files, 'file')} of "
        f"{size.size_bytes:,} bytes, {_count(size.n_rows, 'row')}{units}; {average}."
    )
    if size.n_stored_rows > size.n_rows:
        deleted = size.n_stored_rows - size.n_rows
        text += f" {deleted:,} rows are deleted, but still in the files."
    sizes = [*size.columns.items(), ("footers and indexes", size.rest_bytes)]
    rows = [_column(name, part, size) for name, part in sizes]
    rows += [[f"{name} (in folder names)", "0", "0.0 %", "0.00"] for name in size.folder_columns]
    rows.append(_column("**in total**", size.size_bytes, size))
    header = ["column", "bytes", "share", f"bytes per {size.unit}"]
    return [f"### {size.name}", text, table(header, rows)]


def _column(name: str, part: int, size: TableSize) -> list[str]:
    share = f"{part / size.size_bytes:.1%}".replace("%", " %")
    return [name, f"{part:,}", share, f"{part / size.n_units:,.2f}"]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]

"""When a footprint is good, to be watched, or to be acted on."""

from collections.abc import Iterator

from semantic_ids.report.footprint import Footprint
from semantic_ids.report.numbers import compact, shown
from semantic_ids.report.page import Finding, Word
from semantic_ids.report.table_size import TableSize

__all__ = ["findings"]

# docs/audits/footprint.md says what these rest on
OF_NGRAMS = (0.75, 1.0)
SMALL_FILES, FEW_FILES = (16e6, 1e6), 100
DELETED = (0.10, 0.30)


def findings(footprint: Footprint) -> tuple[Finding, ...]:
    """Give a finding for each rule whose value was measured."""
    return (*_ngrams(footprint), *_files(footprint.tables), *_deleted(footprint.tables))


def _ngrams(footprint: Footprint) -> Iterator[Finding]:
    events = footprint.events
    ngrams = events.arm("ngrams") if events else None
    if events is None or ngrams is None:
        return
    ours = events.arms[0]
    share = ours.size_bytes / ngrams.size_bytes
    yield Finding(
        _word(share > OF_NGRAMS[0], share > OF_NGRAMS[1]),
        f"n-gram ids: act where SIDs weigh over {_percent(OF_NGRAMS[1])} of three n-gram ids on "
        f"disk, watch over {_percent(OF_NGRAMS[0])}",
        f"On disk SIDs weigh {_percent(share)} of what three n-gram ids weigh: "
        f"{events.bytes_per_unit(ours):.2f} and {events.bytes_per_unit(ngrams):.2f} bytes per "
        "event.",
    )


def _files(tables: tuple[TableSize, ...]) -> Iterator[Finding]:
    if not tables:
        return
    many = [table for table in tables if table.n_files >= FEW_FILES] or list(tables)
    worst = min(many, key=lambda table: table.size_bytes / table.n_files)
    mean, is_judged = worst.size_bytes / worst.n_files, worst.n_files >= FEW_FILES
    watch, act = (is_judged and mean < bound for bound in SMALL_FILES)
    files = "1 file" if worst.n_files == 1 else f"{worst.n_files:,} files"
    said = f"{worst.name} stands in {files} of {shown(mean, 'bytes')} on average"
    yield Finding(
        _word(watch, act),
        f"small files: of a table of {FEW_FILES} files or more, act where they have less than "
        f"{compact(SMALL_FILES[1], 'bytes')} on average, watch below "
        f"{compact(SMALL_FILES[0], 'bytes')}",
        f"{said}." if is_judged else f"{said}: too few to matter.",
    )


def _deleted(tables: tuple[TableSize, ...]) -> Iterator[Finding]:
    if not tables:
        return
    worst = max(tables, key=lambda table: table.deleted_share)
    share = worst.deleted_share
    yield Finding(
        _word(share > DELETED[0], share > DELETED[1]),
        f"deleted rows: act where over {_percent(DELETED[1])} of the rows in a table's files are "
        f"deleted, watch over {_percent(DELETED[0])}",
        f"{_percent(share)} of the rows in the files of {worst.name} are deleted and still weigh."
        if share
        else "No row in the files of the tables is deleted.",
    )


def _word(is_watched: bool, is_acted: bool) -> Word:
    return "act" if is_acted else "watch" if is_watched else "good"


def _percent(share: float) -> str:
    return shown(share, "share")

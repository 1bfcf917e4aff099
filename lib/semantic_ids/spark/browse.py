"""The browse page: SIDs counted by their first bytes, items drawn with titles, one file written."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F

from semantic_ids.audit_configs import BrowseItems
from semantic_ids.report import Catalogue, PrefixCounts, browse_headline, browse_to_html
from semantic_ids.spark.browse_inputs import BrowseInputs
from semantic_ids.spark.drawing import look_up, sample_bound
from semantic_ids.spark.report_folder import staged_files
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.sid_counts import count_items
from semantic_ids.spark.sources import Source
from semantic_ids.spark.times import utc_text

__all__ = ["FILE", "browse_items", "count_prefixes", "draw_catalogue"]

FILE = "browse_items.html"

_SEED = 20_231  # other samples hash item_id too: another seed gives other items
_TEXT = 1_000  # characters of a text that are read: the page shows fewer

log = logging.getLogger("semantic_ids")


def browse_items(config: BrowseItems, inputs: BrowseInputs, run_id: str) -> RunSummary:
    """Write the page in which people walk the SIDs of a codebook.

    Raises
    ------
    TableError
        If the codebook has no item, SIDs that it never assigns, two of one item, or an item_id
        that is null or no UTF-8.
    ConfigError
        If the report's folder cannot be written; what stood there stays.
    """
    counts = count_prefixes(inputs)
    log.info("browse_items: %s items counted", f"{int(counts.n_items.sum()):,}")
    catalogue = draw_catalogue(config, inputs, counts, run_id)
    folder = Path(config.report.folder)
    content = browse_to_html(catalogue).encode()
    with staged_files(folder, (FILE,)) as scratch:
        (scratch / FILE).write_bytes(content)
    return _summary(catalogue, inputs, folder / FILE, len(content))


def count_prefixes(inputs: BrowseInputs) -> PrefixCounts:
    """Count the items of the codebook by the first two bytes of their SIDs, or by the one.

    Raises
    ------
    TableError
        If the codebook has no item, SIDs that it never assigns, two of one item, or an item_id
        that is null or no UTF-8.
    """
    counts = count_items(inputs)
    cells = counts.pairs[0] if len(counts.pairs) else counts.symbols[0]
    prefixes = np.flatnonzero(cells)
    return PrefixCounts(prefixes, cells[prefixes])


def draw_catalogue(
    config: BrowseItems, inputs: BrowseInputs, counts: PrefixCounts, run_id: str
) -> Catalogue:
    """Collect the items, or those whose hash of item_id is lowest, with what labels say of them."""
    items = _draw(inputs, int(counts.n_items.sum()), config.max_items)
    wanted = {"label": config.label, "category": config.category}
    columns = {ours: theirs for ours, theirs in wanted.items() if theirs}
    found = _read_texts(inputs.labels, items["item_id"], columns) if inputs.labels else items
    return Catalogue(
        codebook=inputs.codebook,
        name=inputs.filed.name,
        sids=items["sid"].to_numpy(),
        item_ids=[str(item_id)[:_TEXT] for item_id in items["item_id"].to_pylist()],
        titles=found["label"].to_pylist() if config.label else [None] * len(items),
        category=config.category,
        categories=found["category"].to_pylist() if config.category else [],
        counts=counts,
        facts=_facts(inputs, run_id),
    )


def _draw(inputs: BrowseInputs, n_items: int, size: int) -> pa.Table:
    """Collect item_id and sid of up to `size` items, in the order of their SIDs."""
    place = F.xxhash64("item_id", F.lit(_SEED)).alias("place")
    cut = sample_bound(size, n_items)
    drawn = inputs.sids().select("item_id", "sid", place).where(F.col("place") <= cut).toArrow()
    by_place = drawn.sort_by([("place", "ascending"), ("item_id", "ascending")])
    return by_place.slice(0, size).sort_by([("sid", "ascending"), ("item_id", "ascending")])


def _read_texts(labels: Source, item_ids: pa.ChunkedArray, columns: dict[str, str]) -> pa.Table:
    """Look up the beginnings of texts under our names."""
    texts = {
        ours: F.substring(F.make_valid_utf8(labels.column(theirs).cast("string")), 1, _TEXT)
        for ours, theirs in columns.items()
    }
    return look_up(labels, item_ids, texts)


def _facts(inputs: BrowseInputs, run_id: str) -> list[tuple[str, str]]:
    codebook = inputs.codebook
    now = utc_text()
    return [
        ("Codebook", f"{inputs.filed.name}, {codebook.codebook_id}"),
        ("Stages", inputs.stages_in_words()),
        *((source.name, source.label) for source in inputs.given()),
        ("Run", f"{run_id}, {now} UTC"),
    ]


def _summary(catalogue: Catalogue, inputs: BrowseInputs, file: Path, size_bytes: int) -> RunSummary:
    n_shown = len(catalogue.sids)
    n_without = sum(title is None for title in catalogue.shown_titles)
    gap = ""
    if inputs.labels and n_without:
        gap = f"; {n_without:,} have no title, their ids stand for it"
    return RunSummary(
        f"{browse_headline(catalogue)}{gap}; page of {size_bytes / 1e6:.1f} MB in {file}",
        codebook_id=catalogue.codebook.codebook_id,
        inputs={source.name: source.label for source in inputs.given()},
        rows_in=catalogue.n_items,
        rows_out=n_shown,
        rows_rejected=0,
        size_bytes=size_bytes,
        metrics={
            "n_prefixes": len(catalogue.counts.prefixes),
            "n_sids": catalogue.n_sids,
            "n_without_title": n_without,
        },
    )

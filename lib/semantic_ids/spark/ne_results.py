"""What an experiment leaves: a page, the probabilities if they are wanted, a row in runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from semantic_ids.ne_configs import EvaluateNe
from semantic_ids.report import NeReport, RegimeScore, ne_headline, ne_page
from semantic_ids.spark.gate import hold_to
from semantic_ids.spark.ne_inputs import NeInputs
from semantic_ids.spark.ne_tables import NeTables
from semantic_ids.spark.report_folder import page_files, stage_page, staged_files
from semantic_ids.spark.runs import RunSummary
from semantic_ids.spark.times import utc_text

__all__ = ["write_results"]

_PREDICTIONS = "predictions/regime_{}.parquet"
_MAX_REGIMES = 32
_FUSED = (
    "Fused codebooks: items have one collection; name more in `collections`, or set `copurchase`."
)
_NO_DIGITS = "Digits: the codebook's stages are all centroids, which have none."


def write_results(
    config: EvaluateNe,
    inputs: NeInputs,
    tables: NeTables,
    scores: Sequence[RegimeScore],
    *,
    predictions: Sequence[pa.Table],
    n_unnamed: int,
    run_id: str,
) -> RunSummary:
    """Write the page, and the probabilities where the configuration wants them.

    Raises
    ------
    ConfigError
        If the report's folder cannot be written; what stood there stays.
    """
    has_one = len(inputs.collections) == 1 and not config.copurchase
    left_open = ((_FUSED, has_one), (_NO_DIGITS, not inputs.codebook.n_digits))
    report = NeReport(
        tuple(scores),
        _facts(config, inputs, tables, n_unnamed, run_id),
        tuple(said for said, is_so in left_open if is_so),
    )
    page = ne_page(report)
    owned = [_PREDICTIONS.format(number) for number in range(1, _MAX_REGIMES + 1)]
    folder = Path(config.report.folder)
    with staged_files(folder, (*page_files(page.job), *owned)) as scratch:
        names = stage_page(scratch, page, config.report.formats)
        for name, table in zip(owned, predictions if config.predictions else (), strict=False):
            (scratch / name).parent.mkdir(exist_ok=True)
            pq.write_table(table, scratch / name, compression="zstd")
    first = scores[0]
    verdict = page.verdict
    ending = f"; verdict: {verdict.word}" if verdict else ""
    summary = RunSummary(
        f"{ne_headline(report)}; page in {folder / names[0]}{ending}",
        codebook_id=inputs.codebook.codebook_id,
        inputs={source.name: source.label for source in inputs.given()},
        rows_in=tables.n_events,
        rows_out=first.n_reported,
        rows_rejected=tables.n_events - len(tables.users),
        metrics=_arms(first) | {"regimes": [_regime(score) for score in scores]},
    )
    return hold_to(config.require, summary, page, folder / names[0])


def _facts(
    config: EvaluateNe, inputs: NeInputs, tables: NeTables, n_unnamed: int, run_id: str
) -> tuple[tuple[str, str], ...]:
    n_users = len(tables.user_ids)
    left_out = tables.n_events - len(tables.users)
    labels = (
        f"the column {config.label}"
        if config.label
        else f"each event is one, against {config.negatives} items drawn by popularity among the "
        f"events of the same {config.window_days} days"
    )
    return (
        ("Users", f"{n_users:,} of {tables.n_all_users:,}, by hash of user_id"),
        (
            "Events",
            f"{len(tables.users):,} of {len(tables.item_ids):,} items; {left_out:,} more are of "
            f"items without a SID or an embedding, and {n_unnamed:,} in histories are not in "
            "events: left out",
        ),
        ("Collections", _collections(config, inputs)),
        ("Labels", labels),
        (
            "Protocol",
            "one pass in the order of time, each batch scored before it is learned from; learning "
            "rates chosen by the second quarter of the examples, reported on the second half; "
            "codebooks fitted on the items met in the first half; histories strictly before each "
            f"example; {config.seeds} seeds",
        ),
        ("Codebook of the sequences", inputs.codebook.codebook_id),
        *((source.name, source.label) for source in inputs.given()),
        ("Run", f"{run_id}, {utc_text()} UTC"),
    )


def _collections(config: EvaluateNe, inputs: NeInputs) -> str:
    said = ", ".join(inputs.collections)
    if config.copurchase:
        said += (
            f", and copurchase: {config.copurchase} floats made from what users met on one day "
            "before the second quarter of the examples"
        )
    if len(inputs.collections) > 1 or config.copurchase:
        said += "; side by side for every arm, of one weight each"
    return said


def _arms(score: RegimeScore) -> dict[str, Any]:
    return {
        "arms": {
            arm.key: {
                "ne": arm.ne,
                "ne_gain": arm.gain.value,
                "ratio": arm.ratio.value if arm.ratio else None,
                "bytes_per_event": arm.stored_bytes,
                "raw_bytes_per_event": arm.raw_bytes,
                "parameters": arm.n_parameters,
            }
            for arm in score.arms
        }
    }


def _regime(score: RegimeScore) -> dict[str, Any]:
    about = {"name": score.name, "events_per_item": score.events_per_item}
    return about | _arms(score)

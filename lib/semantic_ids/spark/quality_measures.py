"""Counts and drawn items to measured values: every measure is the codebook's, called here."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from semantic_ids.audit_configs import AuditQuality
from semantic_ids.codebook import (
    Codebook,
    SeenGroup,
    SidCounts,
    collisions,
    count_symbols,
    decode,
    digit_counts,
    error_drift,
    measure_errors,
    needless_share,
    neighbour_recall,
    pair_information,
    prefix_purity,
    sids_to_bytes,
    symbol_drift,
    tenths,
    use_of,
)
from semantic_ids.report import (
    ByteUse,
    CategoryPurity,
    DigitUse,
    Drift,
    Quality,
    SharedSid,
    Shown,
)
from semantic_ids.spark.codebooks import FiledCodebook
from semantic_ids.spark.quality_draw import MEMBERS, Drawn
from semantic_ids.spark.quality_new import NewItems

__all__ = ["classes_of", "measure"]

_N_TITLES = 5
_FEW_NEW = 30  # of fewer new items no distribution of symbols is told
_MANY_NUMBERS = 20  # distinct numbers; of more, a column is put in tenths


def measure(
    config: AuditQuality,
    filed: FiledCodebook,
    counts: SidCounts,
    drawn: Drawn,
    *,
    new: NewItems,
    shown: Shown,
) -> Quality:
    """Measure all that counts and drawn items tell."""
    codebook = filed.codebook
    found = collisions(counts.group_sizes)
    kinds = _distinct_embeddings(drawn)
    sids, vectors = drawn.sids[drawn.in_sample], drawn.sample_vectors
    purities = tuple(_purities(config.categories, drawn, codebook.width))
    drifts, not_told = _drifts(filed, drawn, new)
    return Quality(
        shown=shown,
        bytes_=tuple(
            ByteUse(byte.kind, use_of(counts.symbols[j, : byte.n_values]))
            for j, byte in enumerate(codebook.layout)
        ),
        digits=tuple(_digits(counts, codebook)),
        pairs=tuple(pair_information(counts.pairs, codebook.width)),
        collisions=found,
        needless_share=needless_share(
            _seen(counts.largest, kinds),
            _seen([group for group in counts.drawn if group not in counts.largest], kinds),
            found,
        ),
        shared=tuple(_shared(counts, drawn, kinds, codebook.width)),
        errors=measure_errors(vectors, sids, codebook),
        fit_errors=tuple(filed.metrics.get("relative_error", ())),
        recall=neighbour_recall(vectors, decode(sids, codebook), n_queries=config.queries),
        purities=purities,
        drifts=drifts,
        not_measured=(*not_told, *_gaps(config, drawn, purities)),
    )


def _digits(counts: SidCounts, codebook: Codebook) -> list[DigitUse]:
    return [
        DigitUse(j, digit, tuple((values / counts.n_items).tolist()), use_of(values))
        for j, byte in enumerate(codebook.layout)
        for digit, values in enumerate(digit_counts(counts.symbols[j], byte))
    ]


def _distinct_embeddings(drawn: Drawn) -> dict[int, tuple[int, int]]:
    """Count, by SID, the items with an embedding that were drawn and their distinct embeddings."""
    sids = drawn.sids[drawn.valid]
    order = np.argsort(sids, kind="stable")
    starts = np.flatnonzero(np.diff(sids[order], prepend=-1))
    found = {}
    for places in np.split(order, starts[1:]):
        seen = [drawn.vectors[place].tobytes() for place in places[:MEMBERS]]
        found[int(sids[places[0]])] = (len(seen), len(set(seen)))
    return found


def _seen(groups: Sequence[tuple[int, int]], kinds: dict[int, tuple[int, int]]) -> list[SeenGroup]:
    return [SeenGroup(n_items, kinds[sid][1] > 1) for sid, n_items in groups if sid in kinds]


def _shared(
    counts: SidCounts, drawn: Drawn, kinds: dict[int, tuple[int, int]], width: int
) -> list[SharedSid]:
    found = []
    for sid, n_items in counts.largest:
        places = np.flatnonzero(drawn.sids == sid)[:_N_TITLES]
        titles = (drawn.labels[place] or str(drawn.item_ids[int(place)]) for place in places)
        in_hex = sids_to_bytes([sid], width).tobytes().hex(" ")
        found.append(SharedSid(in_hex, n_items, *kinds.get(sid, (0, 0)), tuple(titles)))
    return found


def _purities(names: Sequence[str], drawn: Drawn, width: int) -> list[CategoryPurity]:
    found = []
    for name, column in zip(names, drawn.categories, strict=True):
        values, in_tenths = classes_of(column.slice(0, drawn.n_sample))
        known = values.is_valid().to_numpy(zero_copy_only=False)
        classes = values.drop_null().dictionary_encode().indices.to_numpy()
        if len(classes):
            levels = tuple(prefix_purity(drawn.sids[: drawn.n_sample][known], classes, width))
            n_classes = int(classes.max()) + 1
            found.append(CategoryPurity(name, len(classes), n_classes, in_tenths, levels))
    return found


def classes_of(column: pa.Array) -> tuple[pa.Array, bool]:
    """Give categories, null where there is none, and whether numbers were put in tenths."""
    if not pa.types.is_floating(column.type):
        return column, False
    numbers = pc.if_else(pc.is_finite(column), column, None)
    if pc.count_distinct(numbers).as_py() <= _MANY_NUMBERS:
        return numbers, False
    known = numbers.is_valid()
    classes = pa.array(tenths(numbers.drop_null().to_numpy()))
    return pc.replace_with_mask(pa.nulls(len(column), pa.int64()), known, classes), True


def _drifts(
    filed: FiledCodebook, drawn: Drawn, new: NewItems
) -> tuple[tuple[Drift, ...], list[str]]:
    """Compare all items of the sample, and the new ones, with those held out of the fit."""
    in_sample, metrics = drawn.in_sample, filed.metrics
    gaps = []
    if "symbol_counts" not in metrics:
        gaps.append(
            "Drift: the codebook's row lacks the symbol_counts that fit_codebook files with it."
        )
    found = [_drift(filed, drawn, in_sample, is_new=False)]
    if new.is_new is None:
        gaps.append(f"Drift of new items: {new.why_not}.")
    else:
        is_new = new.is_new & in_sample
        if int(is_new.sum()) >= _FEW_NEW:
            found.append(_drift(filed, drawn, is_new, is_new=True))
        else:
            gaps.append(
                f"Drift of new items: {int(is_new.sum())} of the sample are new since the fit, "
                "too few to compare; a larger `sample_items` draws more."
            )
    return tuple(found), gaps


def _drift(
    filed: FiledCodebook, drawn: Drawn, wanted: npt.NDArray[np.bool_], *, is_new: bool
) -> Drift:
    who = "new items" if is_new else "all items"
    codebook, metrics = filed.codebook, filed.metrics
    sids, vectors = drawn.sids[wanted], drawn.vectors[wanted[drawn.valid]]
    if "symbol_counts" not in metrics:
        return Drift(who, is_new, len(sids), None, ())
    errors = measure_errors(vectors, sids, codebook)
    ratio = error_drift(
        errors.mean_square,
        errors.mean_square_standard_error,
        fitted=metrics["mean_square"],
        fitted_standard_error=metrics["mean_square_standard_error"],
    )
    counts = count_symbols(sids, codebook.width)
    drifts = tuple(symbol_drift(counts, metrics["symbol_counts"]))
    return Drift(who, is_new, len(sids), ratio, drifts)


def _gaps(config: AuditQuality, drawn: Drawn, purities: tuple[CategoryPurity, ...]) -> list[str]:
    """Say what was asked for in vain, or could be asked for."""
    told = {purity.name for purity in purities}
    gaps = [
        f"Purity of {name}: no item of the sample has a value."
        for name in config.categories
        if name not in told
    ]
    if not config.categories:
        gaps.append(
            "Purity of prefixes: no categories were given; name their columns in `categories`."
        )
    if not config.label:
        gaps.append(
            "Titles of items: none were given, so ids are shown; name their column in `label`."
        )
    if drawn.in_sample.sum() < 2:
        gaps.append("Neighbours: only one item of the sample has an embedding.")
    return gaps

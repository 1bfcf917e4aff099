"""A page of audit_quality from made-up counts, with hostile titles and categories."""

import dataclasses

from semantic_ids.codebook import (
    Divergence,
    ErrorRatio,
    Errors,
    PairInformation,
    Purity,
    Recall,
    Use,
    collisions,
)
from semantic_ids.report import (
    ByteUse,
    CategoryPurity,
    DigitUse,
    Drift,
    Page,
    Quality,
    SharedSid,
    Shown,
    quality_page,
)

SHOWN = Shown(
    codebook_id="96b52082079c0e5becd95198dec81c4e",
    name="text",
    stages='[{"centroids": 256}, {"ternary": 5}]',
    collection="text_embedding",
    tables=(("item_sids", "s3://tables/item_sids@delta:7"), ("embeddings", "shop.items@delta:3")),
    run_id="20251125T180000Z-0f3a9c21",
    measured_at="2025-11-25 18:00:00",
    n_drawn=1_000,
    n_valid=990,
    n_missing=6,
)


def quality(**changes: object) -> Quality:
    """Give measured values of a healthy codebook of two bytes, with some of them changed."""
    healthy = Quality(
        shown=SHOWN,
        bytes_=(
            ByteUse("centroids", Use(255, 250, 7.8, 0.2)),
            ByteUse("ternary", Use(243, 243, 7.7, 0.3)),
        ),
        digits=tuple(
            DigitUse(1, digit, (0.3, 0.4, 0.3), Use(3, 3, 1.57, 0.07)) for digit in range(5)
        ),
        pairs=(PairInformation(0, 1, 2.5, 2.1),),
        collisions=collisions({1: 9_800, 2: 80, 40: 1}),
        needless_share=0.012,
        shared=(SharedSid("a3 07", 40, 40, 3, ("JAM MAKING SET", "JAM JAR")),),
        errors=Errors(990, (0.6, 0.4), (0.004, 0.003), 0.35, 0.002, 0.81),
        fit_errors=(0.62, 0.43),
        recall=Recall(10, 990, 500, 0.62, 0.60, 0.64, 0.01),
        purities=(
            CategoryPurity(
                "colour",
                700,
                5,
                False,
                (Purity(1, 250, 0.7, 0.4, 0.5), Purity(2, 690, 0.99, 0.98, 0.99)),
            ),
        ),
        drifts=(
            Drift(
                "all items", False, 990, ErrorRatio(0.9, 0.88, 0.92), (Divergence(0.05, 0.04),) * 2
            ),
            Drift("new items", True, 120, ErrorRatio(1.04, 0.98, 1.1), (Divergence(0.3, 0.2),) * 2),
        ),
        not_measured=(),
    )
    return dataclasses.replace(healthy, **changes)


def hostile_quality_page(titles: tuple[str, ...]) -> Page:
    """Give the page with hostile titles, categories and names."""
    shared = tuple(
        SharedSid(f"{row:02x} 07", 90 - row, 40, 3, (title, "JAM JAR", title))
        for row, title in enumerate(titles)
    )
    (purity,) = quality().purities
    purities = tuple(dataclasses.replace(purity, name=title) for title in titles[:4])
    shown = dataclasses.replace(SHOWN, name=titles[0], collection=titles[3])
    return quality_page(quality(shared=shared, purities=purities, shown=shown, not_measured=titles))

"""A page of audit_churn from made-up counts, with hostile titles and categories."""

import dataclasses

from semantic_ids.codebook import GroupChurn, Moves, Recall
from semantic_ids.report import (
    CategoryChurn,
    Churn,
    Compared,
    Counts,
    MovedItem,
    Page,
    SideShown,
    UserChurn,
    churn_page,
)

SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
SIDE = SideShown("96b52082079c0e5becd95198dec81c4e", "text", "2 x centroids: 256", "version 3")
OTHER = SideShown("0f3a9c2179c0e5becd95198dec81c4e9", "text_2", "2 x centroids: 256", "version 7")
COMPARED = Compared(
    before=SIDE,
    after=dataclasses.replace(SIDE, version="version 7"),
    tables=(
        ("item_sids", "s3://tables/item_sids@delta:7"),
        ("item_sids before", "s3://tables/item_sids@delta:3"),
    ),
    run_id="20251125T180000Z-0f3a9c21",
    measured_at="2025-11-25 18:00:00",
    n_sample=1_000,
)


def churn(**changes: object) -> Churn:
    """Give what a quiet week leaves between two versions, with some of it changed."""
    quiet = Churn(
        compared=COMPARED,
        items=Counts(10_000, 10_100, 9_950, 199, (19, 180)),
        events=Counts(50_000, 60_000, 50_000, 500, (50, 400)),
        users=UserChurn(4_000, 4_400, 4_000, 700),
        moves=Moves(1_000, 0.01, tuple(zip(SHARES, (0, 0, 0, 0, 0, 0, 0.4, 1.2), strict=True))),
        moves_of_moved=Moves(
            20, 0.5, tuple(zip(SHARES, (0.1, 0.2, 0.4, 0.7, 0.9, 1, 1.1, 1.2), strict=True))
        ),
        recall=Recall(10, 1_000, 500, 0.95, 0.94, 0.96, 0.01),
        categories=(
            CategoryChurn(
                "colour",
                700,
                5,
                False,
                (
                    ("red", GroupChurn(0, 100, 0.2, 0.13, 0.29, 0.1)),
                    ("blue", GroupChurn(1, 590, 0.0, 0.0, 0.01, 0.0)),
                ),
            ),
        ),
        farthest=(MovedItem("22423", "JAM MAKING SET", "a3 07", "07 a3", 1.2),),
        not_measured=(),
    )
    return dataclasses.replace(quiet, **changes)


def between(**changes: object) -> Churn:
    """Give what two codebooks leave: SIDs that do not compare."""
    values = {
        "compared": dataclasses.replace(COMPARED, after=OTHER),
        "items": Counts(10_000, 10_100, 9_950, None, ()),
        "events": Counts(50_000, 60_000, 50_000, None, ()),
        "moves": Moves(1_000, 0.3, tuple((share, share) for share in SHARES)),
        "moves_of_moved": None,
        "recall": Recall(10, 1_000, 500, 0.62, 0.60, 0.64, 0.01),
        "categories": (
            CategoryChurn(
                "colour", 700, 2, False, (("red", GroupChurn(0, 100, None, None, None, 0.4)),)
            ),
        ),
    }
    return churn(**values | changes)


def hostile_churn_page(titles: tuple[str, ...]) -> Page:
    """Give the page with hostile titles, ids, categories and names."""
    farthest = tuple(
        MovedItem(title, title, f"{row:02x} 07", "07 a3", 2 - row / 20)
        for row, title in enumerate(titles)
    )
    groups = tuple(
        (title, GroupChurn(row, 90 - row, 0.9 - row / 40, 0.1, 0.95, 1.0))
        for row, title in enumerate(titles)
    )
    categories = tuple(
        CategoryChurn(title, 700, len(titles), False, groups) for title in titles[:3]
    )
    side = dataclasses.replace(SIDE, name=titles[0], version=titles[5])
    compared = dataclasses.replace(COMPARED, before=side, after=side)
    return churn_page(
        churn(farthest=farthest, categories=categories, compared=compared, not_measured=titles)
    )

"""A footprint from made-up sizes: small round numbers, so that every figure follows by hand."""

import dataclasses

from semantic_ids.report import (
    Arm,
    Comparison,
    Footprint,
    History,
    Moment,
    NeArm,
    NeRun,
    Page,
    Part,
    Sample,
    Serving,
    TableSize,
    footprint_page,
)

SEQUENCES = TableSize(
    name="sequences",
    location="s3a://shop/sequences",
    version="delta:7",
    n_files=2,
    size_bytes=1_250,
    n_rows=10,
    n_stored_rows=10,
    unit="event",
    n_units=100,
    columns={"sids": 800, "timestamps": 350},
    folder_columns=("ds",),
    days=(Part("2024-01-01", 1, 60, 700.0), Part("2024-01-09", 1, 40, 550.0)),
    codebooks=(Part("96b52082079c0e5becd95198dec81c4e", 2, 100, 1_250.0),),
    history=History(
        "version",
        3,
        8.0,
        (
            Moment("delta:1, 2024-01-01 00:00", 100.0, 20, 300),
            Moment("delta:4, 2024-01-05 00:00", 104.0, 70, 800),
            Moment("delta:7, 2024-01-09 00:00", 108.0, 100, 1_250),
        ),
    ),
)
ITEM_SIDS = TableSize(
    name="item_sids",
    location="s3a://shop/item_sids",
    version="delta:3",
    n_files=1,
    size_bytes=90,
    n_rows=10,
    n_stored_rows=12,
    unit="item",
    n_units=10,
    columns={"item_id": 30, "sid": 40},
    codebooks=(Part("96b52082079c0e5becd95198dec81c4e", 1, 10, 90.0),),
    history=History("version", 1, 0.0),
)


def arm(name: str, title: str, size_bytes: int, raw_bytes: int, **others: float) -> Arm:
    """Give an arm of 100 events."""
    file = f"comparison/events_{name}.parquet"
    half_width = others.pop("half_width", 0.5)
    return Arm(name, title, "values", file, size_bytes, raw_bytes, half_width, **others)


ARMS = (
    arm("sids", "SIDs", 400, 800),
    arm("ngrams", "three int64 n-gram ids", 600, 2_400),
    arm("codes", "a list of codes", 500, 3_200),
    arm("item_ids", "item ids", 300, 500),
    arm("int8", "int8 embeddings", 700, 800, lost=0.001),
    arm("float16", "float16 embeddings", 800, 800, lost=0.0),
    arm("float32", "float32 embeddings", 1_600, 1_600, lost=0.0),
)
SAMPLE = Sample(
    source="s3a://shop/events@delta:9",
    codebook_id="96b52082079c0e5becd95198dec81c4e",
    n_users=4,
    n_events=100,
    n_events_total=5_000,
    n_left_out=3,
    n_sids=20,
    width=8,
    entropy_bytes=0.5,
    timestamps=arm("timestamps", "timestamps", 50, 800),
)


def footprint(**changes: object) -> Footprint:
    """Give a footprint with a value for everything, but for what is changed."""
    whole = Footprint(
        run_id="20251125T180000Z-0f3a9c21",
        measured_at="2025-11-25 18:00:00",
        settings="Parquet, zstd level 3",
        price_per_tb_month=20.0,
        tables=(SEQUENCES, ITEM_SIDS),
        sample=SAMPLE,
        events=Comparison("event", 100, ARMS),
        items=Comparison("item", 10, (ARMS[0], ARMS[6])),
        serving=Serving(width=8, dim=384, n_items=10, learned_rows=1_000, learned_dim=64),
        ne=NeRun("run-9", None, (NeArm("SIDE", 0.05, 4.0), NeArm("no history", 0.0, None))),
    )
    return dataclasses.replace(whole, **changes)


def hostile_footprint_page(titles: tuple[str, ...]) -> Page:
    """Give the page with hostile paths, columns, names of arms and reasons."""
    columns = {title: 10 * (place + 1) for place, title in enumerate(dict.fromkeys(titles))}
    size_bytes = sum(columns.values()) + 100
    days = tuple(Part(title, 1, 5, 50.0) for title in titles)
    table = dataclasses.replace(
        SEQUENCES, location=titles[0], columns=columns, size_bytes=size_bytes, days=days
    )
    ne = NeRun(titles[1], titles[2], tuple(NeArm(title, 0.01, 4.0) for title in titles))
    sample = dataclasses.replace(SAMPLE, source=titles[3])
    tables = (table, ITEM_SIDS)
    return footprint_page(footprint(tables=tables, ne=ne, sample=sample, not_measured=titles))

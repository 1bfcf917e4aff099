import json
import re
from dataclasses import replace

import pytest

from semantic_ids.report import (
    Arm,
    Comparison,
    Footprint,
    Sample,
    TableSize,
    headline,
    to_json,
    to_markdown,
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
)
OURS = Arm("sids", "SIDs", "8 bytes", "comparison/events_sids.parquet", 400, 800)
NGRAMS = Arm("ngrams", "three int64 n-gram ids", "", "comparison/events_ngrams.parquet", 600, 2400)
ITEM_IDS = Arm("item_ids", "item ids", "string", "comparison/events_item_ids.parquet", 300, 500)
FLOATS = [
    Arm(kind, f"{kind} embeddings", "4 values", f"comparison/events_{kind}.parquet", size, size)
    for kind, size in (("float16", 800), ("float32", 1_600))
]
TIMES = Arm("timestamps", "timestamps", "", "comparison/events_timestamps.parquet", 50, 800)
SAMPLE = Sample(
    source="s3a://shop/events@delta:9",
    n_users=4,
    n_events=100,
    n_events_total=5_000,
    n_left_out=3,
    n_sids=20,
    width=8,
    entropy_bytes=0.5,
    timestamps=TIMES,
)
EMPTY = Footprint("run-1", "2024-01-31 12:00:00", "Parquet, zstd level 3", ())
WHOLE = replace(
    EMPTY,
    tables=(SEQUENCES, ITEM_SIDS),
    sample=SAMPLE,
    events=Comparison("event", 100, (OURS, NGRAMS, ITEM_IDS, *FLOATS)),
)


def test_headline_gives_bytes_per_event_and_the_ratio_to_ours():
    assert headline(WHOLE) == (
        "bytes per event on disk: SIDs 4.00, three int64 n-gram ids 6.00 (1.5x), "
        "item ids 3.00 (0.8x), float16 embeddings 8.00 (2.0x), float32 embeddings 16.00 (4.0x)"
    )


def test_headline_without_events_gives_bytes_per_item():
    assert headline(replace(EMPTY, tables=(ITEM_SIDS,))) == (
        "bytes on disk: item_sids 9.00 per item"
    )


def test_what_belongs_to_no_column_is_what_remains():
    assert SEQUENCES.rest_bytes == 100
    assert ITEM_SIDS.rest_bytes == 20


def test_markdown_shows_a_table_by_column_and_the_shares_add_up():
    text = to_markdown(WHOLE)
    assert (
        "### sequences\n\n"
        "`s3a://shop/sequences`, version `delta:7`: 2 files of 1,250 bytes, 10 rows with 100 "
        "events; **12.50 bytes per event**, 125.00 per row.\n\n"
        "| column | bytes | share | bytes per event |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| sids | 800 | 64.0 % | 8.00 |\n"
        "| timestamps | 350 | 28.0 % | 3.50 |\n"
        "| footers and indexes | 100 | 8.0 % | 1.00 |\n"
        "| ds (in folder names) | 0 | 0.0 % | 0.00 |\n"
        "| **in total** | 1,250 | 100.0 % | 12.50 |\n"
    ) in text


def test_markdown_shows_each_alternative_on_disk_and_raw():
    assert (
        "| SIDs (8 bytes) | `comparison/events_sids.parquet` | 400 | 4.00 | 1.00x | 8.00 | 1.00x |"
        in to_markdown(WHOLE)
    )
    assert "| 300 | 3.00 | 0.75x | 5.00 | 0.62x |" in to_markdown(WHOLE)


@pytest.mark.parametrize(
    "sentence",
    [
        "The same 100 events of 4 users",
        "the 5,000 events of `s3a://shop/events@delta:9`",
        "3 events of these users are left out: their items lack a SID or an embedding.",
        "0.50 bytes per event (`comparison/events_timestamps.parquet`)",
        "The 20 distinct SIDs of these events have an entropy of 0.50 bytes per event",
        "Item ids weigh less on disk than SIDs here",
        "The whole sequences table weighs 12.50 bytes per event over its 100 events, "
        "all columns included (sids 8.00, timestamps 3.50)",
        "2 rows are deleted, but still in the files.",
    ],
)
def test_markdown_says_in_words(sentence):
    assert sentence in to_markdown(WHOLE)


def test_markdown_warns_of_a_sample_too_small_for_its_entropy():
    few = replace(WHOLE, sample=replace(SAMPLE, n_sids=90))
    assert "take a larger `sample_events`" in to_markdown(few)
    assert "take a larger `sample_events`" not in to_markdown(WHOLE)


def test_markdown_warns_of_float32_made_from_float16():
    rounded = replace(WHOLE, sample=replace(SAMPLE, float16_source=True))
    assert "true float32 vectors weigh more than shown" in to_markdown(rounded)
    assert "true float32 vectors weigh more than shown" not in to_markdown(WHOLE)


def test_markdown_says_what_was_not_measured_and_what_to_give():
    only_sequences = replace(
        WHOLE,
        tables=(SEQUENCES,),
        events=Comparison("event", 100, (OURS, NGRAMS)),
    )
    end = to_markdown(only_sequences).split("## Not measured\n\n")[1]
    assert end.splitlines() == [
        "- Item ids, and alternatives per item: give `events` with `item_sids`.",
        "- Float16 and float32 embeddings: give `embeddings` and `collection`, with `events` and "
        "`item_sids`.",
        "- What the table item_sids weighs: give `item_sids`.",
        "- What the table embeddings weighs: give `embeddings`.",
    ]


def test_json_holds_the_numbers_of_the_markdown_unrounded():
    values = json.loads(to_json(WHOLE))
    assert values["headline"] == headline(WHOLE)
    assert values["tables"][0]["bytes"] == 1_250
    assert values["tables"][0]["columns"][0] == {
        "name": "sids",
        "bytes": 800,
        "bytes_per_unit": 8.0,
    }
    assert [arm["ratio"] for arm in values["per_event"]] == [1.0, 1.5, 0.75, 2.0, 4.0]
    assert values["per_event"][2]["raw_bytes_per_event"] == 5.0
    assert values["sample"]["timestamps"]["bytes_per_event"] == 0.5
    assert values["per_item"] == []


def test_every_table_in_the_markdown_has_rows_of_one_length():
    for block in to_markdown(WHOLE).split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1

"""The footprint's page: each figure by hand, and what odd values leave of it."""

import dataclasses

import pytest
from footprint_values import ARMS, ITEM_SIDS, SAMPLE, SEQUENCES, arm, footprint

from semantic_ids.report import (
    Comparison,
    History,
    Serving,
    SidLoss,
    footprint_headline,
    footprint_page,
    render,
)


def rows_of(measured, key):
    section = next(each for each in footprint_page(measured).sections if each.key == key)
    names = [column.name for column in section.table.columns]
    return [dict(zip(names, row, strict=True)) for row in section.table.rows]


def keys_of(measured):
    return [section.key for section in footprint_page(measured).sections]


def texts_of(measured):
    page = footprint_page(measured)
    return " ".join(note for section in page.sections for note in section.notes)


def compared(*arms):
    return footprint(events=Comparison("event", 100, arms))


def test_headline_gives_bytes_per_event_and_the_ratio_to_ours():
    assert footprint_headline(compared(*ARMS[:2], *ARMS[3:4])) == (
        "bytes per event on disk: SIDs 4.00, three int64 n-gram ids 6.00 (1.5x), "
        "item ids 3.00 (0.8x)"
    )


def test_headline_without_events_gives_bytes_per_item():
    bare = footprint(tables=(ITEM_SIDS,), sample=None, events=None, items=None)
    assert footprint_headline(bare) == "bytes on disk: item_sids 9.00 per item"


def test_sections_stand_in_the_order_of_the_questions():
    assert keys_of(footprint()) == [
        "events",
        "limit",
        "items",
        "cost_events",
        "cost_items",
        "serving",
        "ne",
        "tables",
        "columns_sequences",
        "columns_item_sids",
        "days_sequences",
        "codebooks_sequences",
        "codebooks_item_sids",
        "growth",
        "history_sequences",
    ]


def test_each_alternative_on_disk_raw_and_with_its_error():
    rows = {row["arm"]: row for row in rows_of(footprint(), "events")}
    assert rows["item ids"]["bytes_per_event"] == 3.0
    assert rows["item ids"]["ratio"] == 0.75
    assert rows["item ids"]["raw_bytes_per_event"] == 5.0
    assert rows["item ids"]["raw_ratio"] == 0.625
    assert rows["item ids"]["half_width_bytes"] == 0.5
    assert rows["item ids"]["lost"] is None
    assert rows["int8 embeddings"]["lost"] == 0.001


def test_what_events_and_items_cost_at_the_targets_by_hand():
    """4 bytes x 10^12 events are 4 TB, at 20 USD; 40 bytes x 10^9 items are 0.04 TB."""
    ours = rows_of(footprint(), "cost_events")[0]
    assert (ours["size_bytes"], ours["usd_per_month"]) == (4e12, 80)
    assert (ours["raw_bytes"], ours["raw_usd_per_month"]) == (8e12, 160)
    ours = rows_of(footprint(), "cost_items")[0]
    assert (ours["size_bytes"], ours["usd_per_month"]) == (4e10, pytest.approx(0.8))


def test_a_price_of_nothing_costs_nothing_and_draws():
    free = footprint(price_per_tb_month=0.0)
    assert {row["usd_per_month"] for row in rows_of(free, "cost_events")} == {0}
    assert "NaN" not in render(footprint_page(free), "html")


def test_memory_of_serving_by_hand():
    sizes = {
        row["what"]: (row["size_bytes"], row["target_bytes"])
        for row in rows_of(footprint(), "serving")
    }
    tables = 8 * 256 * 384 * 4
    assert sizes == {
        "decode tables": (tables, tables),
        "SIDs of all items": (80, 8 * 10**9),
        "learned table, hashed": (1_000 * 64 * 4, 1_000 * 64 * 4),
        "learned table, a row an item": (10 * 64 * 4, 10**9 * 64 * 4),
        "int8 vectors of all items": (10 * 388, 10**9 * 388),
        "float16 vectors of all items": (10 * 768, 10**9 * 768),
        "float32 vectors of all items": (10 * 1_536, 10**9 * 1_536),
    }


def test_serving_leaves_decode_tables_out_where_no_length_is_known_and_says_so():
    bare = footprint(serving=Serving(8, None, None, 1_000, 64))
    sizes = {row["what"]: row["size_bytes"] for row in rows_of(bare, "serving")}
    assert sizes == {
        "SIDs of all items": None,
        "learned table, hashed": 1_000 * 64 * 4,
        "learned table, a row an item": None,
    }
    assert "Decode tables are left out" in texts_of(bare)
    assert "Decode tables are left out" not in texts_of(footprint())


def test_gain_per_byte_by_hand():
    assert [row["gain_per_byte"] for row in rows_of(footprint(), "ne")] == [0.0125, None]


def test_columns_and_the_rest_add_up_to_the_table():
    rows = rows_of(footprint(), "columns_sequences")
    assert [(row["column"], row["size_bytes"], row["share"]) for row in rows] == [
        ("sids", 800, 0.64),
        ("timestamps", 350, 0.28),
        ("footers and indexes", 100, 0.08),
        ("ds (in folder names)", 0, 0.0),
    ]
    assert sum(row["bytes_per_event"] for row in rows) == 12.5


def test_days_and_codebooks_have_their_bytes_per_event():
    days = rows_of(footprint(), "days_sequences")
    assert [(row["ds"], row["bytes_per_event"]) for row in days] == [
        ("2024-01-01", 700 / 60),
        ("2024-01-09", 550 / 40),
    ]
    (codebook,) = rows_of(footprint(), "codebooks_item_sids")
    assert (codebook["n_items"], codebook["bytes_per_item"]) == (10, 9.0)


def test_growth_is_the_line_between_the_ends_of_the_history():
    """80 events in 8 days: (10^12 - 100) / 10 a day, in years of 365.25 days."""
    (row,) = rows_of(footprint(), "growth")
    assert (row["n_units"], row["units_per_day"], row["bytes_per_day"]) == (100, 10, 118.75)
    assert row["years"] == pytest.approx((10**12 - 100) / 10 / 365.25)
    assert [row["day"] for row in rows_of(footprint(), "history_sequences")] == [0, 4, 8]


def with_history(moments):
    history = dataclasses.replace(SEQUENCES.history, moments=tuple(moments))
    return footprint(tables=(dataclasses.replace(SEQUENCES, history=history),))


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (None, "0 versions over 0.0 days"),
        (History("version", 1, 0.0), "1 version over 0.0 days"),
        (History("day", 2, 8.0, SEQUENCES.history.moments[:2]), "2 days over 8.0 days"),
    ],
)
def test_a_history_too_short_is_not_measured_and_says_how_short(history, said):
    page = footprint_page(footprint(tables=(dataclasses.replace(SEQUENCES, history=history),)))
    assert "growth" not in [section.key for section in page.sections]
    assert any(said in text for text in page.not_measured), page.not_measured


def test_a_table_that_shrinks_never_gets_there_and_one_that_is_there_is():
    first, middle, last = SEQUENCES.history.moments
    shrunk = with_history([first, middle, dataclasses.replace(last, n_units=5)])
    assert rows_of(shrunk, "growth")[0]["years"] is None
    there = with_history([first, middle, dataclasses.replace(last, n_units=10**12)])
    assert rows_of(there, "growth")[0]["years"] == 0


def test_not_measured_says_what_to_give():
    bare = footprint(
        tables=(dataclasses.replace(SEQUENCES, history=None),),
        events=Comparison("event", 100, ARMS[:3]),
        items=None,
        ne=None,
        not_measured=("One more.",),
    )
    said = footprint_page(bare).not_measured
    starts = [text[:40] for text in said]
    assert starts == [
        "Item ids, and alternatives per item: giv",
        "int8, float16 and float32 embeddings: gi",
        "What the table item_sids weighs: give it",
        "What the table embeddings weighs: give e",
        "When sequences will have grown to the ta",
        "What people call the codebooks, and whet",
        "NE gain per byte: runs holds no result o",
        "One more.",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Timestamps are in no row"),
        ({}, "0.50 bytes per event (comparison/events_timestamps.parquet)"),
        ({}, "± is half of the 95 % interval over the draw"),
        ({}, "20 distinct SIDs"),
        ({}, "Lighter on disk than SIDs here: item ids. An item id carries nothing of the content"),
        (
            {"events": Comparison("event", 100, ARMS[:2])},
            "that of SIDs is for audit_quality to say",
        ),
        ({"sample": dataclasses.replace(SAMPLE, n_sids=90)}, "take a larger sample_events"),
        (
            {"sample": dataclasses.replace(SAMPLE, float16_source=True)},
            "true float32 vectors weigh more than shown",
        ),
        (
            {"events": Comparison("event", 100, (arm("sids", "SIDs", 4, 8, half_width=0.0),))},
            "No error of sampling: these are all of the table.",
        ),
        (
            {"events": Comparison("event", 100, (arm("sids", "SIDs", 4, 8, half_width=None),))},
            "The error of sampling is not told",
        ),
    ],
)
def test_the_page_says_in_words(changes, sentence):
    assert sentence in texts_of(footprint(**changes))


def test_each_lighter_way_has_its_reason():
    lighter = [dataclasses.replace(each, size_bytes=300) for each in ARMS[1:]]
    notes = texts_of(footprint(events=Comparison("event", 100, (ARMS[0], *lighter))))
    assert "n-gram ids and a list of codes and item ids and int8 embeddings" in notes
    for reason in ("byte of a SID after the third", "an int32 for each", "nothing of the content"):
        assert notes.count(reason) == 1
    assert notes.count("A vector is held whole") == 1


def test_items_have_the_note_on_ids_as_well():
    items = Comparison("item", 10, (ARMS[0], ARMS[3]))
    page = footprint_page(footprint(items=items))
    (notes,) = [section.notes for section in page.sections if section.key == "items"]
    assert notes[-1].startswith("Lighter on disk than SIDs here: item ids. An item id carries")
    assert notes[-1].endswith(
        "Ids stand in their order here, in which they compress best; SIDs do not."
    )


def test_what_sids_lose_is_that_of_the_newest_audit_of_their_codebook():
    measured = footprint(loss=SidLoss("run-7", 0.51, 990))
    lost = {row["arm"]: row["lost"] for row in rows_of(measured, "events")}
    assert (lost["SIDs"], lost["a list of codes"], lost["item ids"]) == (0.51, 0.51, None)
    assert (lost["three int64 n-gram ids"], lost["int8 embeddings"]) == (None, 0.001)
    assert "measured on 990 items of this codebook (run run-7)." in texts_of(measured)


def test_codebooks_have_their_names_beside_their_ids():
    codebook_id = SAMPLE.codebook_id
    measured = footprint(codebook_names={codebook_id: "shop, of text"})
    assert dict(footprint_page(measured).facts)["Codebook"] == f"shop, of text ({codebook_id})"
    (row,) = rows_of(measured, "codebooks_item_sids")
    assert (row["codebook_id"], row["name"]) == (codebook_id, "shop, of text")


def test_facts_say_the_sample_or_that_there_is_none():
    facts = dict(footprint_page(footprint()).facts)
    assert facts["Sample"].startswith("100 events of 4 users, whole users drawn by hash of user_id")
    assert "from the 5,000 events of s3a://shop/events@delta:9" in facts["Sample"]
    assert "3 events of these users are left out" in facts["Sample"]
    one = dataclasses.replace(SAMPLE, n_users=1, n_events=1, n_events_total=1, n_left_out=0)
    facts = dict(footprint_page(footprint(sample=one)).facts)
    assert facts["Sample"].startswith("none: all 1 event of 1 user in")

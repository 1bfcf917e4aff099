"""audit_churn against dicts, Counters and numpy: versions and codebooks, items and events."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from semantic_ids.audit_configs import AuditChurn
from semantic_ids.codebook import CodebookSpec, decode, encode, fit, neighbour_recall, sids_to_bytes
from semantic_ids.config import load_config
from semantic_ids.errors import TableError
from semantic_ids.spark.churn import audit_churn
from semantic_ids.spark.churn_events import count_events
from semantic_ids.spark.churn_inputs import open_churn
from semantic_ids.spark.churn_items import count_items, draw_pairs
from semantic_ids.spark.codebooks import append_codebook, codebooks_output
from semantic_ids.spark.segments import SegmentLayout, pack_segments

pytestmark = pytest.mark.spark

N, DIM = 300, 384
BEFORE, AFTER = slice(0, N - 10), slice(5, N)  # 10 items come, 5 go
CHANGED = np.arange(20, 80)  # rows whose embedding is another one after
SPEC = CodebookSpec([{"centroids": 8}, {"ternary": 5}], rounds=2)


@pytest.fixture(scope="module")
def shop(spark, root, tmp_path_factory):
    """Version 0 and 1 of item_sids, three codebooks, sequences on both sides, and labels."""
    folder = tmp_path_factory.mktemp("churn") / "a shop"
    table = pq.read_table(root / "examples" / "online_retail" / "items.parquet").slice(0, N)
    blobs = b"".join(table["text_embedding"].to_pylist())
    vectors = np.frombuffer(blobs, "<f2").reshape(N, DIM).astype(np.float32)
    ids, titles = table["item_id"].to_pylist(), table["description"].to_pylist()
    codebooks = {
        "text": fit(vectors[:200], SPEC, collection="text"),
        "text_2": fit(vectors[100:], SPEC, collection="text", seed=1),
        "short": fit(vectors[:, :50], CodebookSpec([{"ternary": 15}], rounds=0), collection="hue"),
    }
    for name, codebook in codebooks.items():
        output = codebooks_output(f"{folder}/codebooks")
        append_codebook(spark, output, codebook=codebook, name=name, lineage={}, metrics={})
    later = vectors.copy()
    later[CHANGED] = vectors[CHANGED[::-1]]
    before = encode(vectors, codebooks["text"])
    after = encode(later, codebooks["text"])
    second = encode(later, codebooks["text_2"])
    hues = encode(later[:, :50], codebooks["short"])
    first = rows_of(ids[BEFORE], before[BEFORE], codebooks["text"])
    then = pa.concat_tables(
        [
            rows_of(ids[AFTER], after[AFTER], codebooks["text"]),
            rows_of(ids[AFTER], second[AFTER], codebooks["text_2"]),
            rows_of(ids[AFTER], hues[AFTER], codebooks["short"]),
        ]
    )
    write_delta(spark, f"{folder}/item_sids", first, then)
    labels = pa.table(
        {
            "item_id": ids,
            "title": ["<b>=1+1\u202e" + "x" * 10_000, *titles[1:]],
            "moved_shelf": ["new shelf" if row in CHANGED else "old shelf" for row in range(N)],
            "number": pa.array(np.arange(N) * 10, pa.int32()),
            "nothing": pa.nulls(N, pa.string()),
        }
    )
    Path(f"{folder}/labels").mkdir()
    pq.write_table(labels, f"{folder}/labels/part.parquet")
    return SimpleNamespace(
        folder=folder,
        ids=ids,
        codebooks=codebooks,
        before=dict(zip(ids[BEFORE], before[BEFORE].tolist(), strict=True)),
        after=dict(zip(ids[AFTER], after[AFTER].tolist(), strict=True)),
        second=dict(zip(ids[AFTER], second[AFTER].tolist(), strict=True)),
        events=write_sequences(spark, folder, before, after, second, codebooks),
    )


def rows_of(ids, sids, codebook):
    names = pa.array([codebook.codebook_id] * len(ids))
    return pa.table({"item_id": ids, "sid": pa.array(sids, pa.int64()), "codebook_id": names})


def write_delta(spark, path, *versions):
    for table in versions:
        rows = spark.createDataFrame(table).coalesce(1)
        rows.write.format("delta").mode("overwrite").save(path)


def write_sequences(spark, folder, before, after, second, codebooks):
    """Write segments of three events, then of seven; give the (user, us, sid) of each side."""
    rng = np.random.default_rng(0)
    n = 2_000
    events = np.column_stack(
        [rng.integers(0, 60, n), rng.integers(0, 12, n), rng.integers(0, N, n)]
    )
    is_calm = (events[:, 0] >= 50) & (events[:, 0] < 57)  # users whose history stays
    events[is_calm, 2] = 100 + events[is_calm, 2] % 150
    events = events[np.lexsort(events.T[::-1])]
    is_calm = (events[:, 0] >= 50) & (events[:, 0] < 57)
    is_gone, is_new = rng.random(n) < 0.03, rng.random(n) < 0.05
    is_new |= events[:, 0] >= 57  # users who come
    is_gone, is_new = is_gone & ~is_new & ~is_calm, is_new & ~is_calm
    sides = {"before": events[~is_new], "after": events[~is_gone]}
    of_text, of_second = codebooks["text"], codebooks["text_2"]
    old = segments_of(sides["before"], before, of_text, max_events=3)
    new = segments_of(sides["after"], after, of_text, max_events=7)
    other = segments_of(sides["after"], second, of_second, max_events=7)
    write_delta(spark, f"{folder}/sequences", old, pa.concat_tables([new, other]))
    sids = {"before": before.tolist(), "after": after.tolist()}
    return {
        side: [(user, us, sids[side][row]) for user, us, row in events.tolist()]
        for side, events in sides.items()
    }


def segments_of(events, sids, codebook, max_events):
    users, times, rows = events.T
    batch = pa.RecordBatch.from_pydict({"user_id": users, "timestamp": times, "sid": sids[rows]})
    layout = SegmentLayout(codebook.width, {}, max_events)
    packed = pa.Table.from_batches(pack_segments(iter([batch]), layout))
    kept = packed.select(["user_id", "n_events", "sids", "timestamps"])
    return kept.append_column("codebook_id", pa.array([codebook.codebook_id] * len(kept)))


def configured(shop, report, **values):
    tables = {name: f"{shop.folder}/{name}" for name in ("item_sids", "codebooks")}
    given = tables | {"codebook": "text", "before": 0, "report.folder": report} | values
    return load_config(AuditChurn, None, [f"{key}={value}" for key, value in given.items()])


def audit(spark, shop, report, **values):
    config = configured(shop, report, **values)
    summary = audit_churn(config, open_churn(spark, config), "run-1")
    page = json.loads((Path(report) / "audit_churn.json").read_text())
    return summary, page, {section["key"]: section for section in page["sections"]}


def with_all(shop):
    return {
        "labels": f"{shop.folder}/labels",
        "label": "title",
        "categories": "[moved_shelf, number, nothing]",
        "sequences": f"{shop.folder}/sequences",
        "sequences_before": 0,
        "queries": N,
    }


@pytest.fixture(scope="module")
def versions(spark, shop, tmp_path_factory):
    """The audit of version 0 against version 1, with all that may be given."""
    return audit(spark, shop, tmp_path_factory.mktemp("versions"), **with_all(shop))


@pytest.fixture(scope="module")
def codebooks(spark, shop, tmp_path_factory):
    """The audit of codebook text against text_2; the sequences are one table's two versions."""
    values = with_all(shop) | {"codebook": "text_2", "before": "text"}
    return audit(spark, shop, tmp_path_factory.mktemp("codebooks"), **values)


@pytest.fixture(scope="module")
def both(shop):
    """The items on both sides."""
    return sorted(set(shop.before) & set(shop.after))


def counts_of(section):
    name = next(key for key in section["rows"][0] if key.startswith("n_"))
    return {row["what"]: row[name] for row in section["rows"]}


def test_items_are_counted_as_dicts_say(versions, shop, both):
    kept = sum(shop.before[item] == shop.after[item] for item in both)
    assert 0 < kept < len(both)
    assert counts_of(versions[2]["items"]) == {
        "kept their SID": kept,
        "moved": len(both) - kept,
        "new": len(set(shop.after) - set(shop.before)),
        "gone": len(set(shop.before) - set(shop.after)),
    }


def test_first_bytes_are_those_of_the_bytes(versions, shop, both):
    before = sids_to_bytes([shop.before[item] for item in both], 2)
    after = sids_to_bytes([shop.after[item] for item in both], 2)
    differs = (before != after)[(before != after).any(axis=1)]
    expected = np.bincount(differs.argmax(axis=1), minlength=2).tolist()
    assert min(expected) > 0
    assert [row["n_items"] for row in versions[2]["item_bytes"]["rows"]] == expected


def decoded(shop, both, sids, name):
    return decode([sids[item] for item in both], shop.codebooks[name]).astype(np.float64)


def radii(before, after):
    radius = np.sqrt(np.square(before - before.mean(axis=0)).sum(axis=1).mean())
    return np.linalg.norm(after - before, axis=1) / radius


def test_distances_are_those_of_decoded_items(versions, shop, both):
    before, after = (decoded(shop, both, sids, "text") for sids in (shop.before, shop.after))
    moves = radii(before, after)
    rows = versions[2]["distances"]["rows"]
    shares = [row["share_of_items"] for row in rows]
    expected = np.quantile(moves, shares)
    assert [row["distance"] for row in rows] == pytest.approx(expected, rel=1e-4)
    of_moved = np.quantile(moves[moves > 0], shares)
    assert [row["distance_of_moved"] for row in rows] == pytest.approx(of_moved, rel=1e-4)
    assert versions[0].metrics["mean_distance"] == pytest.approx(moves.mean(), rel=1e-4)
    farthest = versions[2]["farthest"]["rows"]
    top = np.sort(moves)[::-1][: len(farthest)]
    assert [row["distance"] for row in farthest] == pytest.approx(top, rel=1e-4)
    place = both.index(farthest[0]["item_id"])
    assert farthest[0]["after"] == sids_to_bytes([shop.after[both[place]]], 2).tobytes().hex(" ")


def test_neighbours_are_those_of_an_exact_search_among_all(versions, codebooks, shop, both):
    for audited, items, (before, after, name) in (
        (versions, both, (shop.before, shop.after, "text")),
        (codebooks, sorted(shop.after), (shop.after, shop.second, "text_2")),
    ):
        x, y = decoded(shop, items, before, "text"), decoded(shop, items, after, name)
        (row,) = audited[2]["neighbours"]["rows"]
        expected = neighbour_recall(x, y, n_queries=N).mean
        assert row["kept"] == pytest.approx(expected, abs=1e-6)
        assert row["n_queries"] == len(items)


def test_categories_are_counted_and_those_that_moved_most_come_first(versions, shop, both):
    moved = {item: shop.before[item] != shop.after[item] for item in both}
    shelf = {shop.ids[row] for row in CHANGED}
    rows = versions[2]["category_1"]["rows"]
    assert [row["value"] for row in rows] == ["new shelf", "old shelf"]
    of_shelf = [moved[item] for item in both if item in shelf]
    assert rows[0]["n_items"] == len(of_shelf)
    assert rows[0]["moved"] == pytest.approx(np.mean(of_shelf))
    assert rows[0]["low"] < rows[0]["moved"] <= rows[0]["high"]
    assert rows[1]["low"] <= rows[1]["moved"] < rows[1]["high"]
    numbers = versions[2]["category_2"]
    assert len(numbers["rows"]) == 10
    assert sum(row["n_items"] for row in numbers["rows"]) == len(both)
    assert all(" to " in row["value"] for row in numbers["rows"])
    assert (
        "Items by nothing: no value of it is that of 10 items of the sample."
        in (versions[1]["not_measured"])
    )


def events_by(shop, side, *, with_sids=True):
    """Count the SIDs of each user and time, or only the events."""
    found = {}
    for user, us, sid in shop.events[side]:
        found.setdefault((user, us), Counter())[sid if with_sids else 0] += 1
    return found


def oracle(before, after):
    """Count events, and users, from multisets of SIDs by user and time."""
    kept = moved = new = gone = 0
    touched, users = set(), [{user for user, _ in side} for side in (before, after)]
    for moment in before.keys() | after.keys():
        old, now = before.get(moment, Counter()), after.get(moment, Counter())
        same = (old & now).total()
        left = old.total() - same, now.total() - same
        kept, moved = kept + same, moved + min(left)
        gone, new = gone + left[0] - min(left), new + left[1] - min(left)
        if any(left):
            touched.add(moment[0])
    in_both = users[0] & users[1]
    users = {
        "with the same history": len(in_both - touched),
        "with another history": len(in_both & touched),
        "new": len(users[1] - users[0]),
        "gone": len(users[0] - users[1]),
    }
    return kept, moved, new, gone, users


def test_events_are_counted_as_multisets_by_user_and_time(versions, codebooks, shop):
    before, after = (events_by(shop, side) for side in ("before", "after"))
    kept, moved, new, gone, users = oracle(before, after)
    assert min(kept, moved, new, gone, *list(users.values())[:3]) > 0
    assert counts_of(versions[2]["events"]) == {
        "kept their SID": kept,
        "moved": moved,
        "new": new,
        "gone": gone,
    }
    assert counts_of(versions[2]["users"]) == users
    before, after = (events_by(shop, side, with_sids=False) for side in ("before", "after"))
    kept, moved, new, gone, users = oracle(before, after)
    assert moved == 0
    assert counts_of(codebooks[2]["events"]) == {"on both sides": kept, "new": new, "gone": gone}
    assert counts_of(codebooks[2]["users"]) == users


def test_first_bytes_of_events_are_told_where_one_sid_became_another(versions, shop):
    before, after = (events_by(shop, side) for side in ("before", "after"))
    expected = Counter()
    for moment in before.keys() & after.keys():
        old, now = before[moment] - after[moment], after[moment] - before[moment]
        if old.total() == now.total() == 1:
            pair = sids_to_bytes([*old, *now], 2)
            expected[int((pair[0] != pair[1]).argmax())] += 1
    rows = versions[2]["event_bytes"]["rows"]
    assert [row["n_events"] for row in rows] == [expected[0], expected[1]]
    n_left = counts_of(versions[2]["events"])["moved"] - expected.total()
    assert versions[2]["event_bytes"]["notes"][0].startswith(f"{n_left} events that moved are left")


def test_between_codebooks_no_sid_is_compared(codebooks, shop):
    summary, page, sections = codebooks
    both = sorted(shop.after)
    assert counts_of(sections["items"])["on both sides"] == len(both)
    assert {"item_bytes", "event_bytes"}.isdisjoint(sections)
    assert page["not_measured"][0].startswith("Which SIDs moved, and at which byte: SIDs of two")
    before = decoded(shop, both, shop.after, "text")
    moves = radii(before, decoded(shop, both, shop.second, "text_2"))
    assert summary.metrics["mean_distance"] == pytest.approx(moves.mean(), rel=1e-4)
    assert summary.metrics["items"]["moved"] is None
    rows = sections["category_1"]["rows"]
    assert rows[0]["mean_distance"] >= rows[1]["mean_distance"]
    facts = {fact["name"]: fact["value"] for fact in page["facts"]}
    assert facts["Before"].startswith(f"text ({shop.codebooks['text'].codebook_id}): ")
    assert facts["After"].startswith(f"text_2 ({shop.codebooks['text_2'].codebook_id}): ")


def test_codebooks_of_other_collections_keep_neighbours_but_have_no_distances(
    spark, shop, tmp_path
):
    values = {"before": "short", "labels": f"{shop.folder}/labels", "categories": "[number]"}
    summary, page, sections = audit(spark, shop, tmp_path, **values)
    assert list(sections) == ["items", "neighbours"]
    assert (
        "Distances, and the categories and items that moved most: the SIDs before decode to hue of "
        "50 values, those after to text of 384 values."
    ) in page["not_measured"]
    assert 0 < summary.metrics["neighbours_kept"] < 1


def test_the_verdict_ends_the_message_and_the_figures_are_in_the_run(versions):
    summary, page, _ = versions
    word, rule = page["verdict"]["word"], page["verdict"]["rule"]
    assert summary.message.endswith(f"; verdict: {word} ({rule})")
    assert set(summary.metrics["findings"]) == {
        "items moved",
        "items gone",
        "events moved",
        "events gone",
    }
    assert summary.metrics["items"]["before"] + summary.metrics["items"]["after"] == (
        summary.rows_in
    )
    assert set(summary.inputs) == {
        "item_sids",
        "item_sids before",
        "sequences",
        "sequences before",
        "labels",
    }


def test_a_version_against_itself_has_moved_nothing(spark, shop, tmp_path):
    summary, page, sections = audit(spark, shop, tmp_path, before=1)
    assert page["verdict"]["word"] == "good"
    assert summary.metrics["items"]["moved"] == 0
    assert summary.metrics["neighbours_kept"] == 1
    assert summary.metrics["mean_distance"] == 0
    assert "farthest" not in sections


@pytest.mark.slow
def test_counts_and_sample_do_not_depend_on_the_partitioning(spark, shop, tmp_path, both):
    inputs = open_churn(spark, configured(shop, tmp_path, **with_all(shop)))
    again = replace(
        inputs, before=split(inputs.before, 1, "sid"), after=split(inputs.after, 5, "sid")
    )
    assert count_items(inputs) == count_items(again)
    assert count_events(inputs) == count_events(again)
    whole, few = draw_pairs(inputs, len(both), N), draw_pairs(again, len(both), 40)
    assert few.item_ids.to_pylist() == whole.item_ids.to_pylist()[:40]
    assert sorted(whole.item_ids.to_pylist()) == both


def split(side, partitions, key):
    items = replace(side.item_sids, rows=side.item_sids.rows.repartition(partitions, key))
    rows = side.sequences.rows.repartition(partitions, "sids")
    return replace(side, item_sids=items, sequences=replace(side.sequences, rows=rows))


@pytest.fixture
def catalogue(spark, shop, tmp_path):
    """Make a shop of other items of codebook text, in versions."""

    def make(*versions):
        codebook = shop.codebooks["text"]
        tables = [rows_of(list(sids), list(sids.values()), codebook) for sids in versions]
        write_delta(spark, f"{tmp_path}/item_sids", *tables)
        Path(f"{tmp_path}/codebooks").symlink_to(f"{shop.folder}/codebooks")
        return SimpleNamespace(folder=tmp_path)

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "headline"),
    [
        ({"a": 5}, {"a": 5}, "0 % of 1 item moved; 0 items new, 0 gone."),
        ({"a": 5}, {"a": 261}, "100 % of 1 item moved; 0 items new, 0 gone."),
        ({"a": 5}, {"b": 5}, "1 item new, 1 gone."),
        (
            dict.fromkeys("abcdefghijkl", 7),
            dict.fromkeys("abcdefghijkl", 263),
            "100 % of 12 items moved; 0 items new, 0 gone.",
        ),
    ],
)
def test_few_and_identical_items_end_in_a_page(spark, catalogue, tmp_path, before, after, headline):
    report = tmp_path / "report"
    _, page, sections = audit(spark, catalogue(before, after), report)
    assert page["headline"] == headline
    assert "NaN" not in (report / "audit_churn.html").read_text()
    assert "distances" not in sections
    assert page["not_measured"]


REFUSALS = [
    ({"before": 7}, "before: must be a version of .*/item_sids up to its newest, 1, got 7"),
    ({"before": "text"}, "before: must be another codebook than codebook, got 'text', which"),
    ({"before": "other"}, "before: .* has no codebook named 'other'"),
    ({"labels": "./nowhere"}, "labels: there is no table at './nowhere'"),
    ({"label": "titel"}, r"labels: .* has no column 'titel'; did you mean 'title'\?"),
    ({"sequences": "{}/labels"}, "sequences_before: .*/labels must be a Delta table to have a"),
    ({"sequences_before": "{}/labels"}, "sequences_before: .* has no column 'n_events'"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSALS)
def test_what_is_not_there_is_refused(spark, shop, tmp_path, values, sentence):
    given = {key: str(value).format(shop.folder) for key, value in values.items()}
    with pytest.raises(TableError, match=sentence):
        open_churn(spark, configured(shop, tmp_path, **with_all(shop) | given))


def test_a_codebook_without_items_is_refused(spark, shop, catalogue, tmp_path):
    few = catalogue({"a": 5})
    inputs = open_churn(spark, configured(few, tmp_path, before="text_2"))
    sentence = f"has no SID of codebook {shop.codebooks['text_2'].codebook_id}: run quantize_items"
    with pytest.raises(TableError, match=sentence):
        count_items(inputs)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"sid": "if(item_id = 'a', null, sid)"}, "SIDs of .* must not be null, got 1 nulls"),
        ({"sid": "explode(array(sid, sid))"}, "must have one SID .*, got 4 SIDs of 2 items"),
        ({"item_id": "nullif(item_id, 'a')"}, "item_sids: item_id must not be null in .*, got 1 n"),
        ({"item_id": "cast(unhex('FF') as string) || item_id"}, "valid UTF-8 .*, got 2 .* FF61$"),
    ],
)
def test_ids_and_sids_that_are_null_broken_or_twice_are_refused(
    spark, catalogue, tmp_path, columns, sentence
):
    inputs = open_churn(spark, configured(catalogue({"a": 5, "b": 6}), tmp_path))
    rows = inputs.after.item_sids.rows.withColumns(
        {name: F.expr(text) for name, text in columns.items()}
    )
    source = replace(inputs.after.item_sids, rows=rows)
    with pytest.raises(TableError, match=sentence):
        count_items(replace(inputs, after=replace(inputs.after, item_sids=source)))


def test_sids_that_the_codebook_never_assigns_are_refused(spark, catalogue, tmp_path):
    few = catalogue({"a": 5, "b": 6}, {"a": 5, "b": 9 * 256})
    with pytest.raises(TableError, match=r"must be some that codebook .* assigns: byte 0 of a SID"):
        audit(spark, few, tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.slow
def test_a_version_whose_files_are_gone_is_refused(spark, catalogue, tmp_path):
    few = catalogue({"a": 5}, {"a": 6})
    config = configured(few, tmp_path / "report")
    inputs = open_churn(spark, config)
    (file,) = inputs.before.item_sids.rows.inputFiles()
    (tmp_path / "item_sids" / Path(file).name).unlink()
    with pytest.raises(TableError, match=r"before: files of .*@delta:0 are gone, as VACUUM"):
        audit_churn(config, open_churn(spark, config), "run-1")
    assert not (tmp_path / "report").exists()


@pytest.mark.slow
def test_damaged_segments_and_none_of_the_codebook_are_refused(spark, shop, tmp_path):
    inputs = open_churn(spark, configured(shop, tmp_path, **with_all(shop)))
    for change, error, sentence in (
        (
            {"sids": F.expr("substring(sids, 2)")},
            Exception,
            r"sequences: .*/sequences@delta:\d+: a segment must hold 2 bytes of sids,",
        ),
        ({"codebook_id": F.lit("other")}, TableError, "has no event of codebook"),
    ):
        rows = inputs.after.sequences.rows.withColumns(change)
        source = replace(inputs.after.sequences, rows=rows)
        damaged = replace(inputs, after=replace(inputs.after, sequences=source))
        with pytest.raises(error, match=sentence):
            count_events(damaged)

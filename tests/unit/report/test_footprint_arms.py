from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semantic_ids.errors import TableError
from semantic_ids.spark import footprint_arms, footprint_sample
from semantic_ids.spark.footprint_arms import (
    write_event_arms,
    write_item_arms,
    write_timestamps,
)
from semantic_ids.spark.footprint_sample import (
    Vectors,
    from_events,
    from_segments,
    groups_of,
)
from semantic_ids.spark.footprint_sizes import read_footer
from semantic_ids.spark.footprint_ways import distribution, fits_float16, prefix_ids

EVENTS = pa.table(
    {
        "user_id": pa.array([7, 7, 7, 9, 9], pa.int64()),
        "item_id": ["b", "a", "none", "b", "c"],
        "timestamp": pa.array([10, 20, 25, 5, 6], pa.int64()),
        "sid": pa.array([0x010203, 0x040506, None, 0x010203, 0x070809], pa.int64()),
    }
)
VECTORS = Vectors(pa.array(["c", "a", "b"]), np.array([[3, 3], [1, 1], [2, 2.5]], np.float32))


def test_from_events_leaves_out_what_an_arm_cannot_store_and_keeps_order():
    sample = from_events(EVENTS, 3, VECTORS)
    assert (sample.n_users, sample.n_left_out) == (2, 1)
    assert sample.bounds.tolist() == [0, 2, 4]
    assert sample.symbols.tolist() == [[1, 2, 3], [4, 5, 6], [1, 2, 3], [7, 8, 9]]
    assert sample.timestamps.tolist() == [10, 20, 5, 6]
    assert sample.items.ids.to_pylist() == ["a", "b", "c"]
    assert sample.items.vectors.tolist() == [[1, 1], [2, 2.5], [3, 3]]
    assert sample.places.tolist() == [1, 0, 1, 2]


def test_from_events_refuses_events_without_a_sid():
    with pytest.raises(TableError, match="no item of the 5 events sampled has a SID"):
        from_events(EVENTS.set_column(3, "sid", pa.nulls(5, pa.int64())), 3, None)


def test_from_events_refuses_events_without_an_embedding():
    other = Vectors(pa.array(["z"]), np.zeros((1, 2), np.float32))
    with pytest.raises(TableError, match="both a SID and an embedding"):
        from_events(EVENTS, 3, other)


def test_from_segments_joins_the_segments_of_a_user():
    times = np.arange(3, dtype="<i8")
    sample = from_segments(
        [
            ("u", 1, b"\1\2", times[:1].tobytes()),
            ("u", 2, b"\3\4\5\6", times[1:].tobytes()),
            ("v", 1, b"\7\7", times[:1].tobytes()),
        ]
    )
    assert sample.n_users == 2
    assert sample.bounds.tolist() == [0, 3, 4]
    assert sample.symbols.tolist() == [[1, 2], [3, 4], [5, 6], [7, 7]]
    assert sample.timestamps.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "segment", [("u", 2, b"\1\2\3", bytes(16)), ("u", 2, b"\1\2\3\4", bytes(8)), ("u", 2, b"", b"")]
)
def test_from_segments_refuses_blobs_that_do_not_fit_their_events(segment):
    with pytest.raises(TableError, match="a segment of 2 events must hold"):
        from_segments([("a", 1, b"\1\2", bytes(8)), segment])


def test_a_long_history_becomes_several_rows(monkeypatch):
    monkeypatch.setattr(footprint_sample, "MAX_ROW_EVENTS", 2)
    sample = from_segments([("u", 5, bytes(5), bytes(40)), ("v", 1, bytes(1), bytes(8))])
    assert sample.n_users == 2
    assert sample.bounds.tolist() == [0, 2, 4, 5, 6]


def test_groups_hold_whole_rows_up_to_a_number_of_events():
    sizes = {"a": 2, "b": 1, "c": 5, "d": 1}
    sample = from_segments([(u, n, bytes(n), bytes(8 * n)) for u, n in sizes.items()])
    assert [bounds.tolist() for bounds in groups_of(sample.bounds, 3)] == [
        [0, 2, 3],
        [3, 8],
        [8, 9],
    ]


def test_prefix_ids_are_the_big_endian_integers_of_1_2_and_3_bytes():
    one, two, three = prefix_ids(np.array([[1, 2, 3, 4], [255, 0, 0, 9]], np.uint8))
    assert one.tolist() == [1, 255]
    assert two.tolist() == [258, 65_280]
    assert three.tolist() == [66_051, 16_711_680]


def test_prefix_ids_of_a_short_sid_repeat_the_whole_of_it():
    one, two, three = prefix_ids(np.array([[1, 2]], np.uint8))
    assert (one[0], two[0], three[0]) == (1, 258, 258)


def test_distribution_of_two_sids_half_the_time_each_is_one_bit():
    assert distribution(np.array([[0], [1], [0], [1]], np.uint8)) == (2, 1 / 8)
    assert distribution(np.zeros((5, 2), np.uint8)) == (1, 0.0)


def test_fits_float16_tells_rounded_vectors_from_others():
    assert fits_float16(np.array([[0.5, 1.25]], np.float32))
    assert not fits_float16(np.array([[0.1]], np.float32))
    assert not fits_float16(np.array([[1e9]], np.float32))


def test_event_arms_store_the_same_events_and_report_their_files_sizes(tmp_path):
    comparison = write_event_arms(from_events(EVENTS, 3, VECTORS), tmp_path, sampled=1.0)
    read = {arm.name: pq.read_table(tmp_path / arm.file) for arm in comparison.arms}
    assert list(read) == ["sids", "ngrams", "codes", "item_ids", "int8", "float16", "float32"]
    assert comparison.n_units == 4
    assert [arm.size_bytes for arm in comparison.arms] == [
        (tmp_path / arm.file).stat().st_size for arm in comparison.arms
    ]
    assert [arm.raw_bytes for arm in comparison.arms] == [12, 96, 48, 4, 24, 16, 32]
    assert [arm.half_width for arm in comparison.arms] == [0.0] * 7
    assert read["sids"]["sids"].to_pylist() == [b"\1\2\3\4\5\6", b"\1\2\3\7\x08\x09"]
    assert read["ngrams"]["prefix_2"].to_pylist() == [[258, 1_029], [258, 1_800]]
    assert read["codes"]["codes"].to_pylist() == [[1, 2, 3, 4, 5, 6], [1, 2, 3, 7, 8, 9]]
    assert read["item_ids"]["item_id"].to_pylist() == [["b", "a"], ["b", "c"]]
    codes = [np.frombuffer(blob, np.int8) for blob in read["int8"]["embedding"].to_pylist()]
    assert [row.tolist() for row in codes] == [[102, 127, 127, 127], [102, 127, 127, 127]]
    scales = [np.frombuffer(blob, "<f4") for blob in read["int8"]["scale"].to_pylist()]
    assert [(row * 127).tolist() for row in scales] == [[2.5, 1], [2.5, 3]]
    for kind in ("float16", "float32"):
        rows = [np.frombuffer(blob, kind) for blob in read[kind]["embedding"].to_pylist()]
        assert [row.tolist() for row in rows] == [[2, 2.5, 1, 1], [2, 2.5, 3, 3]]


def test_item_arms_store_one_row_an_item_and_sids_as_integers(tmp_path):
    comparison = write_item_arms(from_events(EVENTS, 3, VECTORS).items, tmp_path, sampled=1.0)
    read = {arm.name: pq.read_table(tmp_path / arm.file) for arm in comparison.arms}
    assert comparison.n_units == 3
    assert read["sids"]["sids"].to_pylist() == [0x040506, 0x010203, 0x070809]
    assert read["codes"]["codes"].to_pylist() == [[4, 5, 6], [1, 2, 3], [7, 8, 9]]
    assert read["item_ids"]["item_id"].to_pylist() == ["a", "b", "c"]
    assert read["float16"]["embedding"].to_pylist()[0] == np.ones(2, "<f2").tobytes()


def test_what_rounding_loses_is_stated_beside_the_bytes(tmp_path):
    """[2, 2.5] of int8 comes back as [2.0079, 2.5]; the variance is that of the three vectors."""
    arms = write_item_arms(from_events(EVENTS, 3, VECTORS).items, tmp_path, sampled=1.0).arms
    lost = {arm.name: arm.lost for arm in arms}
    x = np.array([[1, 1], [2, 2.5], [3, 3]])
    variance = np.square(x - x.mean(axis=0)).sum()
    assert lost["int8"] == pytest.approx((2.5 / 127 * 102 - 2) ** 2 / variance, rel=1e-4)
    assert (lost["float16"], lost["float32"], lost["sids"]) == (0, 0, None)


def test_vectors_that_do_not_vary_lose_nothing_that_can_be_told(tmp_path):
    same = Vectors(VECTORS.ids, np.full((3, 2), 0.1, np.float32))
    arms = write_item_arms(from_events(EVENTS, 3, same).items, tmp_path, sampled=1.0).arms
    assert [arm.lost for arm in arms if arm.name in ("float16", "float32")] == [None, 0.0]


def shuffled_histories(n_users):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 60, n_users)
    return from_segments(
        [
            (user, int(n), rng.zipf(1.3, 2 * n).astype(np.uint8).tobytes(), bytes(8 * n))
            for user, n in enumerate(lengths)
        ]
    )


def test_the_error_of_a_sample_shrinks_with_its_size_and_is_not_told_of_few_users(tmp_path):
    found = [
        write_event_arms(shuffled_histories(n), tmp_path, sampled=0.01).arms[0]
        for n in (100, 3_200, 3)
    ]
    few, many, three = found
    assert 0 < many.half_width < few.half_width / 2
    assert (three.half_width, three.of_half) == (None, None)
    assert few.of_half > few.size_bytes / few.raw_bytes * 2


def test_the_interval_of_a_sample_is_about_as_wide_as_samples_differ(tmp_path):
    whole = shuffled_histories(4_000)
    samples = [
        from_segments(
            [
                (row, int(b - a), whole.symbols[a:b].tobytes(), bytes(8 * (b - a)))
                for row, (a, b) in enumerate(pairwise(part))
            ]
        )
        for part in whole.parts(8)
    ]
    found = [write_event_arms(sample, tmp_path, sampled=1 / 8) for sample in samples]
    each = [comparison.bytes_per_unit(comparison.arms[0]) for comparison in found]
    half_width = np.mean([comparison.arms[0].half_width for comparison in found])
    spread = 1.96 * np.std(each, ddof=1)
    assert spread / 2 < half_width < spread * 2.5


def test_timestamps_are_written_as_the_sequences_table_stores_them(tmp_path):
    arm = write_timestamps(from_events(EVENTS, 3, None), tmp_path, sampled=1.0)
    blobs = pq.read_table(tmp_path / arm.file)["timestamps"].to_pylist()
    assert [np.frombuffer(blob, "<i8").tolist() for blob in blobs] == [[10, 20], [5, 6]]


def test_row_groups_hold_what_one_row_group_holds(tmp_path, monkeypatch):
    sample = from_events(EVENTS, 3, VECTORS)
    for place, group_bytes in enumerate((2**27, 1)):
        monkeypatch.setattr(footprint_arms, "_GROUP_BYTES", group_bytes)
        (tmp_path / str(place)).mkdir()
        arms = write_event_arms(sample, tmp_path / str(place), sampled=1.0).arms
        arms += write_item_arms(sample.items, tmp_path / str(place), sampled=1.0).arms
    for arm in arms:
        one, many = (pq.ParquetFile(tmp_path / place / arm.file) for place in "01")
        assert (one.num_row_groups, many.num_row_groups) == (1, one.metadata.num_rows)
        assert one.read().equals(many.read())


def test_read_footer_gives_the_file_and_its_top_level_columns(tmp_path):
    path = tmp_path / "a b%20c.parquet"
    nested = [{"x": 1, "y": 2.0}, {"x": 3, "y": 4.0}]
    pq.write_table(pa.table({"a.b": [1, 2], "a": nested, "l": [[1], [2, 3]]}), path)
    rows = {row["column"]: row for row in read_footer(f"file:{path}", "events").to_pylist()}
    chunks = pq.read_metadata(path).row_group(0)
    sizes = [chunks.column(place).total_compressed_size for place in range(4)]
    assert rows[None] == {"column": None, "size_bytes": path.stat().st_size, "n_rows": 2}
    assert rows["a.b"]["size_bytes"] == sizes[0]
    assert rows["a"]["size_bytes"] == sizes[1] + sizes[2]
    assert rows["l"]["size_bytes"] == sizes[3]
    assert read_footer(f"file://{path}", "events").equals(read_footer(f"file:{path}", "events"))


def test_read_footer_names_the_table_and_the_file_that_is_not_parquet(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(TableError, match=r"item_sids: 'file:.*x.parquet' must be a Parquet file"):
        read_footer(f"file:{tmp_path}/x.parquet", "item_sids")
    with pytest.raises(TableError, match="must be a Parquet file that can be read"):
        read_footer(f"file:{tmp_path}/absent.parquet", "item_sids")


def test_a_segment_of_nobody_is_refused():
    with pytest.raises(TableError, match="user_id must not be null, got 2 events without"):
        from_segments([(None, 2, b"abcdef", bytes(16))])

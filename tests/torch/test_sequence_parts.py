"""The reader's parts by themselves: blobs to SIDs, batches cut to size, turns of workers."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.torch

torch = pytest.importorskip("torch")
pa = pytest.importorskip("pyarrow")

from semantic_ids.codebook import bytes_to_sids, null_sid, sids_to_bytes  # noqa: E402  # after importorskip
from semantic_ids.trainers.batch import Segments, rebatch  # noqa: E402  # after importorskip
from semantic_ids.trainers.decode import blob_of, blob_to_sids  # noqa: E402  # after importorskip
from semantic_ids.trainers.streams import Turns, deal, shuffle_files  # noqa: E402  # after importorskip
from semantic_ids.trainers.units import Unit  # noqa: E402  # after importorskip

GOLDEN = list("301542")


@st.composite
def widths_and_sids(draw):
    width = draw(st.integers(1, 8))
    return width, draw(st.lists(st.integers(0, min(256**width, 2**63) - 1), max_size=20))


@given(widths_and_sids())
def test_blob_to_sids_is_the_inverse_of_sids_to_bytes(case):
    width, sids = case
    blob = np.frombuffer(bytearray(sids_to_bytes(np.array(sids, np.int64), width)), np.uint8)
    assert blob_to_sids(blob, width).tolist() == sids


@given(st.integers(1, 8), st.binary(max_size=200))
def test_blob_to_sids_equals_bytes_to_sids_on_any_bytes(width, blob):
    blob = blob[: len(blob) // width * width]
    symbols = np.frombuffer(bytearray(blob), np.uint8)
    assert blob_to_sids(symbols, width).tolist() == bytes_to_sids(blob, width).tolist()


def test_blob_to_sids_by_hand():
    blob = np.frombuffer(bytearray.fromhex("000001 800000 ffffff"), np.uint8)
    assert blob_to_sids(blob, 3).tolist() == [1, 0x800000, null_sid(3)]
    assert blob_to_sids(np.full(16, 255, np.uint8), 8).tolist() == [-1, -1]
    assert blob_to_sids(blob[:0], 3).tolist() == []


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_blob_of_reads_a_slice_of_any_binary_column(kind):
    column = pa.array([b"left out", b"abc", b"", b"de", b"left out"], kind).slice(1, 3)
    data, lengths = blob_of(column)
    assert data.tobytes() == b"abcde"
    assert lengths.tolist() == [3, 0, 2]


def test_blob_of_does_not_copy_what_pyarrow_decoded():
    column = pa.array([b"abc", b"de"])
    assert blob_of(column)[0].ctypes.data == column.buffers()[2].address


def segments_of(lengths: list[int], first: int) -> Segments:
    """Make segments whose user ids and events count on from `first`, so that order is seen."""
    total = sum(lengths)
    return Segments(
        user_ids=torch.arange(first, first + len(lengths)),
        values=torch.arange(total) + 1000 * first,
        offsets=torch.tensor([0, *itertools.accumulate(lengths)]),
        columns={"timestamps": torch.arange(total) - first},
    )


def plain(parts: list[Segments]) -> list[tuple]:
    return [
        (
            int(part.user_ids[i]),
            part.values[part.offsets[i] : part.offsets[i + 1]].tolist(),
            part.columns["timestamps"][part.offsets[i] : part.offsets[i + 1]].tolist(),
        )
        for part in parts
        for i in range(len(part))
    ]


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), max_size=6), st.integers(1, 8))
def test_rebatch_changes_nothing_but_the_cuts(lengths, batch_size):
    starts = itertools.accumulate((len(part) for part in lengths), initial=0)
    parts = [segments_of(part, first) for part, first in zip(lengths, starts, strict=False)]
    batches = list(rebatch(iter(parts), batch_size))
    assert plain(batches) == plain(parts)
    n_rows = sum(map(len, lengths))
    full, rest = divmod(n_rows, batch_size)
    assert [len(batch) for batch in batches] == [batch_size] * full + [rest] * (rest > 0)


def arrivals(n_batches: list[int]) -> list[tuple[int, int]]:
    """Play a DataLoader: one batch of each worker in turn until all have ended."""
    return sorted(
        ((stream, i) for stream, n in enumerate(n_batches) for i in range(n)),
        key=lambda batch: (batch[1], batch[0]),
    )


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_turns_count_batches_as_a_loader_hands_them_out(n_batches):
    turns = Turns(tuple(n_batches))
    order = arrivals(n_batches)
    assert [turns.received_after(*batch) for batch in order] == list(range(1, len(order) + 1))
    for received in range(len(order) + 1):
        stream, taken = turns.taken(received)
        assert [sum(s == i for s, _ in order[:received]) for i in range(len(n_batches))] == [*taken]
        if received < len(order):
            assert stream == order[received][0]


def units(n_rows: list[int]) -> list[Unit]:
    return [Unit(f"t/ds=1/bucket=0/{i}", 0, "c", n, 1, False) for i, n in enumerate(n_rows)]


@given(st.lists(st.integers(0, 50)), st.integers(1, 6))
def test_deal_gives_each_unit_to_one_share_and_keeps_the_shares_even(n_rows, n_shares):
    dealt = units(n_rows)
    shares = deal(dealt, n_shares)
    assert sorted(unit for share in shares for unit in share) == sorted(dealt)
    totals = [sum(unit.n_rows for unit in share) for share in shares]
    assert max(totals) - min(totals) <= max(n_rows, default=0)


def test_shuffled_files_are_in_an_order_that_never_changes():
    order = [unit.file[-1] for unit in shuffle_files(units([1] * 6), seed=0, epoch=1)]
    assert order == GOLDEN
    elsewhere = [unit._replace(file="s3://bucket/x/" + unit.file) for unit in units([1] * 6)]
    assert [unit.file[-1] for unit in shuffle_files(elsewhere, seed=0, epoch=1)] == GOLDEN

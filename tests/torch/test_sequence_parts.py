"""The reader's parts by themselves: blobs to SIDs, batches cut to size, turns of workers."""

import itertools
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.trainers.decode import Piece, blob_of, rebatch
from semantic_ids.trainers.streams import Turns, deal, shuffle_files
from semantic_ids.trainers.units import Unit

pytestmark = pytest.mark.torch


GOLDEN = list("354210")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_blob_of_reads_a_slice_of_any_binary_column(kind):
    column = pa.array([b"left out", b"abc", b"", b"de", b"left out"], kind).slice(1, 3)
    data, lengths = blob_of(column)
    assert data.tobytes() == b"abcde"
    assert lengths.tolist() == [3, 0, 2]


def test_blob_of_does_not_copy_what_pyarrow_decoded():
    column = pa.array([b"abc", b"de"])
    assert blob_of(column)[0].ctypes.data == column.buffers()[2].address


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(1, 8))
def test_rebatch_changes_nothing_but_the_cuts(lengths, batch_size):
    ends = list(itertools.accumulate(lengths))
    pieces = [
        Piece(pa.record_batch({"user_id": list(range(end - n, end))}), f"file {end}")
        for n, end in zip(lengths, ends, strict=True)
    ]
    batches = list(rebatch(iter(pieces), batch_size))
    rows = [row for batch in batches for piece in batch for row in piece.rows.column(0).to_pylist()]
    assert rows == list(range(sum(lengths)))
    full, rest = divmod(sum(lengths), batch_size)
    n_rows = [sum(piece.rows.num_rows for piece in batch) for batch in batches]
    assert n_rows == [batch_size] * full + [rest] * (rest > 0)
    for piece in itertools.chain.from_iterable(batches):
        last = piece.rows.column(0)[-1].as_py()
        assert piece.file == f"file {next(end for end in ends if last < end)}"


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
    elsewhere = [unit._replace(file=f"s3://bucket/{unit.file[-1]}") for unit in units([1] * 6)]
    assert [unit.file[-1] for unit in shuffle_files(elsewhere, seed=0, epoch=1)] == GOLDEN
    twice = [unit._replace(row_group=i) for unit in units([1] * 6) for i in (0, 1)]
    order = [(u.file[-1], u.row_group) for u in shuffle_files(twice, seed=0, epoch=1)]
    assert order == [(name, i) for name in GOLDEN for i in (0, 1)]


def test_importing_the_trainers_room_loads_no_spark():
    code = "import sys, semantic_ids.trainers; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

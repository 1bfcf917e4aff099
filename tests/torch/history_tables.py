"""Tables of overlapping segments, and histories out of them by brute force."""

import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from sequence_tables import Segment, Sequences, history_properties, write_sequences

from semantic_ids.trainers import SequenceBatch
from semantic_ids.trainers.lookup import buckets_of

CODEBOOKS = {"a" * 32: 3, "b" * 32: 5}
DAY = 86_400_000_000
FIRST_DAY = datetime.date(2024, 1, 1)
START = 1_704_067_200_000_000  # of FIRST_DAY
N_BUCKETS = 3


def moment(day: int, tick: int) -> int:
    return START + day * DAY + tick


@st.composite
def segments(draw, user_ids):
    """Make a segment whose events end on the day of its ds; ticks are few, so that times tie."""
    codebook_id = draw(st.sampled_from(sorted(CODEBOOKS)))
    user_id = draw(user_ids)
    last_day = draw(st.integers(0, 3))
    days = st.integers(draw(st.integers(0, last_day)), last_day)
    times = draw(st.lists(st.builds(moment, days, st.integers(0, 2)), min_size=1, max_size=6))
    sid = st.binary(min_size=CODEBOOKS[codebook_id], max_size=CODEBOOKS[codebook_id])
    n = len(times)
    return Segment(
        user_id=user_id,
        ds=FIRST_DAY + datetime.timedelta(days=last_day),
        bucket=int(buckets_of(pa.array([user_id]), N_BUCKETS)[0]),
        sids=draw(st.lists(sid, min_size=n, max_size=n)),
        timestamps=sorted(times),
        columns={"quantity": draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))},
        codebook_id=codebook_id,
    )


def history(table: list[Segment], codebook_id: str, user_id, *, before=None, newest=None) -> list:
    """Give a user's (time, SID, quantity) by sorting all events in Python."""
    events = []
    for number, s in enumerate(table):
        if s.user_id == user_id and s.codebook_id == codebook_id:
            quantities = np.array(s.columns["quantity"], "<i4").tobytes()
            blobs = b"".join(s.sids), np.array(s.timestamps, "<i8").tobytes(), quantities
            place = s.ds, s.timestamps[0], s.timestamps[-1], blobs, number
            rows = zip(s.timestamps, s.sid_values(), s.columns["quantity"], strict=True)
            events += [((time, place, i), (time, *rest)) for i, (time, *rest) in enumerate(rows)]
    found = [event for _, event in sorted(events) if before is None or event[0] < before]
    return found if newest is None else found[-newest:]


def rows(batch: SequenceBatch) -> list[list[tuple[int, ...]]]:
    columns = [batch.timestamps, batch.values, batch.columns["quantity"]]
    events = list(zip(*(column.tolist() for column in columns), strict=True))
    offsets = batch.offsets.tolist()
    return [events[a:b] for a, b in pairwise(offsets)]


def write(path: Path, *commits: list[Segment], row_group_size: int = 7) -> Sequences:
    return write_sequences(
        path,
        *commits,
        event_columns={"quantity": "<i4"},
        row_group_size=row_group_size,
        properties=history_properties({"quantity": "<i4"}, N_BUCKETS),
    )

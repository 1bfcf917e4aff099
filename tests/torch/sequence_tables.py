"""Sequences tables as the Spark job writes them, written by deltalake: real Delta without a JVM."""

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa

CODEBOOK_ID = "0123456789abcdef" * 2
EVENT_COLUMNS = {"quantity": "<i4", "price": "<f4", "is_gift": "|b1"}


@dataclass
class Segment:
    """A row of the table as plain Python values: what the tests compare with."""

    user_id: int | str
    ds: datetime.date
    bucket: int
    sids: list[bytes]
    timestamps: list[int]
    columns: dict[str, list[Any]]
    codebook_id: str = CODEBOOK_ID

    def sid_values(self) -> list[int]:
        values = [int.from_bytes(sid, "big") for sid in self.sids]
        return [value - 2**64 if value >= 2**63 else value for value in values]


@dataclass
class Sequences:
    """A table on disk and its rows."""

    path: str
    segments: list[Segment]
    event_columns: dict[str, str] = field(default_factory=dict)


def random_segments(
    n: int,
    *,
    width: int = 5,
    seed: int = 0,
    max_events: int = 9,
    user_id: Callable[[int], int | str] = int,
    first_user: int = 0,
    codebook_id: str = CODEBOOK_ID,
) -> list[Segment]:
    """Make segments of different users, in three days and two buckets; some have no events."""
    rng = np.random.default_rng(seed)
    segments = []
    for i in range(first_user, first_user + n):
        k = int(rng.integers(0, max_events + 1))
        segments.append(
            Segment(
                user_id=user_id(i),
                ds=datetime.date(2024, 1, 1 + int(rng.integers(3))),
                bucket=int(rng.integers(2)),
                sids=[rng.bytes(width) for _ in range(k)],
                timestamps=sorted(rng.integers(0, 2**48, k).tolist()),
                columns={
                    "quantity": rng.integers(-5, 5, k).tolist(),
                    "price": rng.random(k, np.float32).tolist(),
                    "is_gift": (rng.random(k) < 0.5).tolist(),
                },
                codebook_id=codebook_id,
            )
        )
    return segments


def to_arrow(segments: list[Segment], event_columns: dict[str, str]) -> Any:
    """Pack segments as the ``sequences`` table has them."""

    def packed(values: list[list[Any]], dtype: str) -> Any:
        return pa.array([np.array(v, dtype).tobytes() for v in values], pa.binary())

    first = [min(s.timestamps, default=0) for s in segments]
    last = [max(s.timestamps, default=0) for s in segments]
    return pa.table(
        {
            "user_id": pa.array([s.user_id for s in segments] or pa.array([], pa.int64())),
            "bucket": pa.array([s.bucket for s in segments], pa.int32()),
            "ds": pa.array([s.ds for s in segments], pa.date32()),
            "n_events": pa.array([len(s.sids) for s in segments], pa.int32()),
            "first_ts": pa.array(first, pa.timestamp("us", tz="UTC")),
            "last_ts": pa.array(last, pa.timestamp("us", tz="UTC")),
            "sids": pa.array([b"".join(s.sids) for s in segments], pa.binary()),
            "timestamps": packed([s.timestamps for s in segments], "<i8"),
            **{
                name: packed([s.columns[name] for s in segments], dtype)
                for name, dtype in event_columns.items()
            },
            "codebook_id": pa.array([s.codebook_id for s in segments], pa.string()),
        }
    )


def history_properties(event_columns: dict[str, str], n_buckets: int) -> dict[str, str]:
    """Give the properties of a table whose segments stand in the buckets of their users."""
    return {
        "semantic_ids.format": "1",
        "semantic_ids.event_columns": json.dumps(event_columns),
        "semantic_ids.buckets": str(n_buckets),
    }


def write_sequences(
    path: Path,
    *commits: list[Segment],
    event_columns: dict[str, str] = EVENT_COLUMNS,
    row_group_size: int = 7,
    properties: dict[str, str] | None = None,
    change: Callable[[Any], Any] = lambda table: table,
) -> Sequences:
    """Write a commit per list of segments, partitioned by ds and bucket, in small row groups."""
    writing = deltalake.WriterProperties(max_row_group_size=row_group_size, compression="ZSTD")
    for segments in commits:
        deltalake.write_deltalake(
            path,
            change(to_arrow(segments, event_columns)),
            mode="append",
            partition_by=["ds", "bucket"],
            writer_properties=writing,
        )
    properties = properties or {
        "semantic_ids.format": "1",
        "semantic_ids.event_columns": json.dumps(event_columns),
    }
    table = deltalake.DeltaTable(path)
    table.alter.set_table_properties(properties, raise_if_not_exists=False)
    return Sequences(str(path), [s for segments in commits for s in segments], event_columns)

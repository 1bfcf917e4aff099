"""Small builds of sequences, as the job makes them, and what stands in the table after them."""

import uuid
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
from delta_tables import read_delta

from semantic_ids.job_configs import BuildSequences, CompactSequences
from semantic_ids.spark.builds import Build as SequencesBuild
from semantic_ids.spark.compaction import Compaction
from semantic_ids.spark.events import event_dtypes
from semantic_ids.spark.quantize import id_type
from semantic_ids.spark.sequences import open_sequences, sequences_output
from semantic_ids.spark.sources import open_source

CODEBOOK = SimpleNamespace(codebook_id="c" * 32, width=3)  # all that a build asks of a codebook
US = pa.timestamp("us")
DAY = 86_400_000_000


class Build:
    """The sequences of some events, as the job builds them."""

    def __init__(self, spark, save, table):
        self.spark, self.save, self.table = spark, save, table

    def run(self, events, item_sids, **options):
        return self.prepare(events, item_sids, **options).run(uuid.uuid4().hex)

    def prepare(self, events, item_sids, **options):
        """Check the inputs and the table, and see what stands there, as a run does at its start."""
        sources = {
            name: given if not isinstance(given, (pa.Table, str)) else self.open(name, given)
            for name, given in {"events": events, "item_sids": item_sids}.items()
        }
        places = {"codebooks": "./c", "codebook": "text", "sequences": self.table}
        config = BuildSequences(
            **{"events": "./e", "item_sids": "./i", "buckets": 3} | places | options
        )
        output = sequences_output(
            self.table,
            id_type(sources["events"], "user_id"),
            dtypes=event_dtypes(sources["events"], config.event_columns),
            buckets=config.buckets,
        )
        output.check(self.spark)
        prepared = SequencesBuild(config, sources["events"], sources["item_sids"], CODEBOOK, output)
        prepared.check()
        return prepared

    def compact(self, **options):
        config = CompactSequences(sequences=self.table, **options)
        table = open_sequences(self.spark, self.table)
        return Compaction(self.spark, config, table).run(uuid.uuid4().hex)

    def open(self, name, given):
        return open_source(self.spark, name, given if isinstance(given, str) else self.save(given))

    def rows(self):
        return read_delta(self.table).sort_by([("user_id", "ascending"), ("first_ts", "ascending")])

    def histories(self):
        """Give each user's (microseconds, sid bytes) in the order that the reader promises."""
        found = {}
        rows = read_delta(self.table).to_pylist()
        keys = ("ds", "first_ts", "last_ts", "sids", "timestamps")
        for row in sorted(rows, key=lambda row: [row[key] for key in keys]):
            times = np.frombuffer(row["timestamps"], "<i8").tolist()
            assert times == sorted(times)
            sids = [row["sids"][i : i + 3] for i in range(0, len(row["sids"]), 3)]
            found.setdefault(row["user_id"], []).extend(zip(times, sids, strict=True))
        return {user: sorted(events, key=lambda event: event[0]) for user, events in found.items()}

    def events(self):
        """List (user, microseconds, sid bytes) of every event in the table."""
        found = []
        for row in self.rows().to_pylist():
            times = np.frombuffer(row["timestamps"], "<i8").tolist()
            sids = [row["sids"][i : i + 3] for i in range(0, len(row["sids"]), 3)]
            found += [(row["user_id"], *event) for event in zip(times, sids, strict=True)]
        return sorted(found)


def sids_table(ids, sids=None, kind=None, codebook_id=CODEBOOK.codebook_id):
    ids = pa.array(ids, kind)
    sids = range(len(ids)) if sids is None else sids
    return pa.table(
        {
            "item_id": ids,
            "sid": pa.array(sids, pa.int64()),
            "codebook_id": pa.array([codebook_id] * len(ids), pa.string()),
        }
    )


def events_table(rows, *, time=US, **columns):
    """Give events of (user_id, item_id, microseconds)."""
    users, items, times = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "user_id": pa.array(users, pa.int64()),
            "item_id": pa.array(items, pa.int64()),
            "timestamp": pa.array(times, pa.int64()).cast(time),
        }
        | columns
    )

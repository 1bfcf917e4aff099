"""A shop whose tables Airflow fills: real events of the example, its days in a Delta table."""

import datetime
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from scheduler import running, states_of, updates_of
from submit import Submit

DEADLINE_S = 3600
N_ITEMS = 400
QUICK = {
    # twenty digits lose more than the verdict good allows, and less than watch does
    "spec": {"stages": [{"ternary": 20}], "rounds": 0},
    "queries": 200,
    "sample_events": 5000,
}


@dataclass(frozen=True)
class Ended:
    """How a command of Airflow ended, and all that it and its tasks said."""

    code: int
    said: str

    def lines(self, text: str) -> list[str]:
        """Give the lines that hold a text."""
        return [line for line in self.said.splitlines() if text in line]


class Shop:
    """Sources, a configuration for each job, and an Airflow of its own.

    Parameters
    ----------
    root : Path
        The checkout.
    airflow : Path
        The program.
    folder : Path
        Holds everything that the tests write.
    """

    def __init__(self, root: Path, airflow: Path, folder: Path) -> None:
        self.root, self.airflow, self.folder = root, airflow, folder
        example = root / "examples" / "online_retail"
        events = pq.read_table(example / "events.parquet")
        day = pc.cast(events["timestamp"], pa.date32())
        sales = events.append_column("day", day).group_by("item_id").aggregate([("day", "min")])
        newest = sales.sort_by("day_min")["item_id"][-N_ITEMS:].combine_chunks()
        items = pq.read_table(example / "items.parquet")
        self.items = items.filter(pc.is_in(items["item_id"], newest))
        self.events = events.filter(pc.is_in(events["item_id"], newest))

    @property
    def database(self) -> Path:
        """Airflow's."""
        return self.folder / "airflow" / "airflow.db"

    def updates(self, asset: str) -> int:
        """Count how often an asset was updated."""
        return updates_of(self.database, asset)

    def deliver(self, first: datetime.date | None, last: datetime.date) -> None:
        """Append the events of some days, and the items that were first sold in them."""
        since = first or datetime.date.min
        dated = self.events.append_column("day", pc.cast(self.events["timestamp"], pa.date32()))
        arrived = dated.filter((pc.field("day") >= since) & (pc.field("day") <= last))
        self._append("events", arrived.drop_columns("day"))
        sales = dated.group_by("item_id").aggregate([("day", "min")])
        new = sales.filter((pc.field("day_min") >= since) & (pc.field("day_min") <= last))
        of_new = pc.is_in(self.items["item_id"], new["item_id"].combine_chunks())
        self._append("items", self.items.filter(of_new))

    def _append(self, name: str, rows: pa.Table) -> None:
        if len(rows):
            deltalake.write_deltalake(self.folder / name, rows, mode="append")

    def configure(self, tables: str, **more: object) -> None:
        """Write the jobs' YAML: those of the example, on sources and tables of this shop."""
        own = {"embeddings": "items", "events": "events"}
        shared = ("codebooks", "releases")
        folder = self.folder / tables
        for path in sorted((self.root / "conf").glob("*.yaml")):
            values = yaml.safe_load(path.read_text())
            for key in values:
                if key in own:
                    values[key] = str(self.folder / own[key])
                elif key in shared:
                    values[key] = str(self.folder / key)
                elif str(values[key]).startswith("quickstart/tables/"):
                    values[key] = str(folder / key)
            values |= {key: value for key, value in more.items() if key in values}
            target = folder / "conf" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(yaml.safe_dump(values))

    def environment(self, tables: str) -> dict[str, str]:
        """Give what Airflow and the DAGs read from their environment."""
        return os.environ | {
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.root / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "SEMANTIC_IDS_CONF": str(self.folder / tables / "conf"),
            "SEMANTIC_IDS_RELEASES": str(self.folder / "releases"),
            "SEMANTIC_IDS_REPORTS": str(self.folder / tables / "reports"),
            "SEMANTIC_IDS_RETRY_DELAY_S": "1",
        }

    def run(self, *words: str, tables: str = "a") -> Ended:
        """Run a command of Airflow to its end."""
        with self.started(*words, tables=tables) as process:
            said, _ = process.communicate(timeout=DEADLINE_S)
        return Ended(process.returncode, said)

    @contextmanager
    def started(self, *words: str, tables: str) -> Iterator["subprocess.Popen[str]"]:
        """Start a command of Airflow; it is killed where the block ends before it does."""
        process = subprocess.Popen(
            [str(self.airflow), *words],
            env=self.environment(tables),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def back_fill(self, first: datetime.date, last: datetime.date, *, tables: str) -> list[str]:
        """Let a scheduler run the daily DAG for some days; give the states of the runs."""
        dag, days = "semantic_ids_daily", ("--from-date", str(first), "--to-date", str(last))
        again = ("--reprocess-behavior", "completed")  # days that have run
        for words in (
            ("dags", "reserialize"),
            ("backfill", "create", "--dag-id", dag, *days, *again, "--max-active-runs", "1"),
            ("dags", "unpause", dag, "-y"),
        ):
            ended = self.run(*words, tables=tables)
            assert ended.code == 0, ended.said
        deadline = time.monotonic() + DEADLINE_S
        with running(self.airflow, self.environment(tables), self.folder):
            while set(states := states_of(self.database, "backfill")) - {"success", "failed"}:
                assert time.monotonic() < deadline, states
                time.sleep(2)
        return states

    def release(self, **params: object) -> Ended:
        """Run the DAG of releases."""
        conf = json.dumps(params)
        return self.run("dags", "test", "semantic_ids_release", "2011-11-29", "-c", conf)

    def submit(self, job: str, *overrides: str, tables: str) -> None:
        """Run a job by hand."""
        config = self.folder / tables / "conf" / f"{job}.yaml"
        submit = Submit(self.root, self.folder, deadline_s=DEADLINE_S)
        finished = submit.run(job, "--config", str(config), *overrides)
        assert finished.code == 0, finished.said

    def rows(self, table: str) -> pa.Table:
        """Read a Delta table without Spark."""
        files = map(unquote, deltalake.DeltaTable(str(self.folder / table)).file_uris())
        parts = [pq.read_table(file, partitioning="hive") for file in files]
        return pa.concat_tables(parts, promote_options="permissive")

"""OpenLineage names of places, and what of a run is named."""

import datetime
import json
import re

import pytest
from test_config import JOBS

from semantic_ids.field_help import keys_of
from semantic_ids.spark.lineage import dataset_of


@pytest.mark.parametrize(
    ("location", "namespace", "name"),
    [
        ("file:/data/item sids", "file", "/data/item sids"),
        ("file:///data/a:b/", "file", "/data/a:b"),
        ("file://nas/data", "file://nas", "/data"),
        ("s3a://shop/tables/events", "s3://shop", "tables/events"),
        ("s3://shop/tables/events/", "s3://shop", "tables/events"),
        ("s3a://shop", "s3://shop", "/"),
        ("gs://shop/tables/events", "gs://shop", "tables/events"),
        ("hdfs://namenode:8020/tables", "hdfs://namenode:8020", "/tables"),
        ("abfss://c@a.dfs.core.windows.net/t/x", "abfss://c@a.dfs.core.windows.net", "t/x"),
        ("abfs://c@a.dfs.core.windows.net/t/x", "abfss://c@a.dfs.core.windows.net", "t/x"),
        ("wasbs://c@a.blob.core.windows.net/t", "wasbs://c@a.blob.core.windows.net", "t"),
    ],
)
def test_each_store_has_its_names(location, namespace, name):
    assert dataset_of(location) == {"namespace": namespace, "name": name}


@pytest.mark.parametrize("job", sorted(JOBS))
def test_a_job_changes_the_tables_that_its_page_says_it_writes(root, job):
    tables = {key.name for key in keys_of(JOBS[job]) if key.kind.startswith("table")}
    doc = (root / "jobs" / f"{job}.py").read_text().split('"""')[1]
    lines = re.findall(r"^(?:Writes  | {8})(\S+)(?=  |$)", doc[doc.index("\nWrites  ") :], re.M)
    assert JOBS[job].writes == tables & set(lines) - {"runs"}


def test_a_row_of_runs_becomes_an_event_as_the_page_says(root):
    (block,) = re.findall(r"```python\n(.*?)```", (root / "docs/operations.md").read_text(), re.S)
    names = {}
    exec(block, names)
    dataset = {"namespace": "s3://shop", "name": "events"}
    row = {
        "run_id": "20111209T120000Z-0123abcd",
        "job": "build_sequences",
        "status": "succeeded",
        "started_at": datetime.datetime(2011, 12, 9, 12, tzinfo=datetime.UTC),
        "seconds": 90.0,
        "metrics": json.dumps({"datasets": {"inputs": {"events": dataset}, "outputs": {}}}),
    }
    event = names["event_of"](row, "shop")
    assert (event["eventType"], event["eventTime"]) == ("COMPLETE", "2011-12-09T12:01:30+00:00")
    assert (event["inputs"], event["outputs"]) == ([dataset], [])
    begun = names["event_of"](row | {"status": "started", "seconds": None, "metrics": "{}"}, "shop")
    assert (begun["run"], begun["inputs"]) == (event["run"], [])

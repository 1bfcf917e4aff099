"""The DAGs without Airflow: each task is a job that exists, with keys that its job takes."""

import ast
import re

import pytest
from test_config import JOBS


@pytest.fixture(scope="module")
def tasks(root):
    """Give the job and the keys of each call of `job` in the file."""
    tree = ast.parse((root / "dags" / "semantic_ids.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        (ast.literal_eval(call.args[0]), [_key(argument) for argument in call.args[1:]])
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "job"
    ]


def _key(argument: ast.expr) -> str:
    text = ast.unparse(argument)
    key = re.match(r"f?['\"]([a-z_.]+)=", text)
    assert key, f"{text} must begin with a key and an equals sign"
    return key[1]


def test_every_task_is_a_job_and_every_key_is_one_of_its_keys(tasks):
    assert len(tasks) >= 8
    for task, keys in tasks:
        name = "fit_codebook" if task == "{{ params.fit }}" else task
        assert name in JOBS, name
        for key in keys:
            model = JOBS[name]
            for part in key.split("."):
                assert part in model.model_fields, (name, key)
                model = model.model_fields[part].annotation


def test_the_file_holds_no_work_of_its_own(root):
    tree = ast.parse((root / "dags" / "semantic_ids.py").read_text())
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert {name.partition(".")[0] for name in imported} == {
        "airflow",
        "datetime",
        "os",
        "pathlib",
        "re",
    }

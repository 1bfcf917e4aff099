"""What `JOB --help` says of each key, and how a job speaks to machines."""

import json
import runpy

import pytest

from semantic_ids import audit_configs, job_configs
from semantic_ids.cli import run_job
from semantic_ids.field_help import keys_of
from semantic_ids.job_log import Speaker, log
from semantic_ids.ne_configs import EvaluateNe

JOBS = ("audit_footprint", "audit_quality", "build_sequences", "fit_codebook", "status")


def _config(job):
    name = "".join(part.title() for part in job.split("_"))
    return getattr(job_configs, name, None) or getattr(audit_configs, name)


def test_a_key_has_its_type_default_and_line():
    keys = {key.name: key for key in keys_of(job_configs.BuildSequences)}
    described = {name: (key.kind, key.default) for name, key in keys.items()}
    assert described["events"] == ("table", "required")
    assert described["releases"] == ("table", "default: none")
    assert described["ds"] == ("date", "default: none")
    assert described["missing_items"] == ("drop or null_sid", "default: drop")
    assert described["event_columns"] == ("list of text", "default: []")
    assert described["buckets"] == ("whole number", "default: 16")
    assert keys["sequences"].description == "the table of segments"


def test_keys_of_a_block_have_dotted_names_and_the_job_s_own_defaults():
    keys = {key.name: key for key in keys_of(audit_configs.AuditQuality)}
    assert (keys["report.folder"].kind, keys["report.folder"].default) == (
        "text",
        "default: quality",
    )
    assert keys["report.formats"].kind == "list of html or markdown or json"
    fit = {key.name: key.kind for key in keys_of(job_configs.FitCodebook)}
    assert (fit["spec"], fit["holdout"], fit["dim"]) == ("block", "number", "whole number")


def test_keys_of_the_blocks_of_a_list_stand_under_the_list():
    keys = {key.name: key for key in keys_of(EvaluateNe)}
    assert (keys["regimes"].kind, keys["regimes"].default) == ("list of blocks", "default: [{}]")
    assert keys["regimes[].history"].kind == "whole number"
    assert keys["rates"].kind == "list of number"


@pytest.mark.parametrize("job", JOBS)
def test_help_shows_every_key(root, capsys, job):
    prepare = runpy.run_path(str(root / "jobs" / f"{job}.py"))["prepare"]
    with pytest.raises(SystemExit) as ended:
        run_job(_config(job), prepare, ["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for key in keys_of(_config(job)):
        assert f"  {key.name}: {key.kind}, {key.default}\n      {key.description}" in said
        assert key.kind.islower()
        assert key.description


def test_a_machine_is_told_of_an_error_in_one_object(root, capsys):
    prepare = runpy.run_path(str(root / "jobs" / "fit_codebook.py"))["prepare"]
    code = run_job(job_configs.FitCodebook, prepare, ["--log-format", "json", "sed=1"])
    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    event = json.loads(line)
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "level": "ERROR",
        "job": "fit_codebook",
        "run_id": None,
        "event": "error",
        "message": "sed: unknown key, did you mean 'seed'?",
        "exit_code": 2,
    }


def test_a_machine_is_told_steps_and_summary(capsys):
    speaker = Speaker("status", "json", verbose=False)
    speaker.run_id = "r-1"
    log.info("read %s", "runs")
    speaker.summary('3 "jobs"\n', rows_in=7)
    said = capsys.readouterr()
    step, summary = json.loads(said.err), json.loads(said.out)
    assert (step["event"], step["message"], step["run_id"]) == ("log", "read runs", "r-1")
    assert (summary["event"], summary["message"], summary["rows_in"]) == (
        "summary",
        '3 "jobs"\n',
        7,
    )
    Speaker("status", "text", verbose=False)

"""Configuration: what a YAML and its overrides give, and what is refused in which words."""

import datetime
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from semantic_ids.audit_configs import AuditChurn, AuditFootprint, AuditQuality, BrowseItems
from semantic_ids.cli import run_job
from semantic_ids.config import load_config, to_yaml
from semantic_ids.errors import ConfigError, SemanticIdsError, nearest
from semantic_ids.fusion_configs import TrainFusion
from semantic_ids.job_configs import (
    BuildSequences,
    CompactSequences,
    FitCodebook,
    ForgetItems,
    ForgetUsers,
    QuantizeItems,
    Status,
    SwitchRelease,
)
from semantic_ids.ne_configs import EvaluateNe

JOBS = {
    "audit_churn": AuditChurn,
    "audit_footprint": AuditFootprint,
    "audit_quality": AuditQuality,
    "browse_items": BrowseItems,
    "build_sequences": BuildSequences,
    "compact_sequences": CompactSequences,
    "evaluate_ne": EvaluateNe,
    "fit_codebook": FitCodebook,
    "forget_items": ForgetItems,
    "forget_users": ForgetUsers,
    "quantize_items": QuantizeItems,
    "status": Status,
    "switch_release": SwitchRelease,
    "train_fusion": TrainFusion,
}
FIT = {
    "embeddings": "tables/items",
    "codebooks": "tables/codebooks",
    "collection": "text",
    "name": "shop",
    "spec": {"stages": [{"ternary": 25}]},
}
BUILD = {
    "events": "tables/events",
    "item_sids": "tables/item_sids",
    "codebooks": "tables/codebooks",
    "codebook": "shop",
    "sequences": "tables/sequences",
}


@pytest.fixture
def file(tmp_path):
    """Write a configuration file: values as YAML, or text as it is."""

    def write(content):
        path = tmp_path / "job.yaml"
        text = content if isinstance(content, (str, bytes)) else yaml.safe_dump(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refused(config_type, path, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(config_type, path, overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_a_file_gives_its_values_and_defaults_for_the_rest(file):
    config = load_config(FitCodebook, file(FIT | {"seed": 7}))
    assert (config.embeddings, config.seed, config.spec) == ("tables/items", 7, FIT["spec"])
    assert (config.sample_size, config.holdout, config.dim, config.runs) == (
        100_000,
        0.1,
        None,
        None,
    )


def test_a_configuration_does_not_change_once_it_is_read(file):
    config = load_config(FitCodebook, file(FIT))
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 1


@pytest.mark.parametrize("name", sorted(JOBS))
def test_the_configurations_in_conf_are_valid(root, name):
    config = load_config(JOBS[name], root / "conf" / f"{name}.yaml")
    assert config.runs or name == "audit_footprint"


def test_every_job_has_a_configuration(root):
    assert {path.stem for path in (root / "conf").glob("*.yaml")} == set(JOBS)
    assert {path.stem for path in (root / "jobs").glob("*.py")} == set(JOBS)


def test_every_key_of_every_job_is_described():
    for config_type in JOBS.values():
        for name, field in config_type.model_fields.items():
            assert field.description or name in ("runs", "report"), (config_type, name)


# Overrides


def test_overrides_say_everything_where_there_is_no_file():
    overrides = [f"{key}={value}" for key, value in BUILD.items()]
    assert load_config(BuildSequences, None, overrides).model_dump(include=set(BUILD)) == BUILD


def test_an_override_comes_before_the_file(file):
    config = load_config(FitCodebook, file(FIT | {"seed": 1}), ["seed=2"])
    assert config.seed == 2


def test_of_two_overrides_of_one_key_the_later_wins(file):
    assert load_config(FitCodebook, file(FIT), ["seed=2", "seed=3"]).seed == 3


@pytest.mark.parametrize(
    ("overrides", "spec"),
    [
        (["spec.sweeps=4"], {"stages": [{"ternary": 25}], "sweeps": 4}),
        (["spec.stages=[binary: 8]"], {"stages": [{"binary": 8}]}),
        (["spec={stages: [binary: 16]}"], {"stages": [{"binary": 16}]}),
        (["spec=", "spec.stages=[ternary: 5]"], {"stages": [{"ternary": 5}]}),
        ([" spec.stages =[ternary: 5]"], {"stages": [{"ternary": 5}]}),
    ],
)
def test_dots_descend_into_blocks(file, overrides, spec):
    assert load_config(FitCodebook, file(FIT), overrides).spec == spec


def test_dots_make_a_block_that_is_not_there():
    config = load_config(AuditFootprint, None, ["sequences=tables/s", "report.folder=out"])
    assert config.report.folder == "out"


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("events=/data/a=b/events", "events", "/data/a=b/events"),
        ("events=/data/with a space/ünïcode's", "events", "/data/with a space/ünïcode's"),
        ("codebook=x' OR '1'='1", "codebook", "x' OR '1'='1"),
        ('codebook="12345"', "codebook", "12345"),
        ("event_columns=[quantity, price]", "event_columns", ["quantity", "price"]),
        ("ds=2011-12-09", "ds", datetime.date(2011, 12, 9)),
        ("ds='2011-12-09'", "ds", datetime.date(2011, 12, 9)),
        ("ds=", "ds", None),
        ("runs=tables/runs", "runs", "tables/runs"),
        ("sequences='  tables/s  '", "sequences", "tables/s"),
    ],
)
def test_the_value_of_an_override_is_yaml(file, override, key, value):
    assert getattr(load_config(BuildSequences, file(BUILD), [override]), key) == value


@pytest.mark.parametrize("override", ["seed", "=3", ".seed=3", "spec..sweeps=3", "spec.=3", ""])
def test_an_override_that_is_not_key_and_value_is_refused(file, override):
    said = refused(FitCodebook, file(FIT), override)
    assert said == f"override {override!r} must have the form key=value"


def test_an_override_into_a_value_is_refused(file):
    said = refused(FitCodebook, file(FIT), "spec.stages.ternary=3")
    assert said == "override spec.stages.ternary: stages holds a value, not a block of keys"


@pytest.mark.parametrize(
    "text",
    [
        *("[1, 2", "'a", "*x", "!!python/object:os.system x", "9" * 5_000),
        *("!!bool x", "!!int ''", "!!float ''", "[" * 500 + "]" * 500),
    ],
    ids=lambda text: text[:12],
)
def test_an_override_that_is_not_yaml_is_refused(file, text):
    said = refused(FitCodebook, file(FIT), f"name={text}")
    assert said.startswith(f"override name: {text[:100]!r}"[:-1])
    assert " is not valid YAML" in said
    assert len(said) < 400


@pytest.mark.parametrize("text", ["2011-13-45", "2011-02-30", "!!timestamp x"])
def test_what_only_looks_like_a_date_is_text(file, text):
    name = load_config(FitCodebook, file(FIT), [f"name={text}"]).name
    assert name == text.removeprefix("!!timestamp ")


# Files


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "absent.yaml"
    assert refused(FitCodebook, path) == f"config: there is no file {str(path)!r}"


def test_a_folder_is_no_file(tmp_path):
    said = refused(FitCodebook, tmp_path)
    assert said == f"config: {str(tmp_path)!r} cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: [1", "is not valid YAML at line 1: "),
        ("a: 1\n\tb: 2", "is not valid YAML at line 2: "),
        ("a: 1\nb: c: d", "is not valid YAML at line 2: mapping values are not allowed here"),
        ("a: *x", "is not valid YAML at line 1: found undefined alias 'x'"),
        ("a: 1\n---\nb: 1", "is not valid YAML at line 2: "),
        ("? [a]\n: 1", "is not valid YAML at line 1: "),
        ("a: !!python/name:os.system", "is not valid YAML at line 1: "),
        ("a: \x00", "is not valid YAML: "),
        (b"\xff\xfe\x00", "must be text in UTF-8"),
        ("- a\n- b", "must hold key: value lines, got a list"),
        ("fit everything", "must hold key: value lines, got a str"),
        ("7", "must hold key: value lines, got a int"),
    ],
)
def test_a_malformed_file_is_refused(file, content, sentence):
    path = file(content)
    assert refused(FitCodebook, path).startswith(f"config: {str(path)!r} {sentence}")


@pytest.mark.parametrize("text", ["seed: 1\nseed: 2", "spec: {a: 1, b: 2, a: 3}"])
def test_a_key_that_stands_twice_is_refused(file, text):
    assert refused(FitCodebook, file(text)).endswith(" stands twice")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "null", "{}"])
def test_an_empty_file_asks_for_all_required_keys(file, text):
    keys = "embeddings, codebooks, collection, name, spec"
    assert refused(FitCodebook, file(text)) == f"{keys}: a value is required, got none"


# Keys and values


@pytest.mark.parametrize("key", sorted(FIT))
def test_a_missing_key_is_named(file, key):
    path = file({name: value for name, value in FIT.items() if name != key})
    assert refused(FitCodebook, path) == f"{key}: a value is required, got none"


@pytest.mark.parametrize(
    ("config_type", "values", "key", "hint"),
    [
        (FitCodebook, FIT, "embedings", "did you mean 'embeddings'?"),
        (FitCodebook, FIT, "sample", "did you mean 'sample_size'?"),
        (BuildSequences, BUILD, "bucket", "did you mean 'buckets'?"),
        (BuildSequences, BUILD, "event_column", "did you mean 'event_columns'?"),
        (AuditFootprint, {"sequences": "a/s"}, "report.foldr", "did you mean 'folder'?"),
        (AuditFootprint, {"sequences": "a/s"}, "report.zzz", "it must be one of: folder, formats"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_right_name(
    file, config_type, values, key, hint
):
    said = refused(
        config_type, file(values), *(["report.folder=x"] if "." in key else []), f"{key}=1"
    )
    assert said == f"{key}: unknown key, {hint}"


def test_an_unknown_key_like_no_other_lists_them_all(file):
    said = refused(FitCodebook, file(FIT), "zzz=1")
    assert said == f"zzz: unknown key, it must be one of: {', '.join(FitCodebook.model_fields)}"


def test_a_key_that_is_not_text_is_refused(file):
    assert refused(FitCodebook, file(FIT | {7: 1})) == "7: keys should be strings, got 7"


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["spec.stage=[ternary: 5]"], "spec: unknown spec key 'stage', did you mean 'stages'?"),
        (["spec.sweps=2"], "spec: unknown spec key 'sweps', did you mean 'sweeps'?"),
        (
            ["spec.stages=[ternry: 5]"],
            "spec: unknown stage kind 'ternry', did you mean 'ternary'?",
        ),
        (
            ["spec.stages=[ternary: 0]"],
            "spec: ternary must be whole numbers of at least 1, got 0",
        ),
        (
            ["spec.stages=[ternary: many]"],
            "spec: ternary must be whole numbers of at least 1, got 'many'",
        ),
        (
            ["spec.stages=[ternary: 40]"],
            "spec: stages must fit in 8 bytes, got [{'ternary': 40}]: "
            "the last stage would fit with ternary: 39",
        ),
        (["spec.stages=[]"], "spec: stages must hold at least one stage, got none"),
        (["spec.stages=ternary"], "spec: stages must be a list of stages, got 'ternary'"),
        (["spec=fast"], "spec: must be a block of keys, got 'fast'"),
    ],
)
def test_a_typo_inside_the_spec_is_refused_before_spark_starts(file, overrides, sentence):
    assert refused(FitCodebook, file(FIT), *overrides) == sentence


@pytest.mark.parametrize(
    ("config_type", "override", "sentence"),
    [
        (FitCodebook, "seed=-1", "seed: input should be greater than or equal to 0, got -1"),
        (FitCodebook, "seed=true", "seed: input should be a valid integer, got True"),
        (FitCodebook, "seed='1'", "seed: input should be a valid integer, got '1'"),
        (FitCodebook, "seed=2.5", "seed: input should be a valid integer, got 2.5"),
        (FitCodebook, "sample_size=0", "sample_size: input should be greater than 0, got 0"),
        (FitCodebook, "sample_size=1e5", "sample_size: input should be a valid integer, got '1e5'"),
        (FitCodebook, "holdout=0", "holdout: input should be greater than 0, got 0"),
        (FitCodebook, "holdout=1", "holdout: input should be less than 1, got 1"),
        (FitCodebook, "holdout=.nan", "holdout: input should be "),
        (FitCodebook, "dim=0", "dim: input should be greater than 0, got 0"),
        (FitCodebook, "name=2024", "name: input should be a valid string, got 2024"),
        (FitCodebook, "name=''", "name: string should have at least 1 character, got ''"),
        (FitCodebook, "collection=", "collection: input should be a valid string, got None"),
        (
            FitCodebook,
            "binary_dtype=float64",
            "binary_dtype: input should be 'float32' or 'float16', got 'float64'",
        ),
        (FitCodebook, "embeddings=' '", "embeddings: string should have at least 1 character"),
        (BuildSequences, "buckets=0", "buckets: input should be greater than 0, got 0"),
        (BuildSequences, "buckets=65537", "buckets: input should be less than or equal to 65536"),
        (BuildSequences, "buckets=many", "buckets: input should be a valid integer, got 'many'"),
        (BuildSequences, "max_segment_events=0", "max_segment_events: input should be greater"),
        (
            BuildSequences,
            "missing_items=keep",
            "missing_items: input should be 'drop' or 'null_sid', got 'keep'",
        ),
        (
            BuildSequences,
            "event_columns=quantity",
            "event_columns: input should be a valid list, got 'quantity'",
        ),
        (
            BuildSequences,
            "event_columns=[quantity, 3]",
            "event_columns.1: input should be a valid string, got 3",
        ),
        (
            BuildSequences,
            "event_columns=[a, b, a]",
            "event_columns: columns must differ, got ['a', 'b', 'a']",
        ),
        (BuildSequences, "tie_break=[a, a]", "tie_break: columns must differ, got ['a', 'a']"),
    ],
)
def test_a_wrong_value_is_refused_with_key_rule_and_value(file, config_type, override, sentence):
    values = FIT if config_type is FitCodebook else BUILD
    assert refused(config_type, file(values), override).startswith(sentence)


@pytest.mark.parametrize(
    "ds",
    [
        "yesterday",
        "0",
        "86400",
        "20111209",
        "2011-12",
        "2011-12-09 10:00:00",
        "09.12.2011",
        "[2011-12-09]",
        "true",
    ],
)
def test_ds_must_be_a_day(file, ds):
    said = refused(BuildSequences, file(BUILD), f"ds={ds}")
    assert said.startswith("ds: must be a date such as 2011-12-09, got ")


def test_a_codebook_is_not_named_like_an_id(file):
    said = refused(FitCodebook, file(FIT), f"name={'0123456789abcdef' * 2}")
    assert said.startswith("name: must not look like a codebook_id, got ")


@pytest.mark.parametrize(
    "other",
    ["tables/item_sids", "tables/item_sids/", "tables//./item_sids", "tables/x/../item_sids"],
)
def test_two_keys_never_name_one_table(file, other):
    said = refused(BuildSequences, file(BUILD), f"sequences={other}")
    assert said == f"sequences: must be another table than item_sids, got {other!r}"


def test_a_local_path_is_one_place_with_its_scheme_or_without(file, tmp_path):
    both = [f"item_sids={tmp_path}/a", f"sequences=file://{tmp_path}/b/../a"]
    assert "must be another table than item_sids" in refused(BuildSequences, file(BUILD), *both)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    both = [f"item_sids={tmp_path}/a", f"sequences={tmp_path}/link"]
    assert "must be another table than item_sids" in refused(BuildSequences, file(BUILD), *both)
    stores = ["item_sids=s3a://shop/a", "sequences=s3a://shop//a/"]
    assert "must be another table than item_sids" in refused(BuildSequences, file(BUILD), *stores)


def test_a_number_beyond_64_bits_is_refused(file):
    said = refused(FitCodebook, file(FIT), f"sample_size={2**63}")
    assert said == "sample_size: must fit in 64 bits, got 64 bits"
    said = refused(FitCodebook, file(FIT), f"sample_size=0x{'f' * 20_000}")
    assert said == "sample_size: must fit in 64 bits, got 80000 bits"


def test_a_long_value_is_not_shown_whole(file):
    said = refused(FitCodebook, file(FIT), f"dim={'x' * 6_000}")
    assert said.startswith("dim: input should be a valid integer, got 'xxx")
    assert said.endswith("... (6,002 characters)")


def test_an_audit_needs_something_to_measure():
    assert refused(AuditFootprint, None) == "sequences or item_sids must be given, got neither"


def test_an_audit_of_embeddings_needs_their_collection():
    said = refused(AuditFootprint, None, "sequences=a/s", "embeddings=a/e")
    assert said == "collection: a value is required where embeddings is given"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "before: a value is required, got none"),
        ({"before": -1}, "before: must be a name or a number of at least 0, got -1"),
        ({"before": ""}, "before: must be a name or a number of at least 0, got ''"),
        ({"before": True}, "before: must be a name or the number of a version, got True"),
        ({"before": 1.5}, "before: must be a name or the number of a version, got 1.5"),
        (
            {"before": 0, "sequences": "a/s"},
            "sequences_before: a value is required where sequences is given",
        ),
        (
            {"before": 0, "sequences_before": 3},
            "sequences: a value is required where sequences_before is given",
        ),
        (
            {"before": 0, "categories": ["colour"]},
            "labels: a value is required where label or categories are given",
        ),
    ],
)
def test_a_churn_audit_needs_two_sides_and_where_labels_are(file, given, sentence):
    tables = {"item_sids": "a/i", "codebooks": "a/c", "codebook": "shop"}
    assert refused(AuditChurn, file(tables | given)) == sentence


def test_a_churn_audit_compares_with_a_number_or_a_name(file):
    tables = {"item_sids": "a/i", "codebooks": "a/c", "codebook": "shop", "sequences": "a/s"}
    path = file(tables | {"before": 3, "sequences_before": 4})
    config = load_config(AuditChurn, path)
    assert (config.before, config.sequences_before) == (3, 4)
    config = load_config(AuditChurn, path, ["before=shop_2", "sequences_before=a/old"])
    assert (config.before, config.sequences_before) == ("shop_2", "a/old")


def test_every_refusal_is_a_value_error_and_ends_a_job_with_exit_code_2(file):
    with pytest.raises(ValueError, match="unknown key") as caught:
        load_config(FitCodebook, file(FIT), ["zzz=1"])
    assert isinstance(caught.value, SemanticIdsError)
    assert caught.value.exit_code == 2


@given(st.text(string.ascii_lowercase + "_", min_size=1, max_size=12))
def test_nearest_never_suggests_a_name_that_is_not_there(name):
    names = list(FitCodebook.model_fields)
    said = nearest(name, names)
    assert any(said == f"did you mean {right!r}?" for right in names) or said == (
        f"it must be one of: {', '.join(names)}"
    )


# Round trip

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
table = text.map(str.strip).filter(bool)


@given(
    tables=st.lists(table.map(lambda t: t.rstrip("/") or "x"), min_size=5, max_size=5, unique=True),
    codebook=text,
    ds=st.none() | st.dates(),
    event_columns=st.lists(text, unique=True),
    tie_break=st.lists(text, unique=True),
    buckets=st.integers(1, 65_536),
)
def test_to_yaml_gives_the_configuration_back(tmp_path_factory, tables, **values):
    names = ("events", "item_sids", "codebooks", "sequences", "runs")
    config = BuildSequences(**dict(zip(names, tables, strict=True)), **values)
    path: Path = tmp_path_factory.mktemp("round") / "trip.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(BuildSequences, path) == config


@pytest.mark.parametrize("name", sorted(JOBS))
def test_to_yaml_of_a_configuration_in_conf_gives_it_back(root, file, name):
    config = load_config(JOBS[name], root / "conf" / f"{name}.yaml")
    assert load_config(JOBS[name], file(to_yaml(config))) == config


@pytest.mark.parametrize("name", sorted(JOBS))
def test_null_takes_back_what_a_yaml_gives_to_a_key_that_may_be_left_out(root, name):
    path = root / "conf" / f"{name}.yaml"
    given = load_config(JOBS[name], path).model_dump()
    optional = {k for k, f in JOBS[name].model_fields.items() if f.get_default() is None}
    taken_back = optional - {"label", "labels", "codebooks", "item_sids"}  # others need them
    if taken_back:
        config = load_config(JOBS[name], path, [f"{key}=null" for key in sorted(taken_back)])
        assert config.model_dump() == given | dict.fromkeys(taken_back)


# The formats of a report

SEQUENCES = "sequences=a/s"


def test_a_report_has_every_format_and_its_job_s_folder_unless_told(file):
    assert load_config(AuditFootprint, None, [SEQUENCES]).report.formats == [
        "html",
        "markdown",
        "json",
    ]
    report = load_config(AuditFootprint, None, [SEQUENCES, "report.formats=[json]"]).report
    assert (report.folder, report.formats) == ("footprint", ["json"])
    values = {"sequences": "a/s", "report": {"folder": "there"}}
    report = load_config(AuditFootprint, file(values), ["report.formats=[html]"]).report
    assert (report.folder, report.formats) == ("there", ["html"])


@pytest.mark.parametrize(
    ("formats", "sentence"),
    [
        ("[pdf]", "report.formats.0: input should be 'html', 'markdown' or 'json', got 'pdf'"),
        ("[]", "report.formats: list should have at least 1 item after validation, not 0, got []"),
        ("[json, json]", "report.formats: formats must differ, got ['json', 'json']"),
        ("html", "report.formats: input should be a valid list, got 'html'"),
    ],
)
def test_formats_that_are_none_are_refused(formats, sentence):
    assert refused(AuditFootprint, None, SEQUENCES, f"report.formats={formats}") == sentence


@pytest.mark.parametrize("said", ["html,json", "html, json"])
def test_the_option_format_is_the_key_report_formats(said, capsys):
    arguments = [SEQUENCES, "--format", said, "report.folder=there", "--print-config"]
    assert run_job(AuditFootprint, pytest.fail, arguments) == 0
    report = yaml.safe_load(capsys.readouterr().out)["report"]
    assert report == {"folder": "there", "formats": ["html", "json"]}


def test_the_option_format_refuses_what_the_key_refuses(capsys):
    assert run_job(AuditFootprint, pytest.fail, [SEQUENCES, "--format", "pdf"]) == 2
    assert capsys.readouterr().err == (
        "audit_footprint: error: report.formats.0: input should be 'html', 'markdown' or 'json', "
        "got 'pdf'\n"
    )


def test_a_job_without_a_report_has_no_option_format(file, capsys):
    with pytest.raises(SystemExit) as ended:
        run_job(FitCodebook, pytest.fail, ["--config", str(file(FIT)), "--format", "html"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("error: unrecognized arguments: --format\n")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("spec.digts=9", "spec: unknown spec key 'digts', did you mean 'digits'?"),
        ("spec.digits=0", "spec: digits must be a whole number of at least 1, got 0"),
        ("spec.collections={}", "spec: collections must name at least one collection, got none"),
        (
            "spec.categories={type: -1}",
            "spec: categories: the weight of 'type' must be above 0, got -1",
        ),
        ("processes=0", "processes: input should be greater than 0, got 0"),
    ],
)
def test_a_bad_fusion_is_refused_before_spark_starts(root, override, message):
    assert refused(TrainFusion, root / "conf" / "train_fusion.yaml", override) == message


# The browse page

BROWSE = ("item_sids=a/i", "codebooks=a/c", "codebook=text")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["label=title"], "labels: a value is required where label is given"),
        (["category=kind"], "labels: a value is required where category is given"),
        (["labels=a/l"], "label or category must be given where labels is, got neither"),
        (["max_items=0"], "max_items: input should be greater than 0, got 0"),
        (
            ["report.formats=[html]"],
            "report.formats: unknown key, it must be one of: folder",
        ),
    ],
)
def test_what_a_browse_page_cannot_be_made_of_is_refused(overrides, sentence):
    assert refused(BrowseItems, None, *BROWSE, *overrides) == sentence


def test_a_browse_page_is_html_and_has_no_option_format(capsys):
    assert load_config(BrowseItems, None, BROWSE).report.folder == "browse"
    with pytest.raises(SystemExit):
        run_job(BrowseItems, pytest.fail, [*BROWSE, "--format", "html"])
    assert "unrecognized arguments: --format" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--check"], ["--dry-run"], []])
@pytest.mark.parametrize("job", [(AuditFootprint, [SEQUENCES]), (BrowseItems, BROWSE)])
def test_a_folder_that_cannot_be_written_is_refused_before_spark(tmp_path, capsys, job, option):
    config_type, arguments = job
    place = tmp_path / "page"
    place.touch()
    assert run_job(config_type, pytest.fail, [*arguments, f"report.folder={place}", *option]) == 2
    said = capsys.readouterr().err.partition(": error: ")[2]
    assert said == f"report.folder: '{place}' must be a folder, {place} is a file\n"

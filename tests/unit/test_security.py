"""What docs/security.md promises, as far as a test can tell."""

import ast
import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import SecretStr

from semantic_ids.config import JobConfig, load_config, to_yaml
from semantic_ids.errors import ConfigError
from semantic_ids.job_configs import QuantizeItems

UNSAFE = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
LOCKS = ("all", "spark")


class Secretive(JobConfig):
    """A configuration with a secret, as a job with one would have."""

    password: SecretStr


def _modules(root):
    folders = ("lib", "jobs", "conf", "benchmarks", "examples")
    return [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]


def test_nothing_is_pickled_and_nothing_is_evaluated(root):
    for path in _modules(root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = set()
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile"), path
            assert not names & UNSAFE, path


def test_yaml_makes_no_objects(tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text("embeddings: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        load_config(QuantizeItems, file)


def test_a_secret_is_shown_nowhere():
    config = Secretive(password=SecretStr("s3cr3t"))
    assert "s3cr3t" not in to_yaml(config)
    assert "s3cr3t" not in json.dumps(config.model_dump(mode="json"))
    assert "s3cr3t" not in repr(config)
    with pytest.raises(ConfigError, match=r"password: .*, got a secret") as caught:
        load_config(Secretive, None, ["password=[s3cr3t]"])
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("password", ["s3cr3t", "a/s3cr3t", "a/b:s3cr3t/", "8020s3cr3t"])
@pytest.mark.parametrize("key", ["embeddings", "runs"])
def test_a_place_with_credentials_is_refused_without_showing_them(key, password):
    with pytest.raises(ConfigError, match=f"{key}: must hold no user and password") as caught:
        load_config(QuantizeItems, None, [f"{key}=s3a://me:{password}@shop/items"])
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "place",
    [
        "s3a://me:12/s3cr3t@shop/items",
        "s3a://me@shop.com:s3cr3t@shop/items",
        "s3a:/me:s3cr3t@shop",
        "s3a:///me:s3cr3t@shop",
        "//me:s3cr3t@shop/items",
        "\u200bs3a://me:1/s3cr3t@shop",
        "delta.`s3a://me:s3cr3t@shop/items`",
        "jdbc:postgresql://me:s3cr3t@shop/db",
        "jdbc:mysql://shop/db?user=me&password=s3cr3t",
        "abfss://items@shop.dfs.core.windows.net/x?sv=1&sig=s3cr3t",
    ],
)
@pytest.mark.parametrize("override", ["runs={}", "runs={{a: '{}'}}", "runs=['{}']", "{}"])
def test_credentials_in_any_spelling_are_refused_without_showing_them(place, override):
    given = override.format(place)
    with pytest.raises(ConfigError) as caught:
        load_config(QuantizeItems, None, [given])
    assert "s3cr3t" not in str(caught.value)
    if override == "runs={}":
        assert "runs: must hold no user and password" in str(caught.value)


@pytest.mark.parametrize(
    "place",
    [
        "file:///{}/a:b@c",
        "/data/{}:a@b?key=1",
        "abfss://{}@shop.dfs.core.windows.net/tables",
        "hdfs://node:8020/{}/a@b",
    ],
)
def test_a_container_before_an_account_and_a_port_are_no_password(place):
    places = {
        name: place.format(name)
        for name in ("embeddings", "codebooks", "item_sids", "rejected_items")
    }
    config = QuantizeItems(codebook="text", **places)
    assert config.embeddings == places["embeddings"]


def _requirements(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return project["dependencies"], extras


def test_every_dependency_has_an_upper_bound(root):
    dependencies, extras = _requirements(root)
    for text in [*dependencies, *(each for extra in extras.values() for each in extra)]:
        operators = {specifier.operator for specifier in Requirement(text).specifier}
        assert operators & {"<", "<=", "==", "~="}, text


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_what_the_project_names_with_hashes_and_without_a_host(root, name):
    text = (root / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    pinned = {}
    for entry in entries:
        pin = Requirement(entry.partition("--hash")[0].replace("\\\n", " ").rstrip(" \\\n"))
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        pinned.setdefault(canonicalize_name(pin.name), []).append(specifier.version)
    dependencies, extras = _requirements(root)
    chosen = extras if name == "all" else {key: extras[key] for key in ("spark", "report")}
    for wanted in [*dependencies, *(each for extra in chosen.values() for each in extra)]:
        requirement = Requirement(wanted)
        versions = pinned[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), wanted

"""Who may import whom: rooms, third parties, and what a bare import loads."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LIB = ROOT / "lib" / "semantic_ids"

# What each room may import; jobs -> spark, fusion, trainers, report -> codebook -> errors, never
# back.
ROOMS = {
    "errors": set(),
    "codebook": {"errors"},
    "estimator": {"codebook", "errors"},
    "fusion": {"codebook", "errors"},
    "trainers": {"codebook", "errors"},
    "report": {"codebook", "errors"},
    "experiment": {"codebook", "errors", "fusion", "report", "trainers"},
    "yaml_text": {"errors"},
    "credentials": set(),
    "config": {"credentials", "errors", "yaml_text"},
    "field_help": {"config"},
    "job_configs": {"codebook", "config", "errors"},
    "audit_configs": {"config", "job_configs", "report"},
    "ne_configs": {"audit_configs", "config", "job_configs"},
    "fusion_configs": {"audit_configs", "codebook", "config", "job_configs"},
    "spark": {
        "audit_configs",
        "codebook",
        "errors",
        "fusion",
        "fusion_configs",
        "job_configs",
        "ne_configs",
        "report",
    },
    "job_log": set(),
    "cli": {"config", "errors", "field_help", "job_log", "spark"},
    "jobs": {
        "audit_configs",
        "cli",
        "codebook",
        "experiment",
        "fusion_configs",
        "job_configs",
        "ne_configs",
        "spark",
    },
    "__init__": {"estimator"},
}
THIRD_PARTIES = {
    "errors": set(),
    "codebook": {"numpy", "numba", "safetensors", "faiss"},
    "estimator": {"numpy", "sklearn"},
    "fusion": {"numpy", "safetensors", "torch"},
    "trainers": {"numpy", "pyarrow", "torch", "deltalake", "xxhash"},
    "report": {"jinja2", "matplotlib", "numpy"},
    "experiment": {"numpy", "pyarrow", "torch"},
    "yaml_text": {"yaml"},
    "credentials": set(),
    "config": {"pydantic", "pydantic_core", "yaml"},
    "field_help": {"pydantic"},
    "job_configs": {"pydantic"},
    "audit_configs": {"pydantic"},
    "fusion_configs": {"pydantic"},
    "ne_configs": {"pydantic"},
    "spark": {"numpy", "pyarrow", "pyspark", "delta", "py4j"},
    "job_log": {"pyspark"},
    "cli": {"pyspark"},
    "jobs": {"pyspark"},
    "__init__": set(),
}
FACES = ("codebook", "fusion", "trainers", "report", "experiment")


def files_of_rooms():
    for path in sorted(LIB.rglob("*.py")):
        yield path.relative_to(LIB).parts[0].removesuffix(".py"), path
    for path in sorted((ROOT / "jobs").glob("*.py")):
        yield "jobs", path


def imports_of(path):
    """List (module, names) of every import, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module, tuple(alias.name for alias in node.names)


def room_of(module, names):
    """Name the room that an import of ours enters; `from semantic_ids import x` enters x."""
    parts = module.split(".")
    return {parts[1]} if len(parts) > 1 else set(names)


FILES = list(files_of_rooms())
IDS = [str(path.relative_to(ROOT)) for _, path in FILES]


@pytest.mark.parametrize(("room", "path"), FILES, ids=IDS)
def test_a_room_imports_only_rooms_below_it(room, path):
    for module, names in imports_of(path):
        if module.split(".")[0] == "semantic_ids":
            assert room_of(module, names) <= ROOMS[room] | {room}, f"{module} from {room}"


@pytest.mark.parametrize(("room", "path"), FILES, ids=IDS)
def test_a_room_imports_only_its_third_parties(room, path):
    for module, _ in imports_of(path):
        top = module.split(".")[0]
        if top != "semantic_ids" and top not in sys.stdlib_module_names:
            assert top in THIRD_PARTIES[room], f"{module} from {room}"


@pytest.mark.parametrize(("room", "path"), FILES, ids=IDS)
def test_a_room_with_a_face_is_entered_through_it(room, path):
    for module, names in imports_of(path):
        parts = module.split(".")
        if parts[0] != "semantic_ids" or len(parts) < 2 or parts[1] in (room, *ROOMS["__init__"]):
            continue
        if parts[1] in FACES:
            assert len(parts) == 2, f"{module} is private to {parts[1]}"
            assert set(names) <= set(public_names(parts[1])), f"{names} from {module}"


def public_names(room):
    tree = ast.parse((LIB / room / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"{room} has no __all__")


def test_no_room_is_below_itself():
    def below(room, seen=()):
        assert room not in seen, f"a circle: {' -> '.join((*seen, room))}"
        for other in ROOMS[room]:
            below(other, (*seen, room))

    for room in ROOMS:
        below(room)


def test_every_file_belongs_to_a_room():
    assert {room for room, _ in FILES} == set(ROOMS) == set(THIRD_PARTIES)


@pytest.mark.parametrize("room", FACES)
def test_public_names_are_sorted_and_there(room):
    names = public_names(room)
    assert names == sorted(names)
    module = importlib.import_module(f"semantic_ids.{room}")
    assert all(hasattr(module, name) for name in names)


def loaded_by(statement):
    """List the top-level modules that a fresh process holds after a statement."""
    script = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    finished = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=120
    )
    return set(finished.stdout.split())


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("semantic_ids", {"numpy", "numba", "pyspark", "pyarrow", "torch", "pydantic", "sklearn"}),
        (
            "semantic_ids.codebook",
            {"pyspark", "pyarrow", "torch", "pydantic", "sklearn", "pandas", "faiss", "yaml"},
        ),
        (
            "semantic_ids.report",
            {"pyspark", "pyarrow", "torch", "pydantic", "pandas", "jinja2", "matplotlib"},
        ),
        ("semantic_ids.job_configs", {"pyspark", "pyarrow", "torch", "pandas"}),
        ("semantic_ids.fusion_configs", {"pyspark", "pyarrow", "torch", "pandas"}),
        ("semantic_ids.audit_configs", {"pyspark", "pyarrow", "torch", "pandas", "matplotlib"}),
        ("semantic_ids.fusion", {"pyspark", "pyarrow", "pydantic", "pandas"}),
        ("semantic_ids.trainers", {"pyspark", "py4j", "delta", "pydantic", "pandas"}),
        (
            "semantic_ids.experiment",
            {"pyspark", "py4j", "delta", "pydantic", "pandas", "matplotlib"},
        ),
        ("semantic_ids.spark.segments", {"pyspark", "torch", "pydantic", "pandas"}),
    ],
)
def test_importing_a_room_loads_no_more_than_it_needs(module, absent):
    loaded = loaded_by(f"import {module}")
    assert "semantic_ids" in loaded
    assert not loaded & absent

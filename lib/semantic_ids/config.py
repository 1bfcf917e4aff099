"""Job configuration: one YAML, `key=value` overrides with dots, validated before Spark starts."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from semantic_ids.errors import ConfigError, nearest

__all__ = ["JobConfig", "Section", "Table", "load_config", "to_yaml"]


def _no_credentials(table: str) -> str:
    if re.match(r"[\w+.-]+://[^/@]*:[^/]*@", table):
        raise ValueError("must hold no user and password; give them to Spark (docs/security.md)")
    return table


Table = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1),
    AfterValidator(_no_credentials),
]

_TABLES = (
    "embeddings",
    "codebooks",
    "item_sids",
    "rejected_items",
    "sid_items",
    "events",
    "sequences",
    "releases",
    "users",
    "items",
    "runs",
)

C = TypeVar("C", bound="JobConfig")


class Section(BaseModel):
    """A block of a configuration, as it was given: unknown keys and other types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class JobConfig(Section):
    """What every job takes. A table is a path (it holds a slash) or a name in the catalogue."""

    records: ClassVar[bool] = True  # whether its runs have rows in `runs`
    writes: ClassVar[frozenset[str]] = frozenset()  # keys of the tables it changes; others it reads

    runs: Table | None = Field(None, description="the table that takes a row at start and end")

    @model_validator(mode="after")
    def _tables_differ(self) -> Self:
        names: dict[str, str] = {}
        for name in _TABLES:
            place = getattr(self, name, None)
            if place and names.setdefault(place.rstrip("/"), name) != name:
                other = names[place.rstrip("/")]
                raise ValueError(f"{name}: must be another table than {other}, got {place!r}")
        return self


class _Loader(yaml.SafeLoader):
    """YAML without its trap: a key given twice is an error, not the last one's value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        """Leave what is no date, such as 2011-13-45, to the field's own rule."""
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return self.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def load_config(config_type: type[C], path: Path | None, overrides: Sequence[str] = ()) -> C:
    """Read a job's YAML, apply overrides such as `spec.sweeps=3`, and validate.

    Parameters
    ----------
    config_type : type
        The job's model.
    path : Path or None
        The YAML file; None where the overrides say everything.
    overrides : sequence of str
        `key=value`; dots descend into blocks, the value is YAML.

    Raises
    ------
    ConfigError
        One sentence that names the key, the rule and the value.
    """
    values = _read_yaml(path) if path else {}
    for override in overrides:
        _apply(values, override)
    try:
        return config_type.model_validate(values)
    except ValidationError as error:
        found = error.errors()
        unknown = [each for each in found if each["type"] == "extra_forbidden"]
        first = (unknown or found)[0]  # an unknown key is often a misspelling
        if first["type"] == "missing":
            missing = [_key(each) for each in found if each["type"] == "missing"]
            raise ConfigError(f"{', '.join(missing)}: a value is required, got none") from None
        raise ConfigError(_sentence(config_type, first)) from None


def to_yaml(config: JobConfig) -> str:
    """Write a configuration as the YAML that would give it."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config: there is no file {str(path)!r}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"config: {str(path)!r} must be text in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"config: {str(path)!r} cannot be read: {error.strerror}") from None
    except ConfigError as error:
        raise ConfigError(f"config: {str(path)!r} {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise ConfigError(f"config: {str(path)!r} must hold key: value lines, got a {kind}")
    return values


def _parse(text: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"is not valid YAML{where}: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number of 5,000 digits
        raise ConfigError(f"is not valid YAML: {str(error).splitlines()[0]}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"override {override!r} must have the form key=value")
    try:
        value = _parse(text)
    except ConfigError as error:
        raise ConfigError(f"override {key}: {text!r} {error}") from None
    block = values
    for part in path[:-1]:
        inner = block.get(part)
        if inner is None:
            inner = block[part] = {}
        if not isinstance(inner, dict):
            raise ConfigError(f"override {key}: {part} holds a value, not a block of keys")
        block = inner
    block[path[-1]] = value


def _sentence(config_type: type[BaseModel], error: ErrorDetails) -> str:
    where = _key(error) or config_type.__name__
    if error["type"] == "extra_forbidden":
        names = _names_beside(config_type, error["loc"])
        return f"{where}: unknown key, {nearest(str(error['loc'][-1]), names)}"
    rule = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("dict_type", "model_type"):
        rule = "must be a block of keys"
    if error["type"] == "value_error":
        return f"{where}: {rule}" if error["loc"] else rule
    got = "a secret" if _is_secret(config_type, error["loc"]) else repr(error["input"])
    return f"{where}: {rule[0].lower()}{rule[1:]}, got {got}"


def _key(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"])


def _is_secret(config_type: type[BaseModel], location: Sequence[int | str]) -> bool:
    """Say whether a value is of a field of type SecretStr, whose value pydantic never shows."""
    model: type[BaseModel] | None = config_type
    for part in location:
        field = model.model_fields.get(str(part)) if model else None
        if field is None:
            break
        if "SecretStr" in str(field.annotation):
            return True
        model = _model_in(field.annotation)
    return False


def _names_beside(config_type: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = config_type
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            break
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    holds_others = get_origin(annotation) in (Union, UnionType, list)
    options = get_args(annotation) if holds_others else [annotation]
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None

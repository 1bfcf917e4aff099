"""Job configuration: one YAML, `key=value` overrides with dots, validated before Spark starts."""

from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from semantic_ids.errors import ConfigError, nearest

__all__ = ["JobConfig", "Section", "Table", "load_config", "to_yaml"]

Table = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


C = TypeVar("C", bound="JobConfig")


class Section(BaseModel):
    """A block of a configuration: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class JobConfig(Section):
    """What every job takes. A table is a path (it holds a slash) or a name in the catalogue."""

    runs: Table | None = None


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
        raise ConfigError(_sentence(config_type, error.errors()[0])) from None


def to_yaml(config: JobConfig) -> str:
    """Write a configuration as the YAML that would give it."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config: there is no file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config: {str(path)!r} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise ConfigError(f"config: {str(path)!r} is not valid YAML{line}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise ConfigError(f"config: {str(path)!r} must hold key: value lines, got a {kind}")
    return values


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"override {override!r} must have the form key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"override {key}: {text!r} is not valid YAML") from None
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
    where = ".".join(str(part) for part in error["loc"]) or config_type.__name__
    if error["type"] == "extra_forbidden":
        names = _names_beside(config_type, error["loc"])
        return f"{where}: unknown key, {nearest(str(error['loc'][-1]), names)}"
    if error["type"] == "missing":
        return f"{where}: a value is required, got none"
    rule = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return f"{where}: {rule}" if error["loc"] else rule
    return f"{where}: {rule[0].lower()}{rule[1:]}, got {error['input']!r}"


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
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None

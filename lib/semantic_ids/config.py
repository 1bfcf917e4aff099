"""Job configuration: one YAML, `key=value` overrides with dots, validated before Spark starts."""

import posixpath
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

from semantic_ids.credentials import holds_credentials, masked
from semantic_ids.errors import ConfigError, nearest
from semantic_ids.yaml_text import parse_yaml, read_yaml

__all__ = ["JobConfig", "Section", "Table", "load_config", "to_yaml"]


_SHOWN = 200


def _no_credentials(table: str) -> str:
    if holds_credentials(table):
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


def _one_spelling(table: str) -> str:
    """Write a path as the same path is always written; a name in the catalogue stays."""
    if "/" not in table:
        return table
    local = re.sub(r"^(file:)?/+", "/", table)
    scheme, colon, path = local.partition(":/")
    return f"{scheme}:{posixpath.normpath(path)}" if colon else str(Path(local).resolve())


class Section(BaseModel):
    """A block of a configuration, as it was given: unknown keys and other types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, int) and value.bit_length() > 63:  # in Spark they fail late
                raise ValueError(f"{name}: must fit in 64 bits, got {value.bit_length()} bits")
        return self


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
            other = names.setdefault(_one_spelling(place), name) if place else name
            if other != name:
                raise ValueError(f"{name}: must be another table than {other}, got {place!r}")
        return self


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
    values = read_yaml(path) if path else {}
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


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise ConfigError(f"override {_shown(override)} must have the form key=value")
    try:
        value = parse_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"override {key}: {_shown(text)} {error}") from None
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
    got = "a secret" if _is_secret(config_type, error["loc"]) else _shown(error["input"])
    return f"{where}: {rule[0].lower()}{rule[1:]}, got {got}"


def _shown(value: Any) -> str:
    text = masked(repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"


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

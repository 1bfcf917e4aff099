"""A configuration's keys in words, from its pydantic model: type, default and one line."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from semantic_ids.config import Table

__all__ = ["Key", "keys_of"]

_NAMES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    dict: "block",
    datetime.date: "date",
    SecretStr: "secret text",
}
_TABLE_RULES = set(map(repr, get_args(Table)[1:]))


@dataclass(frozen=True)
class Key:
    """One key of a configuration; `default` is "required" where one must be given."""

    name: str
    kind: str
    default: str
    description: str


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """Describe each key of a model, those of its blocks under their dotted names.

    Keys of the blocks of a list stand under the list's name and `[]`.
    """
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if _is_block(annotation):
            for key in keys_of(annotation, f"{prefix}{name}."):
                yield _with_default_of(field, key, name=key.name.rpartition(".")[2])
        else:
            kind = _kind(annotation, field.metadata)
            yield Key(f"{prefix}{name}", kind, _default(field), field.description or "")
            for inner in get_args(annotation) if get_origin(annotation) is list else ():
                if _is_block(inner):
                    yield from keys_of(inner, f"{prefix}{name}[].")


def _with_default_of(block: FieldInfo, key: Key, *, name: str) -> Key:
    if not isinstance(block.default, BaseModel):
        return key
    default = f"default: {_shown(getattr(block.default, name))}"
    return Key(key.name, key.kind, default, key.description)


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else f"default: {_shown(field.default)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        return str(value.model_dump(exclude_defaults=True))
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return "none" if value is None else str(value)


def _kind(annotation: Any, rules: list[Any]) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_kind(each, rules) for each in inner if each is not NoneType)
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin is list:
        return f"list of {_kind(inner[0], [])}"
    if hasattr(annotation, "__metadata__"):  # Annotated, where it stands inside another type
        return _kind(inner[0], list(inner[1:]))
    if annotation is str and _TABLE_RULES & set(map(repr, rules)):
        return "table"
    unnamed = "blocks" if _is_block(annotation) else str(annotation)
    return _NAMES.get(origin or annotation, unnamed)


def _is_block(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)

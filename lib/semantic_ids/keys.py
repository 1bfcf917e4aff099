"""What a job's configuration takes, in words: its keys with type, default and one line each."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from semantic_ids.config import Table

__all__ = ["Key", "keys_of"]

_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    datetime.date: "date",
    dict: "block",
}
_SIGNS = {Gt: ("gt", ">"), Ge: ("ge", ">="), Lt: ("lt", "<"), Le: ("le", "<=")}


@dataclass(frozen=True)
class Key:
    """One key of a job.

    Parameters
    ----------
    name : str
        With dots before the keys of a block.
    kind : str
        What a value must be.
    default : str or None
        As YAML; None where a value is required.
    description : str
    """

    name: str
    kind: str
    default: str | None
    description: str


def keys_of(model: type[BaseModel], prefix: str = "", default: Any = None) -> Iterator[Key]:
    """Give the keys of a configuration in the order of the model, those of its blocks in place.

    Parameters
    ----------
    model : type
        A job's configuration.
    prefix : str
        What stands before a key of a block.
    default : BaseModel, optional
        The block that holds where none is given; its values are the defaults then.
    """
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from keys_of(annotation, f"{prefix}{name}.", field.default)
            continue
        required = field.is_required() and default is None
        value = getattr(default, name) if default is not None else field.default
        yield Key(
            f"{prefix}{name}",
            f"{_kind(_whole(field))}{_bounds(field)}",
            None if required else _yaml(value),
            field.description or "",
        )


def _whole(field: FieldInfo) -> Any:
    """Give the annotation with the constraints that pydantic took apart from it."""
    is_table = field.annotation is str and set(get_args(Table)[1:]) <= set(field.metadata)
    return Table if is_table else field.annotation


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation == Table:
        return "table"
    if origin is Annotated:
        return _kind(arguments[0])
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (Union, UnionType):
        return " or ".join(_kind(each) for each in arguments if each is not NoneType)
    return f"list of {_kind(arguments[0])}" if origin is list else _WORDS[origin or annotation]


def _bounds(field: FieldInfo) -> str:
    found = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for kind, (name, sign) in _SIGNS.items()
        if isinstance(rule, kind)
    ]
    return f", {' and '.join(found)}" if found else ""


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()

"""What each field of the model may hold, read off its type: the one place that understands model.py's annotations.

reader.py reads values by these shapes and schema.py writes them down; neither looks at a type itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Shape:
    """`kind` is `scalar` (with `name`), `text`, `flag`, `choice`, `list`, `mapping` or `record`."""

    kind: str
    name: str = ""
    """Of a scalar: its name in scalars.PARSERS."""
    choices: tuple[str, ...] = ()
    item: Shape | None = None
    """Of a list: its items; of a mapping: its values."""
    key: Shape | None = None
    record: type[Any] | None = None
    optional: bool = False
    """Whether nothing may stand there."""


@dataclass(frozen=True)
class Field:
    """One key of a record."""

    name: str
    shape: Shape
    doc: str
    required: bool
    default: Any
    """The default; meaningless when required."""
    lone: bool
    """Whether one value may stand for a list of one (selectors)."""


_FIELDS: dict[type[Any], tuple[Field, ...]] = {}


def fields_of(record: type[Any]) -> tuple[Field, ...]:
    """The keys of a record in their order; a field without documentation is no key (a name from outside)."""
    if record not in _FIELDS:
        _FIELDS[record] = _fields_of(record)
    return _FIELDS[record]


def _fields_of(record: type[Any]) -> tuple[Field, ...]:
    hints = get_type_hints(record, include_extras=True)
    found = []
    for field in dataclasses.fields(record):
        if "doc" not in field.metadata:
            continue
        factory = field.default_factory
        default = factory() if factory is not dataclasses.MISSING else field.default
        found.append(
            Field(
                name=field.name,
                shape=shape_of(hints[field.name]),
                doc=field.metadata["doc"],
                required=default is dataclasses.MISSING,
                default=default,
                lone=record.__name__ == "Selector",
            )
        )
    return tuple(found)


_PLAIN = {str: Shape("text"), bool: Shape("flag"), int: Shape("scalar", name="count")}


@cache
def shape_of(hint: Any) -> Shape:
    """The shape of a type of the model; raises TypeError for one that the model should not use."""
    origin = get_origin(hint)
    arguments = get_args(hint)
    if origin is Annotated:
        return Shape("scalar", name=hint.__metadata__[0])
    if origin is Literal:
        return Shape("choice", choices=tuple(arguments))
    if origin in (Union, UnionType):
        return _optional(hint, arguments)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return Shape("list", item=shape_of(arguments[0]))
    if origin is Mapping:
        return Shape("mapping", key=shape_of(arguments[0]), item=shape_of(arguments[1]))
    if hint in _PLAIN:
        return _PLAIN[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return Shape("record", record=hint)
    raise TypeError(f"the model has no reader for {hint}")


def _optional(hint: Any, arguments: tuple[Any, ...]) -> Shape:
    inner = [argument for argument in arguments if argument is not NoneType]
    if len(inner) != 1 or len(arguments) != 2:
        raise TypeError(f"the model has no reader for {hint}")
    return dataclasses.replace(shape_of(inner[0]), optional=True)

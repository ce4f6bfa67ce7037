"""JSON schemas of the configuration's files, for editors; `python -m arm_ci.config.schema DIR` writes them.

They come from the model alone. An editor that follows them finds misspelt keys while one types; whether the parts
fit together is for `arm-ci check`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from arm_ci.config.layers import OFF
from arm_ci.config.model import Board, Compiler, Linker, Site, Worker
from arm_ci.config.project import Project
from arm_ci.config.scalars import (
    BYTES_PATTERN,
    HELPER_PATTERN,
    NAME_PATTERN,
    RANGE_PATTERN,
    SECONDS_PATTERN,
    TIME_OF_DAY_PATTERN,
    VERSION_PATTERN,
)
from arm_ci.config.shapes import Field, Shape, fields_of

DRAFT = "http://json-schema.org/draft-07/schema#"

_SCALARS: dict[str, dict[str, Any]] = {
    "bytes": {"anyOf": [{"type": "string", "pattern": f"^({BYTES_PATTERN})$"}, {"const": 0}]},
    "bytes-or-host": {"anyOf": [{"type": "string", "pattern": f"^({BYTES_PATTERN}|host)$"}, {"const": 0}]},
    "count": {"type": "integer", "minimum": 1, "maximum": 9999},
    "count-or-host": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9999}, {"const": "host"}]},
    "seconds": {"type": "string", "pattern": f"^({SECONDS_PATTERN})$"},
    "seconds-or-never": {"type": "string", "pattern": f"^({SECONDS_PATTERN}|never)$"},
    "time-of-day": {"type": "string", "pattern": f"^({TIME_OF_DAY_PATTERN})$"},
    "version": {"type": "string", "pattern": f"^({VERSION_PATTERN})$"},
    "version-range": {"type": ["string", "null"], "pattern": f"^({RANGE_PATTERN})$"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "helper": {"type": "string", "pattern": f"^({HELPER_PATTERN})$"},
    "pattern": {"type": "string", "format": "regex"},
    "name": {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
    "patch-set": {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
}


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each file, by the file's name without `.yaml`.

    What a site writes may be part of an entry of the catalogue, so nothing is required of one there.
    """
    toolchains = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"compilers": _part_of_table(Compiler), "linkers": _part_of_table(Linker)},
    }
    found = {
        "site": _record(Site),
        "boards": _part_of_table(Board),
        "toolchains": toolchains,
        "projects": _part_of_table(Project),
        "workers": _table(_record(Worker), Worker),
    }
    return {name: {"$schema": DRAFT, "title": f"{name}.yaml", **schema} for name, schema in found.items()}


def texts() -> dict[str, str]:
    """The file of each schema, by its name."""
    return {
        f"{name}.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in schemas().items()
    }


def _part_of_table(record: type[Any]) -> dict[str, Any]:
    """A table whose entries stand over those of the catalogue: whole, in part, not at all (`NAME:`), or `off`."""
    # An editor reads `off` as a text or as false, after its version of YAML.
    entry = {"anyOf": [_record(record, partial=True), {"type": "null"}, {"enum": [OFF, False]}]}
    return _table(entry, record)


def _table(entry: dict[str, Any], record: type[Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": _SCALARS["name"],
        "additionalProperties": entry,
        "description": _first_line(record),
    }


def _record(record: type[Any], partial: bool = False) -> dict[str, Any]:
    """A record; with `partial` its keys, and those of the records in it, are not required: some stand elsewhere."""
    fields = fields_of(record)
    schema: dict[str, Any] = {
        "type": "object",
        "description": _first_line(record),
        "additionalProperties": False,
        "properties": {field.name: _field(field, partial) for field in fields},
    }
    required = [field.name for field in fields if field.required and not partial]
    return schema | ({"required": required} if required else {})


def _field(field: Field, partial: bool) -> dict[str, Any]:
    schema = _shape(field.shape, partial)
    if field.lone and field.shape.item is not None:
        schema = {"anyOf": [_shape(field.shape.item), schema]}
    return {**schema, "description": field.doc}


def _shape(shape: Shape, partial: bool = False) -> dict[str, Any]:
    schema = _plain(shape, partial)
    if shape.optional:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def _plain(shape: Shape, partial: bool) -> dict[str, Any]:
    if shape.kind == "scalar":
        return _SCALARS[shape.name]
    if shape.kind == "choice":
        return {"enum": list(shape.choices)}
    if shape.kind == "list" and shape.item is not None:
        return {"type": "array", "items": _shape(shape.item)}
    if shape.kind == "mapping" and shape.item is not None and shape.key is not None:
        names = {"propertyNames": _shape(shape.key)} if shape.key.kind == "choice" else {}
        return {"type": "object", "additionalProperties": _shape(shape.item), **names}
    if shape.kind == "record" and shape.record is not None:
        return _record(shape.record, partial)
    return {"type": {"text": "string", "flag": "boolean"}[shape.kind]}


def _first_line(record: type[Any]) -> str:
    return (record.__doc__ or "").strip().splitlines()[0]


def main(arguments: list[str]) -> int:
    """Writes the schemas into the directory that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m arm_ci.config.schema DIR\n")
        return 2
    directory = Path(arguments[0])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (directory / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

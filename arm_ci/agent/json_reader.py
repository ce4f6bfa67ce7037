"""Reads a NamedTuple from JSON by its annotations: the one reader for reports, peaks, fallbacks and link trials.

Whatever the JSON is, nothing is raised but the format's own error, which names the place and says what was expected
there: `report.edges[3].peak_rss_bytes: a whole number was expected, or null`. What a value means is not checked here.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Type, TypeVar, Union, get_type_hints

_T = TypeVar("_T")
_Class = Any  # a NamedTuple's class: typing has no name for them

# JSON of Python has NaN and Infinity, and numbers of any length.
_LARGEST_NUMBER = 1 << 63
_SCALARS: Dict[Any, Tuple[Tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a text"),
}


class _UnexpectedError(Exception):
    """A value that is not as declared: what was expected instead, and where below the value that is being read."""

    def __init__(self, words: str, place: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.place = place

    def within(self, part: str) -> _UnexpectedError:
        """The same, as seen from one level above."""
        return _UnexpectedError(self.words, part + self.place)


class _Field(NamedTuple):
    name: str
    declared: Any
    is_required: bool


class JsonFormat:
    """One format of ours: a JSON object with the number of its version in `schema`."""

    def __init__(
        self,
        what: str,
        schema: int,
        error: Type[Exception],
        former_names: Optional[Mapping[_Class, Mapping[str, str]]] = None,
        parts: Optional[Mapping[_Class, JsonFormat]] = None,
        upgrade: Optional[Callable[[Any], Any]] = None,
        knows_all_keys: bool = False,
    ) -> None:
        """`what` it is, as a message has it; `schema`: the newest version, older ones are read as well.

        `former_names`: of a NamedTuple, today's name of a field -> its name in older versions. `parts`: a NamedTuple
        within this format that has a format of its own. `upgrade` makes of what was read what today's version says.
        `knows_all_keys`: a key that is no field is a mistake; otherwise it is passed over.
        """
        self._what = what
        self._schema = schema
        self._error = error
        self._former_names = former_names or {}
        self._parts = parts or {}
        self._upgrade = upgrade
        self._knows_all_keys = knows_all_keys
        self._fields: Dict[_Class, List[_Field]] = {}

    def of_text(self, text: str) -> Any:
        """The value of a JSON text. Raises the format's error."""
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._error("not JSON: {}".format(error)) from None

    def read(self, kind: Type[_T], document: Any, where: str = "") -> _T:
        """Reads a NamedTuple from a JSON object; `where`: its name in messages. Raises the format's error."""
        try:
            found: _T = self._read(kind, document)
            return found
        except _UnexpectedError as error:
            place = (where + error.place).lstrip(".")
            raise self._error("{}: {}".format(place, error.words) if error.place else error.words) from None

    def _read(self, kind: _Class, document: Any) -> Any:
        schema = document.get("schema") if isinstance(document, dict) else None
        if not isinstance(schema, int) or isinstance(schema, bool):
            raise _UnexpectedError("{}: an object with a number `schema` was expected".format(self._what))
        if schema > self._schema:
            raise _UnexpectedError(
                "schema {} is newer than {}, which this arm_ci reads".format(_short(schema), self._schema)
            )
        rest = {key: value for key, value in document.items() if key != "schema"}
        found = self._tuple(kind, rest)
        return self._upgrade(found) if self._upgrade else found

    def _tuple(self, kind: _Class, document: Any) -> Any:
        if not isinstance(document, dict):
            raise _UnexpectedError("an object was expected")
        former = self._former_names.get(kind, {})
        values = {}
        keys = set(document) if self._knows_all_keys else set()
        for field in self._fields_of(kind):
            key = field.name if field.name in document else former.get(field.name, field.name)
            keys.discard(key)
            try:
                if key in document:
                    values[field.name] = self._value(field.declared, document[key])
                elif field.is_required:
                    raise _UnexpectedError("is missing")
            except _UnexpectedError as error:
                raise error.within("." + key) from None
        if keys:
            raise _UnexpectedError("is not known", "." + _printable(min(keys)))
        return kind(**values)

    def _fields_of(self, kind: _Class) -> List[_Field]:
        if kind not in self._fields:
            types = get_type_hints(kind)
            self._fields[kind] = [_Field(name, types[name], name not in kind._field_defaults) for name in kind._fields]
        return self._fields[kind]

    def _value(self, declared: Any, value: Any) -> Any:
        if declared in _SCALARS:
            return _scalar(declared, value, "")
        origin = getattr(declared, "__origin__", None)
        if origin is Union:  # Optional[...]
            return self._optional(declared.__args__[0], value)
        if origin is tuple:
            return self._list(declared.__args__, value)
        if declared in self._parts:
            return self._parts[declared]._read(declared, value)
        if hasattr(declared, "_fields"):
            return self._tuple(declared, value)
        if not isinstance(value, dict):
            raise _UnexpectedError("an object was expected")
        return value

    def _optional(self, declared: Any, value: Any) -> Any:
        if value is None:
            return None
        return _scalar(declared, value, ", or null") if declared in _SCALARS else self._value(declared, value)

    def _list(self, declared: Tuple[Any, ...], value: Any) -> Tuple[Any, ...]:
        if not isinstance(value, list):
            raise _UnexpectedError("a list was expected")
        found: List[Any] = []
        for each in value:
            try:
                found.append(self._value(declared[0], each))
            except _UnexpectedError as error:
                raise error.within("[{}]".format(len(found))) from None
        return tuple(found)


def _scalar(declared: Any, value: Any, or_null: str) -> Any:
    types, words = _SCALARS[declared]
    fits = isinstance(value, types) and (declared is bool or not isinstance(value, bool))
    if not fits or (declared in (int, float) and not -_LARGEST_NUMBER < value < _LARGEST_NUMBER):
        raise _UnexpectedError("{} was expected{}".format(words, or_null))
    return value


def _short(number: int) -> str:
    """A number for a message: Python refuses to write very long ones."""
    return str(number) if number < _LARGEST_NUMBER else "2^{}".format(number.bit_length() - 1)


def _printable(key: str) -> str:
    """A key for a message: JSON may hold halves of a character, which no terminal takes."""
    return key.encode("utf-8", "backslashreplace").decode("utf-8")

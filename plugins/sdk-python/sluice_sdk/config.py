"""Configuration: a dataclass, from JSON and back to a JSON Schema, and what can be wrong with it."""

import dataclasses
import json
import re
import types
import typing
from enum import Enum
from typing import Any, Dict, Iterable, List, Tuple, Union

from .failure import explain

Mistake = Union[str, Tuple[str, str]]


class Mistakes(ValueError):
    """What is wrong with a configuration: each mistake as a text, or as a pair of a key and a text.

    Raise it in `__post_init__` of the configuration to refuse it with everything that is wrong.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.lines = [_line(*mistake) if isinstance(mistake, tuple) else mistake for mistake in mistakes]
        super().__init__("; ".join(self.lines))


def _line(key: str, what: str) -> str:
    return f"{key}: {what}" if key else what


def parse(config: type, text: str) -> Any:
    """Reads a configuration. Raises `Mistakes` with all that is wrong, each with its key, such as `sources[0].root`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Mistakes([f"not a JSON document: {error}"]) from None
    mistakes: List[Mistake] = []
    parsed = _read(config, value, "", mistakes)
    if mistakes:
        raise Mistakes(mistakes)
    return parsed


# Stands for a value that could not be read; what is wrong has been noted.
_NOTHING = object()


def _read(kind: Any, value: Any, path: str, mistakes: List[Mistake]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)

    def wrong(wanted: str) -> Any:
        mistakes.append((path, f"must be {wanted}, and is {_shown(value)}"))
        return _NOTHING

    if kind is Any:
        return value
    if origin is typing.Annotated:
        return _read(arguments[0], value, path, mistakes)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value, path, mistakes)
    if origin is typing.Literal:
        fits = [one for one in arguments if type(one) is type(value) and one == value]
        return fits[0] if fits else wrong("one of " + ", ".join(json.dumps(one) for one in arguments))
    if dataclasses.is_dataclass(kind):
        return _read_table(kind, value, path, mistakes) if isinstance(value, dict) else wrong("a table of keys")
    if origin is list or kind is list:
        if not isinstance(value, list):
            return wrong("a list")
        inner = arguments[0] if arguments else Any
        return [_read(inner, item, f"{path}[{index}]", mistakes) for index, item in enumerate(value)]
    if origin is dict or kind is dict:
        if not isinstance(value, dict):
            return wrong("a table of keys")
        inner = arguments[1] if arguments else Any
        return {key: _read(inner, item, _join(path, key), mistakes) for key, item in value.items()}
    if kind is type(None):
        return value if value is None else wrong("null")
    if kind is bool:
        return value if isinstance(value, bool) else wrong("true or false")
    if kind is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else wrong("a whole number")
    if kind is float:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else wrong("a number")
    if kind is str:
        return value if isinstance(value, str) else wrong("a text")
    if kind is re.Pattern or origin is re.Pattern:
        if not isinstance(value, str):
            return wrong("a regular expression")
        try:
            return re.compile(value)
        except re.error as error:
            mistakes.append((path, f"{_shown(value)} is no regular expression: {error}"))
            return _NOTHING
    if isinstance(kind, type) and issubclass(kind, Enum):
        fits = [one for one in kind if one.value == value]
        return fits[0] if fits else wrong("one of " + ", ".join(json.dumps(one.value) for one in kind))
    raise TypeError(f"{path or 'the configuration'}: {kind!r} cannot be configured")


def _read_union(kinds: Tuple[Any, ...], value: Any, path: str, mistakes: List[Mistake]) -> Any:
    best: List[Mistake] = []
    for kind in kinds:
        if (value is None) != (kind is type(None)):
            continue
        said: List[Mistake] = []
        parsed = _read(kind, value, path, said)
        if not said:
            return parsed
        # The one that was understood deepest is most likely the one that was meant.
        if not best or _depth(said) > _depth(best):
            best = said
    mistakes.extend(best or [(path, "must not be null")])
    return _NOTHING


def _depth(mistakes: List[Mistake]) -> int:
    return max(len(mistake[0]) for mistake in mistakes)


def _read_table(kind: Any, value: Dict[str, Any], path: str, mistakes: List[Mistake]) -> Any:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    before = len(mistakes)
    for key in value:
        if key not in fields:
            mistakes.append((_join(path, key), "there is no such key"))
    read = {}
    for name, field in fields.items():
        if name in value:
            read[name] = _read(hints[name], value[name], _join(path, name), mistakes)
        elif not _has_default(field):
            mistakes.append((_join(path, name), "is missing"))
    if len(mistakes) > before:
        return _NOTHING
    try:
        return kind(**read)
    except Mistakes as said:
        mistakes.extend(_below(path, line) for line in said.lines)
    except Exception as error:  # the author's own check, whatever it raises
        mistakes.append((path, str(error) if isinstance(error, ValueError) else explain(error)))
    return _NOTHING


def _below(path: str, line: str) -> str:
    return f"{path}.{line}" if path else line


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _has_default(field: Any) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def schema(config: Any) -> Dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a configuration. Tables are closed, as `parse` has it."""
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**root, **_schema(config)}


def _schema(kind: Any) -> Dict[str, Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {}
    if origin is typing.Annotated:
        texts = [note for note in arguments[1:] if isinstance(note, str)]
        return {**_schema(arguments[0]), **({"description": texts[0]} if texts else {})}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(one) for one in arguments]}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if dataclasses.is_dataclass(kind):
        return _table_schema(kind)
    if origin is list or kind is list:
        return {"type": "array", "items": _schema(arguments[0] if arguments else Any)}
    if origin is dict or kind is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1] if arguments else Any)}
    simple = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    if kind in simple:
        return {"type": simple[kind]}
    if kind is re.Pattern or origin is re.Pattern:
        return {"type": "string", "format": "regex"}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [one.value for one in kind]}
    raise TypeError(f"{kind!r} cannot be configured; use bool, int, float, str, re.Pattern, list, dict, Literal, an Enum, "
                    "a dataclass, or an optional one of these")


def _table_schema(kind: Any) -> Dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = [field for field in dataclasses.fields(kind) if field.init]
    properties = {}
    for field in fields:
        properties[field.name] = _schema(hints[field.name])
        if field.default is not dataclasses.MISSING and _is_json(field.default):
            properties[field.name]["default"] = field.default
    table: Dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [field.name for field in fields if not _has_default(field)]
    if required:
        table["required"] = required
    # A dataclass without a text of its own is given its signature for one.
    if kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}("):
        table["description"] = " ".join(kind.__doc__.split())
    return table


def _is_json(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float, str)

"""Judges a schema in the ``parameters`` of a Gemini function declaration."""

from __future__ import annotations

import re

from tests.fakes.gemini_shapes import Schema
from tests.fakes.refusal import Refusal

_FORMATS = {
    "STRING": ("enum", "date-time"),
    "NUMBER": ("float", "double"),
    "INTEGER": ("int32", "int64", "enum"),
}
_PROPERTY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")


def check_parameters(schema: Schema, path: str) -> None:
    """Refuse what Gemini refuses in a schema whose fields are known.

    Raises:
        Refusal: the root is no object, an object is empty, an array has no items, an unknown format, …
    """
    if schema.type not in ("OBJECT", None):
        raise _bad(path, "functions parameters schema should be of type OBJECT.")
    # At the root, recorded traffic shows an empty object accepted; nested ones are refused (SCHEMA-09).
    _check(schema, path, root=True)


def _check(schema: Schema, path: str, *, root: bool = False) -> None:
    if not root and schema.type == "OBJECT" and schema.properties is not None and not schema.properties:
        raise _bad(f"{path}.properties", "should be non-empty for OBJECT type")
    if schema.type == "ARRAY" and schema.items is None:
        raise _bad(f"{path}.items", "missing field.")
    if schema.type in _FORMATS and schema.format and schema.format not in _FORMATS[schema.type]:
        allowed = "' and '".join(_FORMATS[schema.type])
        raise _bad(f"{path}.format", f"only '{allowed}' are supported for {schema.type} type")
    for index, value in enumerate(schema.enum or []):
        if not value:
            raise _bad(f"{path}.enum[{index}]", "cannot be empty")
    for index, name in enumerate(schema.required or []):
        if name not in (schema.properties or {}):
            raise _bad(f"{path}.required[{index}]", "property is not defined")
    for name, part in (schema.properties or {}).items():
        if not _PROPERTY.fullmatch(name):
            raise _bad(f"{path}.properties[{name}]", "invalid property name")
        _check(part, f"{path}.properties[{name}]")
    for index, part in enumerate(schema.any_of or []):
        _check(part, f"{path}.any_of[{index}]")
    if schema.items is not None:
        _check(schema.items, f"{path}.items")


def _bad(path: str, text: str) -> Refusal:
    return Refusal(f"* GenerateContentRequest.{path}: {text}\n")

"""JSON text to values and back, with number literals and key order kept.

What a server sends must go back as it came: `1.0`, `1e5` and `-0` keep their spelling, integers their digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring  # type: ignore[attr-defined, unused-ignore]  # the stubs leave it out
from typing import Any, Final, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object. Its values are checked where they are read."""

_write_string: Final[Callable[[str], str]] = encode_basestring


class NumberLiteral(float):
    """A float that remembers how it was written."""

    literal: str

    def __new__(cls, literal: str) -> NumberLiteral:
        """Read a JSON number."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number


def loads(text: str | bytes) -> Any:
    """Read one JSON value.

    Raises:
        ValueError: not JSON (NaN and Infinity included), or nested too deeply to read.
    """
    try:
        return json.loads(text, parse_float=NumberLiteral, parse_int=_integer, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: object) -> str:
    """Write a value as compact JSON, non-ASCII characters as they are.

    Raises:
        TypeError: the value, or something in it, has no JSON form.
        ValueError: a float is not finite, or the value is nested too deeply (or within itself).
    """
    pieces: list[str] = []
    try:
        _write(value, pieces.append)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return "".join(pieces)


def dump_bytes(value: object) -> bytes:
    """Write a value as UTF-8 JSON; half surrogate pairs, which UTF-8 has no form for, become ``\\uXXXX`` escapes.

    Raises:
        TypeError: as ``dumps``.
        ValueError: as ``dumps``.
    """
    # Surrogates can stand only inside strings, where Python's own escape for them is also JSON's.
    return dumps(value).encode("utf-8", errors="backslashreplace")


def _integer(literal: str) -> int | NumberLiteral:
    return NumberLiteral(literal) if literal == "-0" else int(literal)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _write(value: object, write: Callable[[str], None]) -> None:
    match value:
        case None:
            write("null")
        case bool():
            write("true" if value else "false")
        case str():
            write(_write_string(value))
        case NumberLiteral():
            write(value.literal)
        case int():
            write(int.__repr__(value))
        case float():
            write(_float(value))
        case Mapping():
            _write_object(value, write)
        case list() | tuple():
            _write_array(value, write)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")


def _float(value: float) -> str:
    text = float.__repr__(value)
    if text in {"nan", "inf", "-inf"}:
        raise ValueError(f"{text} is not JSON")
    return text


def _write_object(value: Mapping[Any, object], write: Callable[[str], None]) -> None:
    separator = "{"
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a key of type {type(key).__name__} has no JSON form")
        write(separator)
        write(_write_string(key))
        write(":")
        _write(item, write)
        separator = ","
    write("{}" if separator == "{" else "}")


def _write_array(value: list[object] | tuple[object, ...], write: Callable[[str], None]) -> None:
    separator = "["
    for item in value:
        write(separator)
        _write(item, write)
        separator = ","
    write("[]" if separator == "[" else "]")

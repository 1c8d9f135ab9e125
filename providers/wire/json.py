"""JSON that loses nothing: number literals, big integers, key order and lone surrogates survive a round trip."""

import json
from collections.abc import Callable
from typing import cast

import msgspec

from providers.spec.errors import RequestTooLargeError
from providers.spec.values import Json, JsonObject


class FloatLiteral(float):
    """A number that remembers how it was written: ``1.0``, ``1e5`` and ``0.10`` are written back like that."""

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> "FloatLiteral":
        """Takes the JSON number literal."""
        number = float.__new__(cls, literal)
        number.literal = literal
        return number


class JsonError(ValueError):
    """The text is not JSON."""


def _literal(value: object) -> object:
    if isinstance(value, FloatLiteral):
        return msgspec.Raw(value.literal.encode())
    raise TypeError(f"{type(value).__name__} is not JSON")


_decode: Callable[[bytes | str], Json] = msgspec.json.Decoder(float_hook=FloatLiteral).decode
_encoder = msgspec.json.Encoder(enc_hook=_literal)


def loads(data: bytes | str) -> Json:
    """Decode one JSON value.

    Raises JsonError for anything that is not JSON, nesting deeper than the interpreter can follow included.
    """
    try:
        # msgspec reads -0 as the integer 0; the slow path keeps it.
        if ("-0" in data) if isinstance(data, str) else (b"-0" in data):
            return _loads_slowly(data)
        return _decode(data)
    except RecursionError:
        raise JsonError("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        try:
            return _loads_slowly(data)
        except (ValueError, RecursionError):
            raise JsonError(str(error)) from None
    except ValueError as error:
        # The slow path, taken for `-0`, has an error of its own.
        raise JsonError(str(error)) from None


def _loads_slowly(data: bytes | str) -> Json:
    """The standard decoder, for what the fast one refuses: lone surrogates in strings (a cut emoji), and ``-0``."""
    text = data.decode() if isinstance(data, bytes) else data
    value = json.loads(text, parse_float=FloatLiteral, parse_int=_integer, parse_constant=_refuse_constant)
    return cast(Json, value)


def _integer(literal: str) -> int | float:
    return FloatLiteral(literal) if literal == "-0" else int(literal)


def _refuse_constant(name: str) -> None:
    raise JsonError(f"{name} is not JSON")


def dumps(value: Json) -> bytes:
    """Encode as compact UTF-8 JSON, number literals as they were read."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form; escaped it is still what it was.
        return json.dumps(_plain(value), separators=(",", ":")).encode()


def written_once(value: Json) -> Json:
    """A value that ``dumps`` writes as quickly as its bytes can be copied. Nobody can look into it."""
    return cast(Json, msgspec.Raw(dumps(value)))


def dumps_text(value: Json) -> str:
    """Like ``dumps``, as text: for arguments carried inside a JSON string."""
    return dumps(value).decode()


def _plain(value: "Json | msgspec.Raw") -> Json:
    """The same value for the standard encoder, which knows no literals: only met beside lone surrogates."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, msgspec.Raw):
        return _plain(loads(bytes(value)))
    return float(value) if isinstance(value, FloatLiteral) else value


def loads_object(data: bytes | str) -> JsonObject:
    """Decode a JSON object. Raises JsonError for anything else."""
    value = loads(data)
    if not isinstance(value, dict):
        raise JsonError(f"expected a JSON object, got {type_name(value)}")
    return value


def type_name(value: Json) -> str:
    """JSON's own word for the type of a value, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"


def check_depth(value: Json, limit: int) -> None:
    """Raise RequestTooLargeError where arrays and objects are nested more than ``limit`` deep."""
    level: list[Json] = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise RequestTooLargeError(f"the body is nested deeper than {limit} levels")

"""Compiled readers of bodies in one closed spelling; what is spelled otherwise is left to the codecs."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from providers.spec.values import JsonObject
from providers.wire.json import FloatLiteral, JsonError, loads_object

Shape = TypeVar("Shape", bound=msgspec.Struct)

negative_zero: Final = re.compile(rb"-0(?<=[:,\[\s]-0)(?![.eE\d])").search
"""Finds an integer for a compiled reader that is none for ``providers.wire.json``.

Begins with what is searched for fastest, and faster than by ``in``.
"""


def plain_reader(shape: type[Shape]) -> Callable[[bytes], Shape | None]:
    """What reads a body as ``shape``, numbers as ``providers.wire.json`` has them; ``None`` where it does not fit.

    ``shape`` is closed: each of its structs forbids unknown members. What is given never raises.
    """
    read = blind_reader(shape)
    return lambda raw: None if negative_zero(raw) else read(raw)


def blind_reader(shape: type[Shape]) -> Callable[[bytes], Shape | None]:
    """The same, but a negative zero is read as 0: for whoever knows where there is none, or that it says the same."""
    decode = msgspec.json.Decoder(shape, float_hook=FloatLiteral).decode

    def read(raw: bytes) -> Shape | None:
        try:
            return decode(raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None

    return read


def object_in(raw: msgspec.Raw) -> JsonObject | None:
    """The object that a compiled reader has passed over; ``None`` where it is none that can be read by itself.

    Not beyond ASCII: whether it is UTF-8 was not looked at.
    """
    text = bytes(raw)
    if not (text.startswith(b"{") and text.isascii()):
        return None
    try:
        return loads_object(text)
    except JsonError:
        # An integer of thousands of digits: its own reader says what is wrong with it.
        return None

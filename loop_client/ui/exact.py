"""Keeps the text of values that a browser would change: JavaScript numbers are 64-bit floats (ARGS-10)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from loop_client.jsontext import NumberLiteral, dumps, loads

NAMESPACE: Final = "loopClient"
"""Our key in the ``providerMetadata`` of a part, which the AI SDK hands back untouched."""

_LARGEST_SAFE_INTEGER: Final = 2**53 - 1


def survives(value: object) -> bool:
    """Whether every number in a JSON value comes back from JavaScript with the same worth."""
    match value:
        case bool() | None | str():
            return True
        case NumberLiteral():
            return Decimal(value.literal) == Decimal(repr(float(value)))
        case int():
            return abs(value) <= _LARGEST_SAFE_INTEGER
        case Mapping():
            return all(survives(item) for item in value.values())
        case list() | tuple():
            return all(survives(item) for item in value)
        case _:
            return True


def carried(text: str, value: object) -> dict[str, str]:
    """What goes along with a value so that its text can be had back; nothing where the value says it all.

    Spacing counts, too: a history that differs from what the model wrote misses the provider's prompt cache (ARGS-12).
    """
    return {} if dumps(value) == text and survives(value) else {"text": text}


def exact_text(value: Any, carried_text: str | None) -> str:
    """The JSON text of a value that a browser sent: the one that went along with it, if it still says the same."""
    if carried_text is not None:
        try:
            original = loads(carried_text)
        except ValueError:
            return dumps(value)
        if _rounded(original) == _rounded(value):
            return carried_text
    return dumps(value)


def _rounded(value: Any) -> Any:
    """A value as JavaScript sees it, fit for comparison."""
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return _as_float(value)
        case Mapping():
            return {key: _rounded(item) for key, item in value.items()}
        case list():
            return [_rounded(item) for item in value]
        case _:
            return value


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")

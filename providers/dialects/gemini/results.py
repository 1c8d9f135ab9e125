"""What a tool came to, between Google's ``response`` object and text.

Google: "use the keys output and error for the result and for failures; where there is neither, the whole object is
taken for the output" (https://ai.google.dev/api/caching#FunctionResponse). Text is sent as text and never as the JSON
it may hold, because Gemini 3 resolves ``$ref`` in a response as a reference to its media (HIST-13).
"""

import msgspec

from providers.spec.parts import Outcome
from providers.spec.values import JsonObject
from providers.wire.json import JsonError, dumps_text, loads, loads_object

_KEYS = ("output", "error")


class Output(msgspec.Struct, frozen=True):
    """A response object as text."""

    outcome: Outcome
    text: str
    shape: str
    """How the object said it: ``output:text``, ``error:json``, … or ``object``."""


def read_output(response: JsonObject) -> Output:
    """The text of a response, and whether it is a failure."""
    if len(response) == 1:
        key, value = next(iter(response.items()))
        if key in _KEYS:
            outcome: Outcome = "error" if key == "error" else "ok"
            if isinstance(value, str):
                return Output(outcome, value, f"{key}:text")
            return Output(outcome, dumps_text(value), f"{key}:json")
    failed = "output" not in response and response.get("error") not in (None, "", False)
    return Output("error" if failed else "ok", dumps_text(response), "object")


def shaped_output(text: str, shape: str) -> JsonObject | None:
    """The response object that reads as ``text`` in this shape; ``None`` where it cannot."""
    key, _, form = shape.partition(":")
    try:
        if shape == "object":
            return loads_object(text)
        return {key: text if form == "text" else loads(text)}
    except JsonError:
        return None


def plain_output(text: str, outcome: Outcome) -> JsonObject:
    """A result of another dialect (HIST-12, HIST-22)."""
    return {"output": text} if outcome == "ok" else {"error": text}

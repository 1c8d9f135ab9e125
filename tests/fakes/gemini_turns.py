"""Judges the order of contents and parts of a Gemini request."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass

from tests.fakes.gemini_shapes import Content, FunctionCall, FunctionResponse, Part
from tests.fakes.refusal import Refusal
from tests.fakes.scenario import canonical
from tests.fakes.signatures import is_genuine

SECRET = "gemini"
"""Key of the fake's own thought signatures."""

_DUMMIES = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
DUMMY_SIGNATURES = frozenset(_DUMMIES) | {base64.b64encode(dummy.encode()).decode() for dummy in _DUMMIES}
"""What Google documents for calls that have no signature: as such, or as the bytes field's base64."""

_COUNTS = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
_ORDER = "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
_RESPONSE_ORDER = "Please ensure that function response turn comes immediately after a function call turn."
_DATA = (
    "text",
    "inline_data",
    "file_data",
    "function_call",
    "function_response",
    "executable_code",
    "code_execution_result",
    "tool_call",
    "tool_response",
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Neighbouring contents of one role."""

    at: int
    """Index of the first content."""
    role: str
    parts: list[Part]

    @property
    def calls(self) -> list[FunctionCall]:
        """Its function calls."""
        return [part.function_call for part in self.parts if part.function_call is not None]

    @property
    def responses(self) -> list[FunctionResponse]:
        """Its function responses."""
        return [part.function_response for part in self.parts if part.function_response is not None]


def turns_of(contents: list[Content]) -> list[Turn]:
    """The contents with neighbours of one role joined."""
    turns: list[Turn] = []
    for index, content in enumerate(contents):
        role = content.role or "user"
        if turns and turns[-1].role == role:
            turns[-1].parts.extend(content.parts or [])
        else:
            turns.append(Turn(index, role, list(content.parts or [])))
    return turns


def signed_text(call: FunctionCall | None) -> str:
    """What a thought signature is made over: a call's name and arguments; nothing for other parts."""
    return "" if call is None else f"{call.name}({canonical(call.args or {})})"


def check_turns(contents: list[Content], *, signed: bool, genuine: bool) -> None:
    """Refuse what Gemini refuses in the order of contents and parts.

    Args:
        contents: the contents of the request.
        signed: whether the model wants its thought signatures back.
        genuine: whether the signatures must be this fake's own.

    Raises:
        Refusal: a wrong role or start, an empty part, calls and responses that do not pair, a signature that is
            missing, damaged or on the wrong part.
    """
    _check_parts(contents)
    turns = turns_of(contents)
    if turns[0].role != "user" or turns[0].responses:
        raise Refusal(_RESPONSE_ORDER if turns[0].responses else _ORDER)
    for before, turn in zip(turns, [*turns[1:], None], strict=True):
        _check_pair(before, turn)
    if genuine:
        _check_genuine(turns)
    if signed:
        _check_signed(turns)


def _check_parts(contents: list[Content]) -> None:
    for index, content in enumerate(contents):
        if content.role not in (None, "user", "model"):
            raise Refusal("Please use a valid role: user, model.")
        if not content.parts and content.role != "model":
            raise Refusal(f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.\n")
        for position, part in enumerate(content.parts or []):
            _check_part(f"contents[{index}].parts[{position}]", content, part)


def _check_part(path: str, content: Content, part: Part) -> None:
    data = [name for name in _DATA if getattr(part, name) is not None]
    if len(data) != 1:
        text = "required oneof field 'data' must have one initialized field"
        raise Refusal(f"* GenerateContentRequest.{path}.data: {text}\n")
    call, response = part.function_call, part.function_response
    if call is not None and not call.name:
        raise Refusal(f"* GenerateContentRequest.{path}.function_call.name: Name cannot be empty.\n")
    if response is not None:
        _check_response(path, response)
        if any(sibling.inline_data or sibling.file_data for sibling in content.parts or []):
            raise Refusal(_COUNTS)
    if part.thought_signature is not None:
        _check_base64(f"{path}.thought_signature", part.thought_signature)


def _check_response(path: str, response: FunctionResponse) -> None:
    if not response.name:
        raise Refusal(f"* GenerateContentRequest.{path}.function_response.name: Name cannot be empty.\n")
    if response.response is None and not response.parts:
        raise Refusal(f"* GenerateContentRequest.{path}.function_response.response: missing field.\n")
    if _has_reference(response.response):
        raise Refusal(f"Invalid function response for `{response.name}`: `$ref` does not name a part of the response.")


def _has_reference(value: object) -> bool:
    """``{"$ref": …}`` in a response is taken for a reference to its media."""
    if isinstance(value, dict):
        return "$ref" in value or any(map(_has_reference, value.values()))
    return isinstance(value, list) and any(map(_has_reference, value))


def _check_base64(path: str, signature: str) -> None:
    try:
        base64.b64decode(signature.replace("-", "+").replace("_", "/") + "=" * (-len(signature) % 4), validate=True)
    except binascii.Error:
        raise Refusal(f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed") from None


def _check_pair(asking: Turn, answering: Turn | None) -> None:
    """A turn with calls, or without, and what comes after it."""
    responses = answering.responses if answering is not None else []
    if asking.role != "model" or not asking.calls:
        if responses:
            raise Refusal(_RESPONSE_ORDER)
        return
    if len(responses) != len(asking.calls):
        raise Refusal(_COUNTS)
    names = {call.id: call.name for call in asking.calls if call.id}
    for response in responses:
        if response.id and names and names.get(response.id) != response.name:
            text = "does not match the name of the function call"
            raise Refusal(f"Function response `{response.name}` with id `{response.id}` {text}.")
    if Counter(call.name for call in asking.calls) != Counter(response.name for response in responses):
        raise Refusal("The names of the function responses do not match those of the function calls.")


# --- thought signatures


def _check_genuine(turns: list[Turn]) -> None:
    for turn in turns:
        for part in turn.parts:
            signature = part.thought_signature
            if signature is None or signature in DUMMY_SIGNATURES:
                continue
            if not is_genuine(SECRET, signature, signed_text(part.function_call)):
                raise Refusal("Corrupted thought signature.")


def _check_signed(turns: list[Turn]) -> None:
    """In the current turn, back to the user's last own words, the first call of each step must be signed."""
    for position, turn in reversed(list(enumerate(turns))):
        if turn.role == "user" and not turn.responses:
            return
        first = next((part for part in turn.parts if part.function_call is not None), None)
        if turn.role != "model" or first is None or first.function_call is None or first.thought_signature:
            continue
        raise Refusal(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
            "correctly, and missing thought_signature may lead to degraded model performance. Additional data, "
            f"function call `default_api:{first.function_call.name}` , position {position + 1}. Please refer to "
            "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
        )

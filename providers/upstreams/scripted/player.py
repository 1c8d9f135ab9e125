"""Which turn of a script a request is answered with, and what that turn comes to."""

import msgspec

from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.request import Request
from providers.spec.response import Candidate, Finish, Response, Usage
from providers.upstreams.scripted.references import (
    MissingReferenceError,
    Result,
    filled,
    filled_text,
    results_of,
)
from providers.upstreams.scripted.script import Script, ScriptedCall, ScriptedError, Turn
from providers.wire.ids import base62_digest
from providers.wire.json import dumps_text

_CHARACTERS_PER_TOKEN = 4


class Performance(msgspec.Struct, frozen=True):
    """A turn made concrete for one request."""

    turn: Turn
    response: Response


class PlayError(Exception):
    """The request cannot be answered from the script; ``error`` is what the provider says."""

    def __init__(self, error: ScriptedError) -> None:
        super().__init__(error.message)
        self.error = error


def perform(script: Script, request: Request) -> Performance:
    """The answer to this request: the script's turn number equals the assistant messages in the history.

    The same request always gets the same answer. Raises PlayError where the script has no such model or turn, where
    the turn is an error, or where a reference finds nothing.
    """
    turns = script.turns_of(request.model)
    if turns is None:
        raise _refused(404, f"the script has no model {request.model!r}", "not_found_error")
    number = sum(message.role == "assistant" for message in request.messages)
    if number >= len(turns):
        raise _refused(
            400, f"the script of {request.model!r} has {len(turns)} turns; the request asks for turn {number + 1}"
        )
    turn = turns[number]
    if turn.error is not None:
        raise PlayError(turn.error)
    try:
        parts = _parts(turn, request, number)
    except MissingReferenceError as error:
        raise _refused(400, f"turn {number + 1} of the script: {error.args[0]}") from None
    return Performance(turn, _response(turn, request, number, parts))


def _refused(status: int, message: str, kind: str = "invalid_request_error") -> PlayError:
    return PlayError(ScriptedError(status=status, message=message, type=kind))


def _parts(turn: Turn, request: Request, number: int) -> tuple[Part, ...]:
    results = results_of(request.messages)
    parts: list[Part] = []
    if turn.reasoning:
        parts.append(ReasoningPart(text=turn.reasoning))
    if turn.text:
        parts.append(TextPart(text=filled_text(turn.text, results)))
    for index, call in enumerate(turn.tool_calls):
        part = _call(call, results, f"{request.model}/{number}/{index}")
        if part is not None:
            parts.append(part)
    return tuple(parts)


def _call(call: ScriptedCall, results: list[Result], place: str) -> ToolCallPart | None:
    try:
        arguments = filled(call.arguments, results) if isinstance(call.arguments, dict) else call.arguments
    except MissingReferenceError:
        if call.missing == "skip":
            return None
        raise
    text = arguments if isinstance(arguments, str) else dumps_text(arguments)
    return ToolCallPart(id="call_" + base62_digest(place, 20), name=call.name, arguments=text)


def _response(turn: Turn, request: Request, number: int, parts: tuple[Part, ...]) -> Response:
    reason = turn.finish or ("tool_calls" if any(isinstance(part, ToolCallPart) for part in parts) else "stop")
    return Response(
        id=f"chatcmpl-scripted-{number + 1}",
        model=request.model,
        created=0,
        candidates=(Candidate(parts=parts, finish=Finish(reason=reason)),),
        usage=_usage(turn, request, parts),
    )


def _usage(turn: Turn, request: Request, parts: tuple[Part, ...]) -> Usage:
    if turn.usage is not None:
        read, written = turn.usage.input_tokens, turn.usage.output_tokens
    else:
        read = sum(_tokens(part) for message in request.messages for part in message.parts)
        written = sum(_tokens(part) for part in parts)
    return Usage(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _tokens(part: Part) -> int:
    """A rough count that depends on the text alone; pictures and the like count as one."""
    match part:
        case TextPart() | ReasoningPart() | RefusalPart():
            return _rounded_up(len(part.text))
        case ToolCallPart():
            return _rounded_up(len(part.name) + len(part.arguments))
        case ToolResultPart():
            return sum(_tokens(item) for item in part.content)
        case MediaPart() | OpaquePart():
            return 1


def _rounded_up(characters: int) -> int:
    return -(-characters // _CHARACTERS_PER_TOKEN)

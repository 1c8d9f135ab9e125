"""Answers of any dialect written for clients of Gemini."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from providers.dialects.gemini import DIALECT
from providers.spec.errors import ProviderError
from providers.spec.events import (
    CandidateEnd,
    PartDelta,
    PartEnd,
    PartStart,
    PartUpdate,
    ResponseStart,
    StreamEnd,
    StreamError,
    StreamEvent,
    UsageUpdate,
)
from providers.spec.fold import unfold
from providers.spec.parts import Origin, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.response import Candidate, Finish, Response, Usage
from providers.wire.json import loads_object
from tests.dialects.gemini_support import CONTEXT, NAME, ORIGIN, decoded, encoded, read

FOREIGN = State(
    kind="signature",
    value="c2VhbGVk+/==",
    origin=Origin(dialect="anthropic-messages", provider="anthropic", model="m", scope="s"),
)


def foreign_answer() -> Response:
    parts = (
        ReasoningPart(text="why so", state=FOREIGN),
        ReasoningPart(redacted=True, state=FOREIGN),
        TextPart(text="well", state=FOREIGN),
        ToolCallPart(id="toolu_1", name="f", arguments='{"b":1.0,"a":2}', state=FOREIGN),
        ToolCallPart(id="c2", name="g", arguments="raw text", kind="custom"),
    )
    finish = Finish(reason="tool_calls", raw="tool_use")
    usage = Usage(input_tokens=3, output_tokens=4)
    return Response(id="m1", model="claude", candidates=(Candidate(parts=parts, finish=finish),), usage=usage)


def late_signed_events() -> list[StreamEvent]:
    """The same answer as a provider streams it whose signatures come late, and whose usage comes last."""
    events: list[StreamEvent] = [ResponseStart(id="m1", model="claude")]
    for index, part in enumerate(foreign_answer().candidates[0].parts):
        state = part.state
        text: str = part.arguments if isinstance(part, ToolCallPart) else getattr(part, "text", "")
        bare = part
        if not getattr(part, "redacted", False) and not isinstance(part, ToolCallPart):
            bare = type(part)(text="")  # type: ignore[call-arg]
        elif isinstance(part, ToolCallPart):
            bare = ToolCallPart(id=part.id, name=part.name, arguments="", kind=part.kind)
        events.append(PartStart(index=index, part=bare))
        events += [PartDelta(index=index, text=text[at : at + 2]) for at in range(0, len(text), 2)]
        if state is not None and bare.state is None:
            events.append(PartUpdate(index=index, state=state))
        events.append(PartEnd(index=index))
    end = CandidateEnd(finish=Finish(reason="tool_calls", raw="tool_use"))
    return [*events, end, UsageUpdate(usage=Usage(input_tokens=3, output_tokens=4)), StreamEnd()]


def written_parts(stream: bytes) -> list[Any]:
    """All parts of all chunks, as an application collects them."""
    parts: list[Any] = []
    for line in stream.decode().splitlines():
        if line.startswith("data: "):
            chunk: Any = loads_object(line[6:])
            for candidate in chunk.get("candidates", []):
                parts += candidate["content"]["parts"]
    return parts


def reencoded(signature: str) -> str:
    """As the official client writes the bytes back: base64 of the other alphabet."""
    return base64.urlsafe_b64encode(base64.b64decode(signature)).decode()


@pytest.mark.parametrize("mode", ["plain", "unfolded", "late"])
def test_foreign_state_comes_back_from_a_client_whole(mode: str) -> None:
    """REASON-08, REASON-11: state of another provider rides on thoughtSignature, sealed, and returns to its part."""
    if mode == "plain":
        body: Any = DIALECT.encode_response(foreign_answer(), CONTEXT)
        parts = body["candidates"][0]["content"]["parts"]
    else:
        events = late_signed_events() if mode == "late" else list(unfold(foreign_answer()))
        parts = written_parts(encoded(events))
    for part in parts:
        if "thoughtSignature" in part:
            assert FOREIGN.value not in base64.b64decode(part["thoughtSignature"]).decode()
            part["thoughtSignature"] = reencoded(part["thoughtSignature"])
    history: Any = {"contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": parts}]}
    read_back = [
        part
        for part in DIALECT.decode_request(history).messages[1].parts
        if getattr(part, "text", None) != "" or part.state
    ]
    reasoning, redacted, text, call, custom = read_back
    assert isinstance(reasoning, ReasoningPart)
    assert (reasoning.text, reasoning.kind) == ("why so", "text")
    assert isinstance(redacted, ReasoningPart)
    assert redacted.redacted
    assert isinstance(text, TextPart)
    assert text.text == "well"
    assert [part.state for part in (reasoning, redacted, text, call)] == [FOREIGN] * 4
    assert isinstance(call, ToolCallPart)
    assert (call.id, call.arguments) == ("toolu_1", '{"b":1.0,"a":2}')
    assert isinstance(custom, ToolCallPart)
    assert custom.arguments == '{"input":"raw text"}'


def test_an_envelope_counts_only_from_a_client() -> None:
    """REASON-05: a provider that sends what looks like ours is not believed."""
    body: Any = DIALECT.encode_response(foreign_answer(), CONTEXT)
    assert all(part.state is None or part.state.origin == ORIGIN for part in read(body).candidates[0].parts)


@pytest.mark.parametrize("damage", ["router.", "router.v1.!!!", "router.v1.e30", "router.v2.x"])
def test_a_damaged_envelope_is_valid_nowhere(damage: str) -> None:
    """REASON-05."""
    part: Any = {"text": "x", "thoughtSignature": base64.b64encode(damage.encode()).decode()}
    request = DIALECT.decode_request({"contents": [{"role": "model", "parts": [part]}]})
    state = request.messages[0].parts[0].state
    assert state is not None
    assert state.origin.dialect not in {NAME, "anthropic-messages"}


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (Finish(reason="stop"), "STOP"),
        (Finish(reason="tool_calls"), "STOP"),
        (Finish(reason="length"), "MAX_TOKENS"),
        (Finish(reason="refusal", message="no"), "SAFETY"),
        (Finish(reason="malformed_tool_call"), "MALFORMED_FUNCTION_CALL"),
        (Finish(reason="pause"), "OTHER"),
        (Finish(reason="other"), "OTHER"),
    ],
)
def test_reasons_of_other_dialects_have_a_word_here(finish: Finish, word: str) -> None:
    """FINISH-02."""
    response = Response(candidates=(Candidate(parts=(TextPart(text="x"),), finish=finish),))
    plain: Any = DIALECT.encode_response(response, CONTEXT)
    last: Any = loads_object(encoded(unfold(response)).split(b"data: ")[-1])
    for body in (plain, last):
        assert body["candidates"][0]["finishReason"] == word
        assert body["candidates"][0].get("finishMessage") == finish.message
        assert (body["responseId"], body["modelVersion"]) == ("router-response", CONTEXT.model)


def test_a_broken_stream_ends_with_its_error_and_no_reason() -> None:
    """STREAM-14."""
    start: list[StreamEvent] = [ResponseStart(), PartStart(index=0, part=TextPart(text="a"))]
    stream = encoded([*start, StreamError(error=ProviderError("gone", status=503, type="overloaded_error"))])
    assert b"finishReason" not in stream
    error = decoded([stream])[-1]
    assert isinstance(error, StreamError)
    assert (error.error.status, error.error.message, error.error.type) == (503, "gone", "overloaded_error")

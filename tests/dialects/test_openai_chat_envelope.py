"""Opaque state through a stock chat client and back: echoed, lost, damaged, edited, and gone to another provider."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.dialects.openai_chat import DIALECT
from providers.spec.adjustments import Report
from providers.spec.events import (
    CandidateEnd,
    PartEnd,
    PartStart,
    PartUpdate,
    ResponseStart,
    StreamEnd,
    StreamEvent,
)
from providers.spec.fold import unfold
from providers.spec.parts import (
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    State,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.profile import Profile, Target
from providers.spec.request import Message, Request
from providers.spec.response import Candidate, Finish, Response
from providers.wire.json import dumps, loads_object
from providers.wire.state import seal
from tests.dialects.openai_chat_building import body_of
from tests.dialects.openai_chat_support import CONTEXT, encoded, sdk_completion
from tests.dialects.test_anthropic_messages_laws import without_forms

CLAUDE = Origin(dialect="anthropic-messages", provider="anthropic", model="claude-sonnet-4-5", scope="s1")
GOOGLE = Origin(dialect="google-generate-content", provider="google", model="gemini-3-pro-preview", scope="s1")
ROUTED = Origin(dialect="openai-chat", provider="openrouter", model="openai/gpt-5", scope="s1")


def sealed(value: str, origin: Origin = CLAUDE, kind: str = "signature") -> State:
    return State(kind=kind, value=value, origin=origin)


def call(call_id: str, **fields: Any) -> ToolCallPart:
    return ToolCallPart(**{"id": call_id, "name": "look", "arguments": '{"n": 1.0}', **fields})


SIGNED = sealed("GOOGLE-1", GOOGLE, "thought_signature")
TURNS: dict[str, tuple[Part, ...]] = {
    "thinking, then a call": (ReasoningPart(text="hm", state=sealed("S1")), call("a")),
    "thinking around text": (
        ReasoningPart(text="first", state=sealed("S1")),
        TextPart(text="héllo 😀 "),
        ReasoningPart(text="second", state=sealed("S2")),
        TextPart(text="world"),
    ),
    "thinking between calls": (
        ReasoningPart(text="first", state=sealed("S1")),
        TextPart(text="a"),
        call("a"),
        ReasoningPart(text="second", state=sealed("S2")),
        TextPart(text="b"),
        call("b"),
        TextPart(text="c"),
    ),
    "redacted and empty thinking": (
        ReasoningPart(redacted=True, state=sealed("DATA", kind="redacted")),
        ReasoningPart(text="", state=sealed("S2")),
        call("a"),
    ),
    "a summary": (ReasoningPart(text="hm", kind="summary", state=sealed("S1")), TextPart(text="x")),
    "signed calls": (TextPart(text="x"), call("a", state=SIGNED), call("b")),
    "a signed text": (TextPart(text="x", state=SIGNED),),
    "what the provider ran": (
        call("srv", executed_by="provider"),
        ToolResultPart(call_id="srv", content=(TextPart(text="found"),), executed_by="provider"),
        TextPart(text="x"),
        call("a"),
    ),
    "an opaque part": (OpaquePart(dialect="anthropic-messages", type="t", value={"n": [1, "x"]}), TextPart(text="x")),
    "nothing to seal": (ReasoningPart(text="hm"), TextPart(text="x"), call("a")),
}


def message_for(parts: tuple[Part, ...], *, streamed: bool) -> dict[str, Any]:
    """The assistant message as a stock client puts it back, of the plain answer or of its own accumulator."""
    reason = "tool_calls" if any(isinstance(part, ToolCallPart) for part in parts) else "stop"
    response = Response(id="m", candidates=(Candidate(parts=parts, finish=Finish(reason=reason)),))  # type: ignore[arg-type]
    if not streamed:
        plain: Any = loads_object(dumps(DIALECT.encode_response(response, CONTEXT)))
        return plain["choices"][0]["message"]  # type: ignore[no-any-return]  # an object
    message = sdk_completion(encoded(unfold(response)))["choices"][0]["message"]
    message.pop("parsed", None)
    for one in message.get("tool_calls") or []:
        one["function"].pop("parsed_arguments", None)
    return message  # type: ignore[no-any-return]  # an object


def read_back(*messages: dict[str, Any]) -> tuple[Message, ...]:
    body = body_of(messages=[{"role": "user", "content": "hi"}, *messages])
    return DIALECT.decode_request(loads_object(json.dumps(body))).messages[1:]


def said(parts: tuple[Part, ...]) -> Any:
    """The parts, neighbouring text of one kind joined, spelling aside."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, TextPart) and isinstance(last, TextPart) and part.state is last.state is None:
            joined[-1] = TextPart(text=last.text + part.text)
        else:
            joined.append(part)
    return without_forms(tuple(joined))


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("turn", TURNS)
def test_an_echoed_turn_is_the_turn_that_was_said(turn: str, streamed: bool) -> None:
    """REASON-06, REASON-08, REASON-11: parts, order and state, to the byte."""
    (message,) = read_back(message_for(TURNS[turn], streamed=streamed))
    assert said(message.parts) == said(TURNS[turn])


TEXTS = st.text(min_size=1, max_size=8)
STATES = st.none() | TEXTS.map(sealed)
PARTS = st.one_of(
    st.builds(lambda text, state: ReasoningPart(text=text, state=state), TEXTS, STATES),
    st.builds(lambda text, state: TextPart(text=text, state=state), TEXTS, STATES),
    st.builds(lambda state: call("a", state=state), STATES),
)


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(PARTS, min_size=1, max_size=6).map(tuple), streamed=st.booleans())
def test_any_turn_comes_back_with_all_its_state(parts: tuple[Part, ...], streamed: bool) -> None:
    """Every stamped state, once and in order; all text; every call. Unstamped parts may change places."""
    numbered = tuple(
        call(f"c{n}", state=part.state) if isinstance(part, ToolCallPart) else part for n, part in enumerate(parts)
    )
    (message,) = read_back(message_for(numbered, streamed=streamed))
    assert states_of(message.parts) == states_of(numbered)
    for kind in (TextPart, ReasoningPart):
        texts = ["".join(part.text for part in one if isinstance(part, kind)) for one in (message.parts, numbered)]
        assert texts[0] == texts[1]
    ids = [[part.id for part in one if isinstance(part, ToolCallPart)] for one in (message.parts, numbered)]
    assert ids[0] == ids[1]


def states_of(parts: tuple[Part, ...]) -> list[tuple[str, str]]:
    return [(type(part).__name__, part.state.value) for part in parts if part.state is not None]


# ---- clients that lose something


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_client_that_keeps_only_calls_keeps_what_stood_before_them(streamed: bool) -> None:
    """An application that builds ``{"role": "assistant", "tool_calls": message.tool_calls}``."""
    message = message_for(TURNS["thinking between calls"], streamed=streamed)
    (kept,) = read_back({"role": "assistant", "tool_calls": message["tool_calls"]})
    assert states_of(kept.parts) == [("ReasoningPart", "S1"), ("ReasoningPart", "S2")]


def stripped(message: dict[str, Any]) -> dict[str, Any]:
    calls = [{key: one[key] for key in ("id", "type", "function")} for one in message.get("tool_calls") or []]
    return {"role": "assistant", "content": message["content"], **({"tool_calls": calls} if calls else {})}


@pytest.mark.parametrize("turn", TURNS)
def test_a_client_that_keeps_none_of_it_still_has_its_text_and_calls(turn: str) -> None:
    """REASON-03."""
    (kept,) = read_back(stripped(message_for(TURNS[turn], streamed=False)))
    assert states_of(kept.parts) == []
    client = [part for part in TURNS[turn] if isinstance(part, ToolCallPart) and part.executed_by == "client"]
    assert [part.id for part in kept.parts if isinstance(part, ToolCallPart)] == [part.id for part in client]


DAMAGE = ["", "v1.", "v1.!!!", "v2.e30", "v1.e30", "v1.W3sidGV4dCI6IDk5OTl9XQ", 7, {"a": 1}, None, "v1.bm8", "v1.W10"]


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_envelope_counts_as_lost(damage: Any) -> None:
    message = message_for(TURNS["thinking, then a call"], streamed=False)
    message["tool_calls"][0]["extra_content"] = {"router": damage}
    (kept,) = read_back(message)
    assert states_of(kept.parts) == []
    assert [part.id for part in kept.parts if isinstance(part, ToolCallPart)] == ["a"]


@settings(max_examples=200, deadline=None)
@given(entries=st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["reasoning", "text", "at", "state", "part", "call", "late", "kind", "value", "redacted"]),
        inner, max_size=5,
    ),
    max_leaves=12,
))  # fmt: skip
def test_whatever_stands_in_an_envelope_gives_no_exception(entries: Any) -> None:
    listed = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    message = message_for(TURNS["thinking between calls"], streamed=False)
    message["tool_calls"][1]["extra_content"] = {"router": seal(listed)}
    (kept,) = read_back(message)
    assert "".join(part.text for part in kept.parts if isinstance(part, TextPart)) == "abc"


@pytest.mark.parametrize("edited", ["", "w", "something else entirely", "héllo 😀 world and more"])
def test_text_that_was_edited_keeps_its_wording_and_the_thinking_its_seal(edited: str) -> None:
    message = message_for(TURNS["thinking around text"], streamed=False)
    message["content"] = edited
    (kept,) = read_back(message)
    assert "".join(part.text for part in kept.parts if isinstance(part, TextPart)) == edited
    assert states_of(kept.parts) == [("ReasoningPart", "S1"), ("ReasoningPart", "S2")]


def test_thinking_that_was_edited_is_the_sealed_one() -> None:
    """REASON-10: a changed text under a seal is worse than none."""
    message = message_for(TURNS["thinking, then a call"], streamed=False)
    message["reasoning_content"] = "changed"
    (kept,) = read_back(message)
    assert said(kept.parts) == said(TURNS["thinking, then a call"])


# ---- where it goes


def sent_to(origin: Origin, *messages: dict[str, Any]) -> tuple[str, Report]:
    """The body for whoever has this origin, and what was reported."""
    report = Report()
    history = [{"role": "user", "content": "hi"}, *messages]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
    request: Request = DIALECT.decode_request(loads_object(json.dumps(body_of(messages=history, tools=tools))))
    where = Target(
        provider=origin.provider, model=origin.model, dialect=origin.dialect, scope=origin.scope, profile=Profile()
    )
    return dumps(DIALECTS[origin.dialect].encode_request(request, where, report).body).decode(), report


def answered(*ids: str) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": one, "content": "18"} for one in ids]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_state_goes_back_to_its_provider_and_to_no_other(streamed: bool) -> None:
    """REASON-05, REASON-16."""
    message = message_for(TURNS["thinking, then a call"], streamed=streamed)
    assert '"S1"' in sent_to(CLAUDE, message, *answered("a"))[0]
    others = [
        msgspec.structs.replace(CLAUDE, scope="s2"),
        msgspec.structs.replace(CLAUDE, provider="vertex"),
        msgspec.structs.replace(CLAUDE, model="claude-opus-4-5"),
        GOOGLE,
        ROUTED,
    ]
    for origin in others:
        text, report = sent_to(origin, message, *answered("a"))
        assert "S1" not in text
        assert report.adjustments


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_googles_signature_travels_by_googles_own_convention_too(streamed: bool) -> None:
    """REASON-02: a client that speaks to Google's front itself finds it where it expects it."""
    message = message_for(TURNS["signed calls"], streamed=streamed)
    (first, second) = message["tool_calls"]
    assert first["extra_content"]["google"] == {"thought_signature": "GOOGLE-1"}
    assert "google" not in second.get("extra_content", {})
    assert "GOOGLE-1" in sent_to(GOOGLE, message, *answered("a", "b"))[0]
    assert "GOOGLE-1" not in sent_to(CLAUDE, message, *answered("a", "b"))[0]


def test_a_state_that_came_after_its_call_was_sent_travels_on_the_message() -> None:
    events: list[StreamEvent] = [
        ResponseStart(id="c"),
        PartStart(index=0, part=call("a")),
        PartUpdate(index=0, state=SIGNED),
        PartEnd(index=0),
        CandidateEnd(finish=Finish(reason="tool_calls")),
        StreamEnd(),
    ]
    message = sdk_completion(encoded(events))["choices"][0]["message"]
    (kept,) = read_back(message)
    assert states_of(kept.parts) == [("ToolCallPart", "GOOGLE-1")]


# ---- the details of aggregators

DETAILS = [
    {"type": "reasoning.summary", "index": 0, "summary": "hm", "format": "openai-responses-v1"},
    {"type": "reasoning.encrypted", "index": 0, "data": "SEALED", "format": "openai-responses-v1"},
]


@pytest.mark.parametrize("details", [DETAILS, DETAILS[:1], [{"type": "reasoning.text", "text": "hm"}]])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_details_of_reasoning_come_back_unchanged(details: list[dict[str, Any]], streamed: bool) -> None:
    """REASON-12: also two of one index, which the official client's accumulator would join."""
    host_message = {"role": "assistant", "content": None, "reasoning": "hm", "reasoning_details": details}
    host_message["tool_calls"] = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}]
    body: Any = {"id": "c", "choices": [{"index": 0, "message": host_message, "finish_reason": "tool_calls"}]}
    response = DIALECT.decode_response(body, ROUTED)
    message = message_for(response.candidates[0].parts, streamed=streamed)
    text, _ = sent_to(ROUTED, message, *answered("a"))
    assert json.loads(text)["messages"][1]["reasoning_details"] == details

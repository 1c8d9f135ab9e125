"""A conversation that is read as plain turns leaves as the general encoder would have written it, and says as much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.dialects.anthropic_messages import history_encode as anthropic_general
from providers.dialects.anthropic_messages import plain_history as anthropic_plain
from providers.dialects.gemini import history_encode as gemini_general
from providers.dialects.gemini import plain_history as gemini_plain
from providers.spec.adjustments import Report
from providers.spec.errors import RouterError
from providers.spec.parts import Part, TextPart, ToolCallPart, ToolResultPart
from providers.spec.profile import Profile, Target
from providers.spec.request import Message
from providers.spec.values import Form
from providers.upstreams.catalog import builtin_profiles, builtin_rows
from providers.wire.json import dumps
from tests.dialects.openai_chat_support import request_body
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic

GENERAL: Any = {"anthropic-messages": anthropic_general, "google-generate-content": gemini_general}
PLAIN: Any = {"anthropic-messages": anthropic_plain, "google-generate-content": gemini_plain}


def target(provider: str, model: str) -> Target:
    row = builtin_rows()[provider]
    return Target(provider=provider, model=model, dialect=row.dialect, profile=builtin_profiles()[row.profile])


TARGETS = [
    target("anthropic", "claude-sonnet-4-5"),
    target("anthropic", "claude-opus-4-6"),
    target("google", "gemini-2.5-pro"),
    target("google", "gemini-3-pro-preview"),
    Target(provider="p", model="m", dialect="google-generate-content", profile=Profile(tool_call_id=r"(call_[0-9])?")),
]


def mostly(good: Any, odd: Any) -> st.SearchStrategy[Any]:
    """Odd enough to try every way out, and seldom enough that plain ones are tried."""
    return st.integers(0, 149).flatmap(lambda number: st.sampled_from(odd) if number == 0 else st.sampled_from(good))


TEXTS = mostly(["x", " y", "é\n", "\u2028z"], ["", " ", "\u2003\n"])
FORMS = mostly([None, Form(dialect="openai-chat")], [Form(dialect=dialect) for dialect in GENERAL])
EXTS: Any = mostly([{}], [{"openai-chat": {"cache_control": {"type": "ephemeral"}}}, {"openai-chat": {}}])
ARGUMENTS = mostly(
    ["{}", '{"a": 1.50, "b": [1e5, -0], "é": null}', '{"a":"\\ud83d","a":2}', ' {"n": 12345678901234567890123} '],
    ["", " ", "[]", "{", '{"a"'],
)


@st.composite
def texts(draw: Any, most: int = 2) -> tuple[TextPart, ...]:
    made = st.builds(TextPart, text=TEXTS, form=FORMS, ext=EXTS, annotations=mostly([()], [({"type": "x"},)]))
    return tuple(draw(st.lists(made, max_size=most)))


@st.composite
def conversations(draw: Any) -> tuple[Message, ...]:
    """Whole loops: mostly every call is answered, in any order, in one message or in some."""
    messages: list[Message] = []

    def say(role: Any, *parts: Part) -> None:
        messages.append(
            Message(role=role, parts=parts, form=draw(FORMS), ext=draw(EXTS), name=draw(mostly([None], ["n"])))
        )

    for _ in range(draw(st.integers(0, 2))):
        say(draw(st.sampled_from(["system", "developer"])), *draw(texts()))
    if draw(mostly([True], [False])):
        say("user", TextPart(text="q"))
    for number in range(draw(st.integers(0, 3))):
        for _ in range(draw(st.integers(0, 1))):
            say(draw(mostly(["user", "assistant"], ["system"])), *draw(texts()))
        ids = [draw(mostly([f"call_{number}{place}", f"call_{place}{number}"], ["", "a b", "call_gemini_" + "0" * 22]))
               for place in range(draw(st.integers(0, 3)))]  # fmt: skip
        calls = [
            ToolCallPart(
                id=each,
                name=draw(mostly(["look", "f"], ["a.b"])),
                arguments=draw(ARGUMENTS),
                kind=draw(mostly(["function"], ["custom"])),
                form=draw(FORMS),
            )
            for each in ids
        ]
        parts: list[Part] = [*draw(texts()), *calls]
        say("assistant", *draw(st.permutations(parts)))
        results: list[Part] = [
            ToolResultPart(
                call_id=draw(mostly([each], ["other"])),
                content=draw(texts()),
                name=draw(st.sampled_from([None, "look"])),
                outcome=draw(mostly(["ok"], ["error", "denied"])),
                form=draw(FORMS),
            )
            for each in draw(st.permutations(ids))
        ]
        if draw(st.booleans()):
            say("user", *results, *draw(texts()))
        else:
            for result in results:
                say("tool", result)
    if draw(st.booleans()):
        say(draw(mostly(["user"], ["assistant"])), *draw(texts()))
    return tuple(messages)


def check(messages: tuple[Message, ...], to: Target) -> bool:
    """That the two ways agree; whether there were two."""
    plain = PLAIN[to.dialect].plain_history(messages, to)
    if plain is None:
        return False
    report = Report()
    assert dumps_of(plain) == dumps_of(GENERAL[to.dialect].encode_history(messages, to, report))
    assert report.adjustments == []
    return True


def dumps_of(history: Any) -> Any:
    return [dumps(value) for value in (getattr(history, field) for field in history.__struct_fields__)]


@given(conversations(), st.sampled_from(TARGETS))
def test_plain_turns_are_what_the_general_encoder_writes(messages: tuple[Message, ...], to: Target) -> None:
    check(messages, to)


LOOP = (
    Message(role="system", parts=(TextPart(text="s"),)),
    Message(role="user", parts=(TextPart(text="q"),)),
    Message(
        role="assistant",
        parts=(
            TextPart(text="t"),
            ToolCallPart(id="call_1", name="look", arguments='{"a": 1.50}'),
            ToolCallPart(id="call_2", name="look", arguments=""),
        ),
    ),
    Message(role="tool", parts=(ToolResultPart(call_id="call_2", content=(TextPart(text="2"), TextPart(text=""))),)),
    Message(role="tool", parts=(ToolResultPart(call_id="call_1", content=()),)),
    Message(role="user", parts=(TextPart(text="and?"),)),
)


@pytest.mark.parametrize("to", TARGETS[:3], ids=lambda to: to.model)
def test_a_tool_loop_is_plain(to: Target) -> None:
    """A law that nothing reaches would hold as well."""
    assert check(LOOP, to)


def test_calls_that_want_signatures_are_not_plain() -> None:
    gemini_3 = TARGETS[3]
    assert gemini_plain.plain_history(LOOP, gemini_3) is None
    answered = Message(role="assistant", parts=(TextPart(text="a"),))
    assert check((*LOOP[:-1], answered, LOOP[-1]), gemini_3)


@needs_traffic
@pytest.mark.parametrize("exchange", exchanges("openai-chat"), ids=exchange_id)
def test_recorded_conversations_agree(exchange: Exchange) -> None:
    if exchange.request_body_bytes is None:
        return
    try:
        request = DIALECTS["openai-chat"].decode_request(request_body(exchange))
    except RouterError:
        return
    for to in TARGETS:
        check(request.messages, to)


@needs_traffic
def test_many_recorded_conversations_are_plain() -> None:
    bodies = [request_body(exchange) for exchange in exchanges("openai-chat") if exchange.request_body_bytes]
    requests = [DIALECTS["openai-chat"].decode_request(body) for body in bodies if "messages" in body]
    for to in TARGETS[:3]:
        assert sum(PLAIN[to.dialect].plain_history(each.messages, to) is not None for each in requests) > 100

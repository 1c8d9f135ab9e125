"""A message that is written plainly is the one that the codec writes, byte for byte."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.dialects.openai_chat import response_encode
from providers.dialects.openai_chat.answer_encode import encode_message
from providers.dialects.openai_chat.plain_message import plain_message
from providers.spec.dialect import FaceContext
from providers.spec.errors import RouterError
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Origin,
    ReasoningPart,
    RefusalPart,
    State,
    TextPart,
    ToolCallPart,
)
from providers.spec.response import Candidate, Finish, Response
from providers.spec.values import Form
from providers.wire.json import dumps, loads_object
from tests.dialects.test_openai_chat_plain import among
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic

CONTEXT = FaceContext(response_id="r", model="m", created=1)
CHAT, MESSAGES, GEMINI = "openai-chat", "anthropic-messages", "google-generate-content"

STATES = st.none() | st.builds(
    State,
    kind=st.sampled_from(["signature", "thought_signature", "encrypted", "reasoning_details"]),
    value=st.sampled_from(["c2ln", "", "[]"]),
    origin=st.builds(Origin, dialect=st.sampled_from([CHAT, MESSAGES, GEMINI]), provider=st.just("p")),
)
FORMS = among(
    None,
    Form(dialect=MESSAGES, keys=("type",), nulls=("content",)),
    Form(dialect=GEMINI, variants={"field": "function_call"}),
    odd=[Form(dialect=CHAT), Form(dialect=CHAT, variants={"field": "function_call", "content": "list"})],
)
EXTS = among({}, {MESSAGES: {"caller": 1}}, odd=[{CHAT: {"x": 1}}, {CHAT: {"message": {"x": 1}}}])
TEXTS = st.sampled_from(["a", "é", "", "\ud83d"])
BESIDE: dict[str, Any] = {"form": FORMS, "ext": EXTS, "state": STATES}
CALLS = st.builds(
    ToolCallPart,
    id=st.sampled_from(["c1", "c2", ""]),
    name=st.sampled_from(["look", ""]),
    arguments=st.sampled_from(["{}", "", '{"a":1.0}']),
    kind=st.sampled_from(["function", "custom"]),
    executed_by=among("client", odd=["provider"]),
    **BESIDE,
)
CITED = among((), odd=[({"type": "url_citation", "url": "u", "start_index": 0},)])
PARTS = st.one_of(
    st.builds(TextPart, text=TEXTS, annotations=CITED, **BESIDE),
    st.builds(ReasoningPart, text=TEXTS, kind=st.sampled_from(["text", "summary"]), redacted=st.booleans(), **BESIDE),
    CALLS,
    among(
        TextPart(text="x"),
        odd=[RefusalPart(text="no"), OpaquePart(dialect=GEMINI, type="t", value={}), MediaPart(kind="image", url="u")],
    ),
)
FINISHES = [None, Finish(reason="stop"), Finish(reason="tool_calls", raw="tool_use", form=Form(dialect=MESSAGES))]
CANDIDATES = st.builds(
    Candidate,
    parts=st.lists(PARTS, max_size=4).map(tuple),
    finish=st.sampled_from(FINISHES),
    logprobs=among(None, odd=[{"content": []}]),
    form=FORMS,
    ext=EXTS,
)


def check(candidate: Candidate) -> bool:
    """Whether it is written plainly; then it has to be what the codec writes."""
    plain = plain_message(candidate, "r")
    if plain is None:
        return False
    assert dumps(plain) == dumps(encode_message(candidate, "r"))
    with patch.object(response_encode, "plain_message", lambda *_: None):
        answer = dumps(response_encode.encode_response(Response(candidates=(candidate,)), CONTEXT))
    assert dumps(response_encode.encode_response(Response(candidates=(candidate,)), CONTEXT)) == answer
    return True


@given(CANDIDATES)
def test_what_is_written_plainly_is_what_the_codec_writes(candidate: Candidate) -> None:
    check(candidate)


SIGNED = State(kind="signature", value="c2ln", origin=Origin(dialect=MESSAGES, provider="p"))


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (TextPart(text="x"), ToolCallPart(id="c", name="n", arguments="{}")),
        (ReasoningPart(text="t", state=SIGNED), TextPart(text=""), ToolCallPart(id="", name="n", arguments="{}")),
        (ToolCallPart(id="c", name="n", arguments="{}", state=SIGNED), TextPart(text="x", state=SIGNED)),
    ],
    ids=["empty", "call", "thought", "late text"],
)
def test_nearly_every_answer_is_written_plainly(parts: Any) -> None:
    """A law that nothing reaches would hold as well."""
    assert check(Candidate(parts=parts, form=Form(dialect=MESSAGES, keys=("content",))))


@pytest.mark.parametrize(
    "candidate",
    [
        Candidate(parts=(TextPart(text="x"),), form=Form(dialect=CHAT)),
        Candidate(parts=(TextPart(text="x"),), ext={CHAT: {"message": {"x": 1}}}),
        Candidate(parts=(TextPart(text="x", form=Form(dialect=CHAT)),)),
        Candidate(parts=(ToolCallPart(id="c", name="n", arguments="{}", ext={CHAT: {"x": 1}}),)),
        Candidate(parts=(ToolCallPart(id="c", name="n", arguments="{}", executed_by="provider"),)),
        Candidate(parts=(RefusalPart(text="no"),)),
        Candidate(parts=(TextPart(text="x", annotations=({"type": "url_citation", "url": "u"},)),)),
    ],
    ids=["form", "carried", "form of a part", "carried of a call", "run by the provider", "refusal", "cited"],
)
def test_what_has_more_to_it_is_left_to_the_codec(candidate: Candidate) -> None:
    assert not check(candidate)


@needs_traffic
@pytest.mark.parametrize(
    "exchange",
    [each for wire in (MESSAGES, GEMINI) for each in exchanges(wire) if each.kind == "body" and each.status < 300],
    ids=exchange_id,
)
def test_every_recorded_answer_is_written_alike(exchange: Exchange) -> None:
    origin = Origin(dialect=exchange.dialect, provider="p", model="m", scope="s")
    try:
        answer = DIALECTS[exchange.dialect].decode_response(loads_object(exchange.response_body), origin)
    except (RouterError, ValueError):
        return
    for candidate in answer.candidates:
        check(candidate)

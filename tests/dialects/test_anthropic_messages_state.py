"""Thinking and signatures in histories: back byte for byte to who signed them, and nowhere else."""

from __future__ import annotations

import json

import msgspec
import pytest

from providers.spec.parts import Origin, ReasoningPart, State, TextPart
from tests.dialects.anthropic_messages_building import (
    ADAPTIVE,
    GEMINI,
    MODEL,
    UNSTAMPED,
    USER,
    call,
    kinds,
    paths,
    result,
    sent,
    signature,
    turn,
)
from tests.dialects.anthropic_messages_support import ORIGIN

MINE = msgspec.structs.replace(ORIGIN, model=MODEL)
"""Who the requests below go to."""

# ---- opaque state


def test_thinking_goes_back_byte_for_byte_to_who_signed_it() -> None:
    """REASON-06, REASON-09, REASON-11: in its place and order, and whether or not thinking is asked for."""
    parts = (
        ReasoningPart(text="Hm.", state=signature("Hm.", MINE)),
        ReasoningPart(text="", state=signature("", MINE)),
        ReasoningPart(redacted=True, state=State(kind="redacted", value=signature("x").value, origin=MINE)),
        TextPart(text="Let me see."),
        call(),
    )
    body, report = sent(USER, turn(*parts), result())
    assert body["messages"][1]["content"][:3] == [
        {"type": "thinking", "thinking": "Hm.", "signature": signature("Hm.").value},
        {"type": "thinking", "thinking": "", "signature": signature("").value},
        {"type": "redacted_thinking", "data": signature("x").value},
    ]
    assert [block["type"] for block in body["messages"][1]["content"][3:]] == ["text", "tool_use"]
    assert report.adjustments == []


@pytest.mark.parametrize(
    "origin",
    [
        GEMINI,
        Origin(dialect="openai-responses"),
        msgspec.structs.replace(MINE, model="claude-opus-4-6"),
        msgspec.structs.replace(MINE, provider="vertex"),
        msgspec.structs.replace(MINE, scope="another key"),
        Origin(dialect="router"),
    ],
)
def test_state_of_another_origin_never_leaves(origin: Origin) -> None:
    """REASON-05, REASON-07, REASON-13: nor does its text, which would be said as if it had been said aloud."""
    state = State(kind="signature", value="canary-state", origin=origin)
    parts = (
        ReasoningPart(text="canary-thought", state=state),
        ReasoningPart(redacted=True, state=state),
        TextPart(text="said", state=state),
        call(state=state),
    )
    body, report = sent(USER, turn(*parts), result(state=state))
    assert "canary" not in json.dumps(body)
    assert [block["type"] for block in body["messages"][1]["content"]] == ["text", "tool_use"]
    assert {path for path, _ in paths(report)} == {
        "messages[1].reasoning",
        "messages[1].content[2].state",
        "messages[1].content[3].state",
        "messages[2].content[0].state",
    }


def test_reasoning_without_a_signature_is_left_out() -> None:
    """REASON-07, REASON-10: omission is taken, a blank signature is not."""
    body, report = sent(USER, turn(ReasoningPart(text="Hm."), TextPart(text="Yes.")), USER)
    assert body["messages"][1]["content"] == [{"type": "text", "text": "Yes."}]
    assert paths(report) == [("messages[1].reasoning", "dropped")]


def test_unstamped_thinking_goes_to_any_row_of_its_dialect() -> None:
    """A client that spoke this dialect itself replays what it got."""
    thought = ReasoningPart(text="Hm.", state=signature("Hm.", UNSTAMPED))
    for model in (MODEL, ADAPTIVE):
        assert kinds(USER, turn(thought, call()), result(), model=model)[1] == ("assistant", ["thinking", "tool_use"])

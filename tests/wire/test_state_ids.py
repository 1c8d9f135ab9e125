"""Ids of calls that hold state: none is taken for another, none is too long, and all come apart again."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from providers.spec.adjustments import Report
from providers.spec.fold import fold, unfold
from providers.spec.parts import Origin, Part, ReasoningPart, State, TextPart, ToolCallPart, ToolResultPart
from providers.spec.request import Message, Request
from providers.spec.response import Candidate, Finish, Response
from providers.wire.state_ids import LONGEST_ID, StateIds, has_marks, without_state_ids

ORIGIN = Origin(dialect="anthropic-messages", provider="there", model="m", scope="s")


def signed(value: str = "c2ln", text: str = "Rome it is.") -> ReasoningPart:
    return ReasoningPart(text=text, state=State(kind="signature", value=value, origin=ORIGIN))


def answer(*parts: Part) -> Response:
    return Response(id="r-1", candidates=(Candidate(parts=parts, finish=Finish(reason="tool_calls")),))


def calls_of(response: Response) -> list[ToolCallPart]:
    return list(response.candidates[0].tool_calls)


def replayed(response: Response) -> tuple[Part, ...]:
    """The turn as a client hands it back that keeps text, and of calls id, name and arguments."""
    text = "".join(part.text for part in response.candidates[0].parts if isinstance(part, TextPart))
    kept = tuple(ToolCallPart(id=call.id, name=call.name, arguments=call.arguments) for call in calls_of(response))
    said: tuple[Part, ...] = (TextPart(text=text),) if text else ()
    return without_state_ids(Request(messages=(Message(role="assistant", parts=(*said, *kept)),))).messages[0].parts


IDS = st.text(st.sampled_from("ab.-_/v1router:"), max_size=12) | st.sampled_from(
    ["toolu_1", "x.router.v1.e30", "x.router.v1.W10", ".router.", "call.router.v1.W3t9XQ"]
)


@given(st.lists(IDS, min_size=1, max_size=4))
def test_every_id_comes_back_as_it_was(ids: list[str]) -> None:
    """ID-02, ID-10: also one that looks like ours; plain and streamed alike."""
    parts: list[Part] = []
    for call_id in ids:
        parts += [signed(), ToolCallPart(id=call_id, name="f", arguments="{}")]
    plain = StateIds().answer(answer(*parts))
    assert fold(StateIds().feed(list(unfold(answer(*parts))))) == plain
    sealed = [call.id for call in calls_of(plain)]
    for (own, one), (another, other) in itertools.combinations(zip(ids, sealed, strict=True), 2):
        assert one != other or own == another != ""
    back = replayed(plain)
    named = [part.id for part in back if isinstance(part, ToolCallPart)]
    assert [name for name, own in zip(named, ids, strict=True) if own] == [own for own in ids if own]
    assert [part for part in back if isinstance(part, ReasoningPart)] == [signed()] * len(ids)
    said = tuple(ToolResultPart(call_id=call_id) for call_id in sealed)
    results = without_state_ids(Request(messages=(Message(role="tool", parts=said),))).messages[0].parts
    assert [part.call_id for part in results if isinstance(part, ToolResultPart)] == named


def test_the_order_of_the_turn_comes_back() -> None:
    """REASON-06, HIST-17: thinking, text, call, thinking, call."""
    one, two = (ToolCallPart(id=name, name="f", arguments="{}") for name in ("a", "b"))
    parts = (signed("c2ln"), TextPart(text="Well."), one, signed("c2Vh", "And."), two)
    assert replayed(StateIds().answer(answer(*parts))) == parts


def test_an_id_that_would_be_too_long_stays_as_it_is_and_that_is_told() -> None:
    """ID-03, ID-10."""
    parts = (signed(text="x" * LONGEST_ID), ToolCallPart(id="a", name="f", arguments="{}"))
    ids, report = StateIds(), Report()
    assert ids.answer(answer(*parts)) == answer(*parts)
    ids.report(report)
    assert [(one.path, one.action) for one in report.adjustments] == [("response.tool_calls[0].id", "dropped")]


def test_a_call_without_state_keeps_its_id() -> None:
    parts = (TextPart(text="Well."), ToolCallPart(id="a", name="f", arguments="{}"))
    assert StateIds().answer(answer(*parts)) == answer(*parts)
    assert not has_marks(b'{"id": "a"}')


def test_state_that_came_in_its_own_field_is_not_said_twice() -> None:
    """REASON-06: a client that keeps both."""
    sealed = StateIds().answer(answer(signed(), ToolCallPart(id="a", name="f", arguments="{}")))
    turn = Message(role="assistant", parts=(signed(), *calls_of(sealed)))
    (back,) = without_state_ids(Request(messages=(turn,))).messages
    assert back.parts == (signed(), ToolCallPart(id="a", name="f", arguments="{}"))


def test_a_damaged_envelope_costs_the_state_and_not_the_id() -> None:
    sealed = calls_of(StateIds().answer(answer(signed(), ToolCallPart(id="a", name="f", arguments="{}"))))[0].id
    turn = Message(role="assistant", parts=(ToolCallPart(id=f"{sealed}x", name="f", arguments="{}"),))
    (back,) = without_state_ids(Request(messages=(turn,))).messages
    assert back.parts == (ToolCallPart(id="a", name="f", arguments="{}"),)

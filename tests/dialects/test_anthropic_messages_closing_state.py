"""State of a text that ends a turn: left out behind the text, and nowhere else."""

import pytest

from providers.dialects.anthropic_messages.closing_state import ClosingState
from providers.spec.adjustments import Report
from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, PartUpdate, StreamEvent
from providers.spec.fold import fold, unfold
from providers.spec.parts import Origin, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.response import Candidate, Finish, Response

STATE = State(kind="thought_signature", value="c2ln", origin=Origin(dialect="google-generate-content"))
CALL = ToolCallPart(id="call_1", name="f", arguments="{}")
BARE = TextPart(text="", state=STATE)
TEXT = TextPart(text="Rome.")


def answer(*parts: Part) -> Response:
    return Response(id="r-1", candidates=(Candidate(parts=parts, finish=Finish(reason="stop")),))


def reported(one: ClosingState) -> bool:
    report = Report()
    one.report(report)
    return bool(report.adjustments)


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ((TEXT, BARE), (TEXT,)),
        ((BARE,), ()),
        ((TEXT, BARE, CALL), (TEXT, BARE, CALL)),
        ((BARE, TEXT), (BARE, TEXT)),
        ((TEXT, CALL), (TEXT, CALL)),
        ((ReasoningPart(text="Hm.", state=STATE),), (ReasoningPart(text="Hm.", state=STATE),)),
        ((TextPart(text="Rome.", state=STATE),), (TextPart(text="Rome.", state=STATE),)),
    ],
)
def test_only_what_would_be_the_last_block_is_left_out(parts: tuple[Part, ...], kept: tuple[Part, ...]) -> None:
    """Plain and streamed alike, and told where it was."""
    plain, streamed = ClosingState(), ClosingState()
    assert plain.answer(answer(*parts)) == answer(*kept)
    events = [passed for event in unfold(answer(*parts)) for passed in streamed.feed([event])]
    assert fold(events) == answer(*kept)
    assert reported(plain) == reported(streamed) == (parts != kept)


def test_state_that_comes_when_its_text_is_over_is_left_out_with_it() -> None:
    head: list[StreamEvent] = [PartStart(index=0, part=TextPart(text="")), PartDelta(index=0, text="Rome.")]
    late: list[StreamEvent] = [PartUpdate(index=0, state=STATE, annotations=({"type": "a"},)), PartEnd(index=0)]
    end = CandidateEnd(finish=Finish(reason="stop"))
    one = ClosingState()
    assert [*one.feed(head), *one.feed(late), *one.feed([end])] == [
        *head,
        PartUpdate(index=0, annotations=({"type": "a"},)),
        PartEnd(index=0),
        end,
    ]
    assert reported(one)


def test_state_that_a_call_follows_stays_where_it_was() -> None:
    head: list[StreamEvent] = [PartStart(index=0, part=TextPart(text="")), PartDelta(index=0, text="Rome.")]
    late: list[StreamEvent] = [PartUpdate(index=0, state=STATE), PartEnd(index=0)]
    call: list[StreamEvent] = [PartStart(index=1, part=CALL), PartEnd(index=1)]
    end: list[StreamEvent] = [CandidateEnd(finish=Finish(reason="tool_calls"))]
    one = ClosingState()
    passed = [event for batch in (head, late, call, end) for event in one.feed(batch)]
    assert passed == [*head, *late, *call, *end]
    assert not reported(one)

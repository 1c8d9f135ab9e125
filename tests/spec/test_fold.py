"""Fold and unfold are each other's reverse, and a broken order is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.spec.errors import ProviderError, ProviderProtocolError
from providers.spec.events import (
    CandidateEnd,
    PartDelta,
    PartEnd,
    PartStart,
    PartUpdate,
    ResponseStart,
    ResponseUpdate,
    StreamEnd,
    StreamError,
    StreamEvent,
    UsageUpdate,
)
from providers.spec.fold import fold, unfold
from providers.spec.parts import Origin, Part, ReasoningPart, RefusalPart, State, TextPart, ToolCallPart
from providers.spec.response import Candidate, Finish, Response, Usage

ORIGIN = Origin(dialect="d", provider="p", model="m", scope="s")
STATES = st.none() | st.builds(State, kind=st.just("signature"), value=st.text(), origin=st.just(ORIGIN))
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, text=st.text(), state=STATES),
    st.builds(ReasoningPart, text=st.text(), state=STATES),
    st.builds(RefusalPart, text=st.text()),
    st.builds(ToolCallPart, id=st.text(min_size=1), name=st.text(), arguments=st.text(), state=STATES),
)
CANDIDATES = st.lists(st.lists(PARTS, max_size=4), max_size=3)


@given(CANDIDATES, st.booleans())
def test_fold_undoes_unfold(candidates: list[list[Part]], with_usage: bool) -> None:
    response = Response(
        id="r",
        model="m",
        created=1,
        candidates=tuple(
            Candidate(index=index, parts=tuple(parts), finish=Finish(reason="stop"))
            for index, parts in enumerate(candidates)
        ),
        usage=Usage(input_tokens=1) if with_usage else None,
        ext={"d": {"k": 1}},
    )
    assert fold(unfold(response)) == response


def test_late_knowledge_is_merged() -> None:
    state = State(kind="signature", value="x", origin=ORIGIN)
    events: list[StreamEvent] = [
        ResponseStart(id="r", ext={"d": {"a": 1}}),
        PartStart(index=0, part=TextPart(text="")),
        PartDelta(index=0, text="he"),
        PartDelta(index=0, text="llo"),
        PartUpdate(index=0, annotations=({"url": "u"},), ext={"d": {"x": 1}}),
        PartEnd(index=0),
        PartUpdate(index=0, state=state, ext={"d": {"y": 2}}),
        ResponseUpdate(ext={"d": {"b": 2}, "e": {"c": 3}}),
        CandidateEnd(finish=Finish(reason="stop")),
        UsageUpdate(usage=Usage(input_tokens=1)),
        UsageUpdate(usage=Usage(input_tokens=2)),
        StreamEnd(),
    ]
    response = fold(events)
    part = TextPart(text="hello", annotations=({"url": "u"},), state=state, ext={"d": {"x": 1, "y": 2}})
    assert response.candidates[0].parts == (part,)
    assert response.ext == {"d": {"a": 1, "b": 2}, "e": {"c": 3}}
    assert response.usage == Usage(input_tokens=2)


def test_candidates_of_one_number_are_told_apart_by_their_place() -> None:
    """Hosts that split one answer into choices give each of them the index 0."""
    parts: tuple[tuple[Part, ...], ...] = ((TextPart(text="a"),), (ToolCallPart(id="c", name="f", arguments="{}"),))
    split = Response(candidates=tuple(Candidate(index=0, parts=one, finish=Finish(reason="stop")) for one in parts))
    folded = fold(unfold(split))
    assert [(one.index, one.parts) for one in folded.candidates] == list(enumerate(parts))


@pytest.mark.parametrize(
    "events",
    [
        [PartDelta(index=0, text="x")],
        [PartStart(index=1, part=TextPart(text=""))],
        [PartStart(index=0, part=TextPart(text="")), PartEnd(index=0), PartDelta(index=0, text="x")],
        [PartUpdate(index=3)],
        [ResponseStart()],
    ],
)
def test_a_broken_order_is_an_error(events: list[StreamEvent]) -> None:
    with pytest.raises(ProviderProtocolError):
        fold(events)


def test_the_error_of_a_broken_stream_is_raised() -> None:
    """STREAM-14: never a quiet end."""
    with pytest.raises(ProviderError, match="overloaded"):
        fold([ResponseStart(), StreamError(error=ProviderError("overloaded", status=529))])

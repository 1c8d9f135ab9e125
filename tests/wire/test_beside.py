"""State that travels beside its part finds it again, wherever a client has put it."""

from providers.spec.parts import OpaquePart, Origin, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.wire.beside import (
    Place,
    attach_carried,
    carried_part,
    holds_nothing,
    sealed,
    sealed_nothing,
    unsealed_state,
)

DIALECT = "anthropic-messages"
SIGNED = State(kind="thought_signature", value="c2ln", origin=Origin(dialect="google-generate-content"))
THOUGHT = ReasoningPart(text="Hm.")
TEXT = TextPart(text="Let me look.")
FIRST = ToolCallPart(id="a", name="look", arguments="{}")
SECOND = ToolCallPart(id="b", name="look", arguments="{}")


def carried(place: Place, call_id: str | None = None) -> OpaquePart:
    part = carried_part(sealed(SIGNED, place, call_id), DIALECT)
    assert isinstance(part, OpaquePart)
    return part


def signed(*parts: Part) -> list[int]:
    """Which parts have state once it is attached."""
    attached = attach_carried(parts)
    assert not any(isinstance(part, OpaquePart) for part in attached)
    assert all(part.state is None or part.state == SIGNED for part in attached)
    return [index for index, part in enumerate(attached) if part.state is not None]


def test_state_of_a_call_goes_to_the_call_that_it_names() -> None:
    assert signed(TEXT, carried("next", "a"), FIRST, SECOND) == [1]
    assert signed(carried("next", "b"), THOUGHT, TEXT, FIRST, SECOND) == [3]
    assert signed(TEXT, FIRST, SECOND, carried("previous", "a")) == [1]


def test_without_a_name_or_its_call_the_place_says_it() -> None:
    """Histories from before calls were named, and clients that give calls ids of their own."""
    assert signed(carried("next"), FIRST, SECOND) == [0]
    assert signed(carried("next", "elsewhere"), FIRST, SECOND) == [0]
    assert signed(FIRST, carried("previous")) == [0]


def test_state_of_a_text_that_was_put_in_front_goes_to_the_text() -> None:
    assert signed(carried("previous"), TEXT) == [0]
    assert signed(carried("next"), THOUGHT, TEXT) == [1]
    assert signed(carried("next"), carried("next", "a"), TEXT, FIRST) == [0, 1]


def test_an_envelope_of_reasoning_is_no_neighbours_state() -> None:
    assert carried_part(sealed(SIGNED, "reasoning"), DIALECT) is None
    assert unsealed_state(sealed(SIGNED, "reasoning")) == SIGNED
    assert unsealed_state("v1.???") is None
    assert carried_part(sealed_nothing(), DIALECT) is None
    assert (holds_nothing(sealed_nothing()), holds_nothing("v1.???")) == (True, False)


def test_bare_state_is_a_text_of_its_own() -> None:
    bare = carried_part(sealed(SIGNED, "bare"), DIALECT)
    assert bare == TextPart(text="", state=SIGNED)
    assert signed(TEXT, bare, FIRST) == [1]

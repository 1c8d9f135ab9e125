"""How state of other providers travels through a client that speaks Anthropic Messages.

A stock client echoes the ``signature`` of a thinking block and the ``data`` of a redacted one byte for byte. State of
this dialect is written there as it is. Foreign state is written there sealed, behind ``PREFIX``, which no signature of
Anthropic's has (those are base64 and hold no dot):

- reasoning with foreign state: the block's own ``signature`` or ``data``;
- foreign state of a call or a text: a ``redacted_thinking`` block of its own, before the block it belongs to, or after
  it where the state came late.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeGuard

import msgspec

from providers.dialects.anthropic_messages.grammar import NAME
from providers.spec.parts import OpaquePart, Origin, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.values import Json, JsonObject
from providers.wire.state import seal, state_from_json, state_to_json, unseal

PREFIX: Final = "router."

Place = Literal["reasoning", "next", "previous"]

_CARRIED: Final = "router_carried_state"
"""Type of the parts that stand for carried state until it is attached. Never leaves this module's callers."""


def written_state(state: State, place: Place) -> str:
    """What is written for this state: its own value where it is of this dialect, else the sealed envelope."""
    if state.origin.dialect == NAME:
        return state.value
    entry: JsonObject = {"for": place, "state": state_to_json(state)}
    return PREFIX + seal([entry])


def carrier_block(state: State, place: Place) -> JsonObject:
    """A block that holds nothing but the state of its neighbour."""
    return {"type": "redacted_thinking", "data": written_state(state, place)}


def read_state(text: str, kind: str, origin: Origin) -> State:
    """The state that was written: its own, or what was sealed. A damaged envelope reads as foreign and unusable.

    Envelopes count only where a client hands them back; a provider (whose origin is stamped) has none of ours.
    """
    if origin.stamped or not text.startswith(PREFIX):
        return State(kind=kind, value=text, origin=origin)
    return _sealed(text)[1] or State(kind=kind, value=text, origin=Origin(dialect="router"))


def read_redacted(text: str, origin: Origin) -> ReasoningPart | OpaquePart:
    """A ``redacted_thinking`` block: sealed reasoning, or the carried state of a neighbour."""
    if text.startswith(PREFIX) and not origin.stamped:
        place, state = _sealed(text)
        if state is not None and place in {"next", "previous"}:
            return OpaquePart(dialect=NAME, type=_CARRIED, value=place, state=state)
    return ReasoningPart(redacted=True, state=read_state(text, "redacted", origin))


def is_carried(part: Part) -> TypeGuard[OpaquePart]:
    """Whether a part stands for the state of its neighbour."""
    return isinstance(part, OpaquePart) and part.type == _CARRIED and part.state is not None


def attach_carried(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with carried state put back on the parts it belongs to."""
    attached: list[Part] = []
    waiting: State | None = None
    for part in parts:
        if is_carried(part) and part.state is not None:
            if part.value == "next":
                waiting = part.state
            elif attached:
                attached[-1] = _with_state(attached[-1], part.state)
            continue
        attached.append(part if waiting is None else _with_state(part, waiting))
        waiting = None
    return tuple(attached)


def _with_state(part: Part, state: State) -> Part:
    if isinstance(part, TextPart | ToolCallPart) and part.state is None:
        return msgspec.structs.replace(part, state=state)
    return part


def _sealed(text: str) -> tuple[Json, State | None]:
    entries = unseal(text.removeprefix(PREFIX))
    if not entries:
        return None, None
    return entries[0].get("for"), state_from_json(entries[0].get("state"))

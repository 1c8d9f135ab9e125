"""State that travels beside its part: in a block or item of its own, sealed, which says what it belongs to.

An entry is ``{"for": PLACE, "state": STATE}`` in the envelope of ``state``, and has the id of the call under ``call``
where it belongs to one: some clients put all reasoning of a turn in front of its text, so what stands next to it is not
always what did.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeGuard

import msgspec

from providers.spec.parts import OpaquePart, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.values import Json, JsonObject
from providers.wire.state import seal, state_from_json, state_to_json, unseal

Place = Literal["reasoning", "next", "previous", "bare"]
"""``bare``: a text that is nothing but its state."""

_CARRIED: Final = "router_carried_state"
"""Type of the parts that stand for carried state until it is attached. Never leaves its dialect's decoder."""


def sealed(state: State, place: Place, call_id: str | None = None) -> str:
    """The envelope of one state; ``call_id``: of the call that it belongs to, as the client has it."""
    entry: JsonObject = {"for": place, "state": state_to_json(state)}
    if call_id is not None:
        entry["call"] = call_id
    return seal([entry])


def sealed_nothing() -> str:
    """The envelope of reasoning that has no state, for clients that take reasoning without any for lost."""
    return seal([{"for": "reasoning"}])


def holds_nothing(envelope: str) -> bool:
    """Whether an envelope is that of reasoning without state."""
    return unseal(envelope) == [{"for": "reasoning"}]


def unsealed_state(envelope: str) -> State | None:
    """The state in an envelope; ``None`` where it was damaged."""
    entries = unseal(envelope)
    return state_from_json(entries[0].get("state")) if entries else None


def carried_part(envelope: str, dialect: str) -> OpaquePart | TextPart | None:
    """What stands for the state of a neighbour; ``None`` where the envelope holds that of reasoning, or nothing.

    Of bare state it is the text itself.
    """
    entries = unseal(envelope)
    entry = entries[0] if entries else {}
    state = state_from_json(entry.get("state"))
    if state is not None and entry.get("for") == "bare":
        return TextPart(text="", state=state)
    if state is None or entry.get("for") not in {"next", "previous"}:
        return None
    told: JsonObject = {"for": entry.get("for"), "call": entry.get("call")}
    return OpaquePart(dialect=dialect, type=_CARRIED, value=told, state=state)


def is_carried(part: Part) -> TypeGuard[OpaquePart]:
    """Whether a part stands for the state of its neighbour."""
    return isinstance(part, OpaquePart) and part.type == _CARRIED and part.state is not None


def attach_carried(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with carried state put back on the parts it belongs to: by the id of the call, else by the place.

    What was behind its part and has nothing before it now was put in front, and belongs to what follows.
    """
    given = tuple(parts)
    if not any(map(is_carried, given)):
        return given
    calls = {part.id for part in given if isinstance(part, ToolCallPart)}
    named = {call: part.state for part in given if is_carried(part) and (call := _call_of(part)) in calls}
    attached: list[Part] = []
    waiting: State | None = None
    for part in given:
        if is_carried(part):
            if _call_of(part) in calls:
                continue
            if _told(part, "for") == "next" or not attached:
                waiting = part.state
            else:
                attached[-1] = _with_state(attached[-1], part.state)
            continue
        own = named.get(part.id) if isinstance(part, ToolCallPart) else None
        if isinstance(part, ReasoningPart):
            attached.append(part)
            continue
        attached.append(_with_state(part, own or waiting))
        waiting = waiting if own else None
    return tuple(attached)


def _with_state(part: Part, state: State | None) -> Part:
    if state is not None and isinstance(part, TextPart | ToolCallPart) and part.state is None:
        return msgspec.structs.replace(part, state=state)
    return part


def _call_of(part: OpaquePart) -> str | None:
    call = _told(part, "call")
    return call if isinstance(call, str) else None


def _told(part: OpaquePart, key: str) -> Json:
    return part.value.get(key) if isinstance(part.value, dict) else None

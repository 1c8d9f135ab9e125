"""How state of other providers travels through a client that speaks OpenAI Responses.

A stock client echoes the ``encrypted_content`` of a reasoning item byte for byte. State of this dialect is written
there as it is. Foreign state is written there sealed, behind ``PREFIX``, which no encrypted content of OpenAI's has
(that is base64 and holds no dot):

- reasoning with foreign state: the item's own ``encrypted_content``;
- foreign state of a call or a text: a reasoning item of its own, before the item it belongs to, or after it where the
  state came late.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeGuard

import msgspec

from providers.dialects.openai_responses.grammar import NAME
from providers.spec.parts import OpaquePart, Origin, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.values import Json, JsonObject
from providers.wire.state import seal, state_from_json, state_to_json, unseal

PREFIX: Final = "router."

KIND: Final = "encrypted_content"
"""The dialect's own word for its state."""

Place = Literal["reasoning", "next", "previous"]

_CARRIED: Final = "router_carried_state"
"""Type of the parts that stand for carried state until it is attached. Never leaves this module's callers."""


def written_state(state: State, place: Place) -> str:
    """What is written for this state: its own value where it is of this dialect, else the sealed envelope."""
    if state.origin.dialect == NAME:
        return state.value
    entry: JsonObject = {"for": place, "state": state_to_json(state)}
    return PREFIX + seal([entry])


def carrier_item(state: State, place: Place, item_id: str) -> JsonObject:
    """An item that holds nothing but the state of its neighbour."""
    return {"id": item_id, "type": "reasoning", "summary": [], "encrypted_content": written_state(state, place)}


def read_state(text: str, origin: Origin) -> State:
    """The state that was written: its own, or what was sealed. A damaged envelope reads as foreign and unusable.

    Envelopes count only where a client hands them back; a provider (whose origin is stamped) has none of ours.
    """
    if origin.stamped or not text.startswith(PREFIX):
        return State(kind=KIND, value=text, origin=origin)
    return _sealed(text)[1] or State(kind=KIND, value=text, origin=Origin(dialect="router"))


def carried_part(text: str | None, origin: Origin) -> OpaquePart | None:
    """What stands for the carried state of a neighbour; ``None`` where the item is reasoning of its own."""
    if text is None or origin.stamped or not text.startswith(PREFIX):
        return None
    place, state = _sealed(text)
    if state is None or place not in {"next", "previous"}:
        return None
    return OpaquePart(dialect=NAME, type=_CARRIED, value=place, state=state)


def is_carried(part: Part) -> TypeGuard[OpaquePart]:
    """Whether a part stands for the state of its neighbour."""
    return isinstance(part, OpaquePart) and part.type == _CARRIED and part.state is not None


def attach_carried(parts: Iterable[Part]) -> list[Part]:
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
    return attached


def _with_state(part: Part, state: State) -> Part:
    if isinstance(part, TextPart | ToolCallPart | ReasoningPart) and part.state is None:
        return msgspec.structs.replace(part, state=state)
    return part


def _sealed(text: str) -> tuple[Json, State | None]:
    entries = unseal(text.removeprefix(PREFIX))
    if not entries:
        return None, None
    return entries[0].get("for"), state_from_json(entries[0].get("state"))

"""How state of other providers travels through a client that speaks Anthropic Messages.

A stock client echoes the ``signature`` of a thinking block and the ``data`` of a redacted one byte for byte. State of
this dialect is written there as it is. Foreign state is written there sealed, behind ``PREFIX``, which no signature of
Anthropic's has (those are base64 and hold no dot):

- reasoning with foreign state: the block's own ``signature`` or ``data``;
- foreign state of a call or a text: a ``redacted_thinking`` block of its own, before the block it belongs to, or after
  it where the state came late. It names its call: clients that keep thinking apart put all of it in front.
"""

from typing import Final

from providers.dialects.anthropic_messages.grammar import NAME
from providers.spec.parts import OpaquePart, Origin, ReasoningPart, State
from providers.spec.values import JsonObject
from providers.wire.beside import Place, carried_part, sealed, unsealed_state

PREFIX: Final = "router."


def written_state(state: State, place: Place, call_id: str | None = None) -> str:
    """What is written for this state: its own value where it is of this dialect, else the sealed envelope."""
    return state.value if state.origin.dialect == NAME else PREFIX + sealed(state, place, call_id)


def carrier_block(state: State, place: Place, call_id: str | None) -> JsonObject:
    """A block that holds nothing but the state of its neighbour; ``call_id``: where that is a call."""
    return {"type": "redacted_thinking", "data": written_state(state, place, call_id)}


def read_state(text: str, kind: str, origin: Origin) -> State:
    """The state that was written: its own, or what was sealed. A damaged envelope reads as foreign and unusable.

    Envelopes count only where a client hands them back; a provider (whose origin is stamped) has none of ours.
    """
    if origin.stamped or not text.startswith(PREFIX):
        return State(kind=kind, value=text, origin=origin)
    return unsealed_state(text.removeprefix(PREFIX)) or State(kind=kind, value=text, origin=Origin(dialect="router"))


def read_redacted(text: str, origin: Origin) -> ReasoningPart | OpaquePart:
    """A ``redacted_thinking`` block: sealed reasoning, or the carried state of a neighbour."""
    if text.startswith(PREFIX) and not origin.stamped:
        carried = carried_part(text.removeprefix(PREFIX), NAME)
        if isinstance(carried, OpaquePart):
            return carried
    return ReasoningPart(redacted=True, state=read_state(text, "redacted", origin))

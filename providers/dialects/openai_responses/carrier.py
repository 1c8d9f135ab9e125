"""How state of other providers travels through a client that speaks OpenAI Responses.

A stock client echoes the ``encrypted_content`` of a reasoning item byte for byte. State of this dialect is written
there as it is. Foreign state is written there sealed, behind ``PREFIX``, which no encrypted content of OpenAI's has
(that is base64 and holds no dot):

- reasoning with foreign state: the item's own ``encrypted_content``;
- foreign state of a call or a text: a reasoning item of its own, before the item it belongs to, or after it where the
  state came late. It names its call, whose place a client may have changed.
"""

from typing import Final

from providers.dialects.openai_responses.grammar import NAME
from providers.spec.parts import OpaquePart, Origin, State, TextPart
from providers.spec.values import JsonObject
from providers.wire.beside import Place, holds_nothing, sealed, sealed_nothing, unsealed_state
from providers.wire.beside import carried_part as unsealed_part

PREFIX: Final = "router."

KIND: Final = "encrypted_content"
"""The dialect's own word for its state."""


def written_state(state: State, place: Place, call_id: str | None = None) -> str:
    """What is written for this state: its own value where it is of this dialect, else the sealed envelope."""
    return state.value if state.origin.dialect == NAME else PREFIX + sealed(state, place, call_id)


def carrier_item(state: State, place: Place, item_id: str, call_id: str | None) -> JsonObject:
    """An item that holds nothing but the state of its neighbour; ``call_id``: where that is a call."""
    content = written_state(state, place, call_id)
    return {"id": item_id, "type": "reasoning", "summary": [], "encrypted_content": content}


def stateless() -> str:
    """What stands where reasoning of another provider has no state.

    Who asks for ``reasoning.encrypted_content`` is promised it with all reasoning, and clients that keep the
    conversation themselves (Microsoft's agent framework) refuse to go on from reasoning without it.
    """
    return PREFIX + sealed_nothing()


def read_state(text: str, origin: Origin) -> State | None:
    """The state that was written: its own, or what was sealed. A damaged envelope reads as foreign and unusable.

    Envelopes count only where a client hands them back; a provider (whose origin is stamped) has none of ours.
    """
    if origin.stamped or not text.startswith(PREFIX):
        return State(kind=KIND, value=text, origin=origin)
    if holds_nothing(text.removeprefix(PREFIX)):
        return None
    return unsealed_state(text.removeprefix(PREFIX)) or State(kind=KIND, value=text, origin=Origin(dialect="router"))


def carried_part(text: str | None, origin: Origin) -> OpaquePart | TextPart | None:
    """What stands for the carried state of a neighbour; ``None`` where the item is reasoning of its own."""
    if text is None or origin.stamped or not text.startswith(PREFIX):
        return None
    return unsealed_part(text.removeprefix(PREFIX), NAME)

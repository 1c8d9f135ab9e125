"""How state of other providers travels through a client that speaks Gemini.

Stock clients echo ``thoughtSignature`` with its part. State of this dialect is written there as it is. Foreign state is
written there sealed, in base64 as the field's type wants it (the clients decode and encode it again, maybe with the
other of base64's two alphabets), behind ``PREFIX``, which no signature of Google's begins with.

In a stream the signed piece of a part comes after its text: the envelope says how many characters of the parts before
it belong to it.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Final

import msgspec

from providers.dialects.gemini.grammar import NAME, SIGNATURE
from providers.spec.parts import Origin, Part, ReasoningPart, State, TextPart
from providers.spec.values import Json, JsonObject
from providers.wire.reader import variant
from providers.wire.state import seal, state_from_json, state_to_json, unseal

PREFIX: Final = b"router."

_JOINS: Final = "joins"
"""In the form of a part: the length of the text that its state belongs to."""


class Carried(msgspec.Struct, frozen=True):
    """State as it was found in a signature, and what else an envelope says of its part."""

    state: State
    redacted: bool = False
    summary: bool = False
    length: int | None = None


def written_state(part: Part) -> str | None:
    """What stands in ``thoughtSignature``: the state's own value where it is of this dialect, else the envelope."""
    state = part.state
    if state is None or state.origin.dialect == NAME:
        return None if state is None else state.value
    entry: JsonObject = {"state": state_to_json(state)}
    if isinstance(part, TextPart | ReasoningPart):
        entry["length"] = len(part.text)
    if isinstance(part, ReasoningPart):
        entry["redacted"] = part.redacted
        entry["summary"] = part.kind == "summary"
    return base64.b64encode(PREFIX + seal([entry]).encode()).decode()


def read_state(text: str, origin: Origin) -> Carried:
    """The state that was written: its own, or what was sealed. A damaged envelope reads as foreign and unusable.

    Envelopes count only where a client hands them back; a provider (whose origin is stamped) has none of ours.
    """
    own = State(kind=SIGNATURE, value=text, origin=origin)
    envelope = None if origin.stamped else _envelope(text)
    if envelope is None:
        return Carried(own)
    entries = unseal(envelope)
    entry = entries[0] if entries else {}
    state = state_from_json(entry.get("state"))
    if state is None:
        return Carried(State(kind=SIGNATURE, value=text, origin=Origin(dialect="router")))
    return Carried(
        state,
        redacted=entry.get("redacted") is True,
        summary=entry.get("summary") is True,
        length=_count(entry.get("length")),
    )


def joins(carried: Carried | None) -> dict[str, str]:
    """The variant that marks a part whose state belongs to text before it too."""
    return {} if carried is None or carried.length is None else {_JOINS: str(carried.length)}


def attach_carried(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with carried state put back on the whole text that it belongs to."""
    attached: list[Part] = []
    for part in parts:
        length = variant(part.form, NAME, _JOINS)
        if length is None or not isinstance(part, TextPart | ReasoningPart):
            attached.append(part)
            continue
        text = part.text
        while len(text) < int(length) and attached:
            before = attached[-1]
            if type(before) is not type(part) or before.state is not None:
                break
            text = before.text + text
            attached.pop()
        attached.append(msgspec.structs.replace(part, text=text, form=None))
    return tuple(attached)


def _envelope(text: str) -> str | None:
    try:
        data = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data.removeprefix(PREFIX).decode("ascii", "replace") if data.startswith(PREFIX) else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

"""The envelope in which opaque provider state travels through a client that speaks OpenAI chat.

``extra_content.router`` of a tool call (or of the message where there is none) holds one string:
``v1.`` and the base64url text of a JSON list. It lists, in order, the parts that came since the previous call and
that the chat dialect has no place for, then what belongs to the call itself:

    {"reasoning": text, "kind": …, "redacted": …, "state": STATE}     a reasoning part
    {"text": n, "state": STATE}                                       state of a text part of n characters
    {"call": true, "state": STATE}                                    state of this call

STATE is ``{"kind", "value", "dialect", "provider", "model", "scope"}``. Stock clients echo it as they got it.
"""

import base64
import binascii

from providers.spec.parts import Origin, State
from providers.spec.values import Json, JsonObject
from providers.wire.json import JsonError, dumps, loads

PREFIX = "v1."

THOUGHT_SIGNATURE = "thought_signature"
"""The kind of state that travels as ``extra_content.google.thought_signature`` beside the envelope."""


def seal(entries: list[JsonObject]) -> str:
    """The envelope text of these entries."""
    return PREFIX + base64.urlsafe_b64encode(dumps(list(entries))).decode().rstrip("=")


def unseal(envelope: str) -> list[JsonObject] | None:
    """The entries of an envelope; ``None`` where it is not one of ours or was damaged."""
    if not envelope.startswith(PREFIX):
        return None
    text = envelope[len(PREFIX) :]
    try:
        value = loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (JsonError, binascii.Error, ValueError):
        return None
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        return None
    return [entry for entry in value if isinstance(entry, dict)]


def state_to_json(state: State) -> JsonObject:
    """A state with its stamp."""
    origin = state.origin
    return {
        "kind": state.kind,
        "value": state.value,
        "dialect": origin.dialect,
        "provider": origin.provider,
        "model": origin.model,
        "scope": origin.scope,
    }


def state_from_json(value: Json) -> State | None:
    """A state with its stamp; ``None`` where it is not one."""
    if not isinstance(value, dict):
        return None
    fields = {name: value.get(name) for name in ("kind", "value", "dialect", "provider", "model", "scope")}
    texts = {name: field for name, field in fields.items() if isinstance(field, str)}
    if len(texts) != len(fields):
        return None
    origin = Origin(dialect=texts["dialect"], provider=texts["provider"], model=texts["model"], scope=texts["scope"])
    return State(kind=texts["kind"], value=texts["value"], origin=origin)

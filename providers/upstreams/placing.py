"""A request put where a host wants it whose addresses, and some of whose words, are not the dialect's own."""

from urllib.parse import quote

import msgspec

from providers.spec.dialect import EncodedRequest
from providers.spec.values import JsonObject
from providers.upstreams.base import Call
from providers.wire.json import dumps, loads_object
from providers.wire.splice import with_members

_COLLECTION = "models/"
"""Gemini's callers may write it before a model's name; here it is part of the address."""


def placed(encoded: EncodedRequest, call: Call, *, stream: bool) -> EncodedRequest:
    """The same request at the host's address, its body and headers changed as the host wants them and no further."""
    model = quote(encoded.model.removeprefix(_COLLECTION), safe="@")
    if encoded.content is not None and not encoded.body:
        encoded = msgspec.structs.replace(encoded, body=loads_object(encoded.content))
    moved = _moved(encoded, call)
    kept = {name: value for name, value in encoded.body.items() if name not in call.without}
    return msgspec.structs.replace(
        encoded,
        path=(call.stream_path if stream else call.path).replace("{model}", model),
        body={**kept, **moved},
        # Where the bytes cannot be changed to the letter, the body is written anew.
        content=None if encoded.content is None else _content(encoded.content, call, moved),
        headers={name: value for name, value in encoded.headers.items() if name not in call.moved_headers},
    )


def _moved(encoded: EncodedRequest, call: Call) -> JsonObject:
    """What headers become in the body; what the caller wrote there stays."""
    found = {
        member: encoded.headers[header]
        for header, member in call.moved_headers.items()
        if header in encoded.headers and member not in encoded.body
    }
    return {member: call.values.get(value, value) for member, value in found.items()}


def _content(content: bytes, call: Call, moved: JsonObject) -> bytes | None:
    return with_members(content, drop=call.without, add={name: dumps(value) for name, value in moved.items()})

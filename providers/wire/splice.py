"""Replaces one top-level member of a JSON object's bytes and leaves every other byte as it is."""

import re

import msgspec

_KEY = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*')

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def replace_member(body: bytes, name: str, value: bytes) -> bytes | None:
    """``body`` with the value of its top-level member ``name`` replaced by the JSON text ``value``.

    ``None`` where that cannot be done to the letter: the body is no object, has no such member, or names it twice.
    """
    try:
        members = _members.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if name not in members:
        return None
    found = None
    position = 0
    for key, raw in members.items():
        matched = _KEY.match(body, position)
        text = bytes(raw)
        # A name that stands twice is one member here: then the values do not lie where they are expected.
        if matched is None or not body.startswith(text, matched.end()) or not _is_key(matched[1], key):
            return None
        start, position = matched.end(), matched.end() + len(text)
        if key == name:
            found = (start, position)
    if found is None or body[position:].strip() != b"}":
        return None
    return body[: found[0]] + value + body[found[1] :]


def _is_key(token: bytes, key: str) -> bool:
    if token[1:-1] == key.encode("utf-8", "surrogatepass"):
        return True
    return b"\\" in token and bool(msgspec.json.decode(token) == key)

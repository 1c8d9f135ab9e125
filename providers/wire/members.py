"""Renames and replaces top-level members of a JSON object's bytes and leaves every other byte as it is."""

import re
from collections.abc import Mapping

import msgspec

_KEY = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*')

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def changed_members(body: bytes, changes: Mapping[str, tuple[str, bytes]]) -> bytes | None:
    """``body`` with the members named in ``changes`` under the new name and with the JSON text that stand there.

    ``None`` where that cannot be done to the letter: the body is no object, has not all of them, or names any member
    twice.
    """
    try:
        members = _members.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if not changes.keys() <= members.keys():
        return None
    pieces = [(key, bytes(raw)) for key, raw in members.items()]
    # Without any space between them, as most clients write them, the members follow from their lengths; a member that
    # stands twice would add to the whole.
    if len(body) == 1 + sum(len(key) + len(text) + 4 for key, text in pieces):
        written = [changes.get(key, (key, text)) for key, text in pieces]
        return b"{%b}" % b",".join([b'"%b":%b' % (name.encode(), text) for name, text in written])
    return _spliced(body, pieces, changes)


def _spliced(body: bytes, pieces: list[tuple[str, bytes]], changes: Mapping[str, tuple[str, bytes]]) -> bytes | None:
    written: list[bytes] = []
    copied = position = 0
    for key, text in pieces:
        matched = _KEY.match(body, position)
        # A name that stands twice is one member here: then the values do not lie where they are expected.
        if matched is None or not body.startswith(text, matched.end()) or not _is_key(matched[1], key):
            return None
        start, position = matched.end(), matched.end() + len(text)
        if key in changes:
            name, value = changes[key]
            if name != key:
                written += (body[copied : matched.start(1)], msgspec.json.encode(name))
                copied = matched.end(1)
            written += (body[copied:start], value)
            copied = position
    if body[position:].strip() != b"}":
        return None
    return b"".join((*written, body[copied:]))


def _is_key(token: bytes, key: str) -> bool:
    if token[1:-1] == key.encode("utf-8", "surrogatepass"):
        return True
    return b"\\" in token and bool(msgspec.json.decode(token) == key)

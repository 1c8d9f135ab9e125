"""Renames and replaces top-level members of a JSON object's bytes and leaves every other byte as it is."""

import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

_KEY = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*')

_Place: TypeAlias = tuple[int, int, int, int]
"""Of a member: where its name begins and ends, and its value."""

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
    places = _counted(body, members) or _found(body, members)
    if places is None:
        return None
    # What is large is copied once, into the whole.
    whole = memoryview(body)
    written: list[bytes | memoryview] = []
    copied = 0
    for key, (name, text) in sorted(changes.items(), key=lambda change: places[change[0]]):
        start, end, value, behind = places[key]
        if name != key:
            written += (whole[copied:start], msgspec.json.encode(name))
            copied = end
        written += (whole[copied:value], text)
        copied = behind
    return b"".join((*written, whole[copied:]))


def _counted(body: bytes, members: Mapping[str, msgspec.Raw]) -> dict[str, _Place] | None:
    """Where members stand without any space between them, as most clients write them: it follows from their lengths.

    ``None`` where it does not; a member that stands twice would add to the whole.
    """
    places = {}
    start = 1
    for key, raw in members.items():
        end = start + len(key) + 2
        behind = end + 1 + len(raw)
        places[key] = (start, end, end + 1, behind)
        start = behind + 1
    return places if start == len(body) else None


def _found(body: bytes, members: Mapping[str, msgspec.Raw]) -> dict[str, _Place] | None:
    """Where members stand however they are spelled; ``None`` for any that stands twice."""
    places = {}
    position = 0
    for key, raw in members.items():
        matched = _KEY.match(body, position)
        # A name that stands twice is one member here: then the values do not lie where they are expected.
        if matched is None or not body.startswith(raw, matched.end()) or not _is_key(matched[1], key):
            return None
        position = matched.end() + len(raw)
        places[key] = (matched.start(1), matched.end(1), matched.end(), position)
    return places if body[position:].strip() == b"}" else None


def _is_key(token: bytes, key: str) -> bool:
    if token[1:-1] == key.encode("utf-8", "surrogatepass"):
        return True
    return b"\\" in token and bool(msgspec.json.decode(token) == key)

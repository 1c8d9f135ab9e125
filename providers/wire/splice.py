"""Changes top-level members of a JSON object's bytes and leaves every other byte as it is."""

import re
from collections.abc import Collection, Mapping

import msgspec

_KEY = re.compile(rb'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*')

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Member(msgspec.Struct, frozen=True):
    """Where one member stands."""

    name: str
    start: int
    """Behind the member before it: what separates the two belongs to the later one."""
    value: int
    end: int


def replace_member(body: bytes, name: str, value: bytes) -> bytes | None:
    """``body`` with the value of its top-level member ``name`` replaced by the JSON text ``value``.

    ``None`` where that cannot be done to the letter: the body is no object, has no such member, or names it twice.
    """
    members = _located(body)
    found = next((member for member in members or () if member.name == name), None)
    return None if found is None else body[: found.value] + value + body[found.end :]


def with_members(body: bytes, *, drop: Collection[str], add: Mapping[str, bytes]) -> bytes | None:
    """``body`` without the top-level members ``drop``, and with those of ``add``, as JSON text, at its end.

    ``None`` where that cannot be done to the letter: the body is no object, or names a member twice or one to be added.
    """
    members = _located(body)
    if members is None or any(member.name in add for member in members):
        return None
    opening = body.index(b"{") + 1
    tail = body[members[-1].end :] if members else body[opening:]
    kept = [body[member.start : member.end] for member in members if member.name not in drop]
    if kept:
        # Each begins with the comma or brace before it: the first needs none.
        kept[0] = kept[0].lstrip()[1:]
    added = b",".join(b"%s:%s" % (msgspec.json.encode(name), value) for name, value in add.items())
    return body[:opening] + b"".join(kept) + (b"," if kept and added else b"") + added + tail


def _located(body: bytes) -> list[_Member] | None:
    try:
        values = _members.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    members = []
    position = 0
    for key, raw in values.items():
        matched = _KEY.match(body, position)
        text = bytes(raw)
        # A name that stands twice is one member here: then the values do not lie where they are expected.
        if matched is None or not body.startswith(text, matched.end()) or not _is_key(matched[1], key):
            return None
        start, position = position, matched.end() + len(text)
        members.append(_Member(key, start, matched.end(), position))
    rest = body[position:].strip()
    return members if rest == (b"}" if members else rest) else None


def _is_key(token: bytes, key: str) -> bool:
    if token[1:-1] == key.encode("utf-8", "surrogatepass"):
        return True
    return b"\\" in token and bool(msgspec.json.decode(token) == key)

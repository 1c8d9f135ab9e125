"""The bytes of a relayed stream on their way to the caller: whole events, and no more."""

import re
from typing import Final

from providers.spec.values import JsonObject

_BOUNDARY: Final = re.compile(rb"\r?\n\r?\n")
_BOUNDARY_BYTES: Final = 4
_TELLS_ERROR: Final = re.compile(rb'"error"\s*:\s*[{"]|event:\s*error|"type"\s*:\s*"(?:error|response\.failed)"')
"""What an event that tells of an error holds, in each dialect. Within text the quotes would be escaped."""


class Relay:
    """Passes events on as they came. An event that is not whole waits, so that an error of ours can follow it."""

    ends: re.Pattern[bytes] | None = None
    """What the event holds with which a stream ends; ``None`` where it ends with its bytes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.response_id = ""
        """The answer's id, once it is known."""

    def feed(self, raw: bytes) -> bytes:
        """The events that are whole with these bytes."""
        if not self._held and raw.endswith(b"\n\n"):
            return raw
        # What is held has no boundary yet, so one can only end in what is new; a long event is not searched twice.
        start = max(0, len(self._held) - _BOUNDARY_BYTES)
        self._held += raw
        if b"\n" not in raw:
            return b""
        if self._held.find(b"\r", start) < 0:
            found = self._held.rfind(b"\n\n", start)
            cut = 0 if found < 0 else found + 2
        else:
            cut = _last_boundary(self._held, start, len(self._held))
        passed = bytes(self._held[:cut])
        del self._held[:cut]
        return passed

    def fail(self, raw: bytes) -> bytes:
        """The events before the one that tells of an error: that one is told in the router's words."""
        data, self._held = bytes(self._held) + raw, bytearray()
        found = _TELLS_ERROR.search(data)
        return data[: _last_boundary(data, 0, len(data) if found is None else found.start())]

    def end(self, raw: bytes, said: JsonObject) -> bytes:
        """The last bytes of a clean end, up to its terminator: what comes behind that is no part of the answer.

        ``said`` is the router's word on the answer.
        """
        data, self._held = bytes(self._held) + raw, bytearray()
        found = None if self.ends is None else self.ends.search(data)
        if found is None:
            return data + self.told(said)
        boundary = _BOUNDARY.search(data, found.end())
        end = len(data) if boundary is None else boundary.end()
        return b"".join((data[: found.start()], self.told(said), data[found.start() : end]))

    def told(self, said: JsonObject) -> bytes:
        """What the dialect's streams hold of the router's word, before their terminator."""
        return b""


def _last_boundary(data: bytes | bytearray, start: int, end: int) -> int:
    """Where the last event that ended between ``start`` and ``end`` ends."""
    cut = 0
    for match in _BOUNDARY.finditer(data, start, end):
        cut = match.end()
    return cut

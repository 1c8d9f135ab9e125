"""Server-sent events: bytes in, the data of each event out; no I/O.

An own reader because httpx2's drops an event whose closing blank line never came, and a `data: [DONE]` without one is
common; see https://html.spec.whatwg.org/multipage/server-sent-events.html for the rest.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

MAXIMUM_EVENT_CHARACTERS = 16 * 1024 * 1024
"""An event larger than this is refused, so that a broken server cannot fill the memory."""


class EventTooLarge(ValueError):
    """One event, or one line of it, is larger than is accepted."""


class EventReader:
    """Feed it bytes cut anywhere; it gives the data of every finished event. Comments and other fields are ignored."""

    def __init__(self, maximum_characters: int = MAXIMUM_EVENT_CHARACTERS) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="strict")
        self._maximum = maximum_characters
        self._line: list[str] = []
        self._data: list[str] = []
        self._size = 0
        self._after_carriage_return = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of each event that these bytes finish.

        Raises:
            EventTooLarge: an event exceeds the size limit.
            UnicodeDecodeError: the bytes are not UTF-8.
        """
        yield from self._read(self._decoder.decode(chunk))

    def close(self) -> Iterator[str]:
        """The data of an event whose closing blank line never came, if there is one.

        Raises:
            UnicodeDecodeError: the bytes end in the middle of a character.
        """
        yield from self._read(self._decoder.decode(b"", final=True) + "\n\n")

    def _read(self, text: str) -> Iterator[str]:
        if self._after_carriage_return and text:
            text = text.removeprefix("\n")
            self._after_carriage_return = False
        self._after_carriage_return = self._after_carriage_return or text.endswith("\r")
        *finished, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for part in finished:
            self._keep(part)
            line = "".join(self._line)
            self._line.clear()
            yield from self._take_line(line)
        self._keep(rest)

    def _keep(self, part: str) -> None:
        self._size += len(part)
        if self._size > self._maximum:
            raise EventTooLarge(f"an event is larger than {self._maximum} characters")
        if part:
            self._line.append(part)

    def _take_line(self, line: str) -> Iterator[str]:
        if not line:
            self._size = 0
            if self._data:
                data = "\n".join(self._data)
                self._data.clear()
                yield data
            return
        field, _, value = line.partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
        else:
            # A comment holds nothing worth bounding, and heartbeats between events must not add up.
            self._size -= len(line)

"""Server-sent events by the standard, from bytes cut anywhere to events, and back."""

import codecs

import msgspec


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event: its type (empty where none was given) and its data lines joined by newlines."""

    event: str
    data: str


class SseParser:
    """Feed it bytes as they come; it gives back the events completed by them.

    Comments, ids, retry fields and unknown fields are ignored, lines may end in LF, CR or CRLF, a UTF-8 sequence
    may be cut anywhere (STREAM-17, STREAM-18). Bytes that are not UTF-8 become U+FFFD, as the standard says.
    """

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest: list[str] = []
        self._event = ""
        self._data: list[str] = []
        self._first = True
        self._plain = True
        self._held: list[bytes] = []
        """Of ``pieces``: the beginning of an event."""

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Events completed by this chunk."""
        text = self._text.decode(chunk)
        if self._first and text:
            self._first = False
            text = text.removeprefix("\ufeff")
        if self._rest and "\n" not in text and "\r" not in text and not self._rest[-1].endswith("\r"):
            # The line goes on. Joined once, at its end, a long one costs no more than its length.
            self._rest.append(text)
            return []
        return self._take("".join(self._rest) + text)

    def pieces(self, chunk: bytes) -> list[bytes | ServerSentEvent]:
        """The same events as ``feed`` gives, one without a name as the bytes of its data where it is spelled plainly.

        Plainly: one ``data:`` line and nothing else. Bytes are not checked to be UTF-8. Either this is called or
        ``feed``, not both.
        """
        if not self._plain:
            events: list[bytes | ServerSentEvent] = [*self.feed(chunk)]
            self._plain = chunk.endswith((b"\n\n", b"\r\n\r\n")) and self._rest == [""] and not self._data
            return events
        held = self._held
        if b"\n" not in chunk and b"\r" not in chunk and not (held and held[-1].endswith((b"\r", b"\n"))):
            # No event ends here. Joined once, at its end, a long one costs no more than its length.
            if chunk:
                held.append(chunk)
            return []
        whole = b"".join((*held, chunk)) if held else chunk
        line = b"\r\n" if whole.startswith(b"\r\n", whole.find(b"\n") - 1) else b"\n"
        end = whole.rfind(line + line)
        if end < 0 and _ends_in_first_line(whole):
            self._held = [whole]
            return []
        found = whole[6:end].split(line + line + b"data: ")
        size = end + 2 * len(line)
        rest = whole[size:]
        plain = whole.startswith(b"data: ") and _are_plain(whole, size, line, len(found))
        if not plain or not _ends_in_first_line(rest):
            self._held = []
            self._plain = False
            return self.pieces(whole)
        self._first = False
        self._held = [rest] if rest else []
        return [*found]

    def close(self) -> list[ServerSentEvent]:
        """The last event, where the stream ended without the blank line that should end it.

        The standard discards it; providers do cut the last newline, and the event is whole.
        """
        if self._held:
            held, self._held = b"".join(self._held), []
            return [*self.feed(held), *self.close()]
        text = "".join(self._rest) + self._text.decode(b"", final=True)
        return self._take(text + "\n\n") if text or self._data else []

    def _take(self, text: str) -> list[ServerSentEvent]:
        if "\r" in text:
            # A CR at the very end may be half of a CRLF: it waits for the next chunk.
            held = "\r" if text.endswith("\r") else ""
            text = text[: len(text) - len(held)].replace("\r\n", "\n").replace("\r", "\n")
        else:
            held = ""
        *lines, rest = text.split("\n")
        self._rest = [rest + held]
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event, data = self._event, self._data
        self._event, self._data = "", []
        return ServerSentEvent(event, "\n".join(data)) if data else None


def _ends_in_first_line(whole: bytes) -> bool:
    """Whether there is no more than one line, which may have ended, and half of the blank one may have come."""
    line = whole.rstrip(b"\r\n")
    ended = whole[len(line) :]
    return b"\n" not in line and b"\r" not in line and ended in {b"", b"\n", b"\r", b"\r\n", b"\r\n\r"}


def _are_plain(whole: bytes, end: int, line: bytes, events: int) -> bool:
    """Whether up to ``end`` there are no more lines than the data of so many events and the blank ones behind them."""
    ends = 2 * events
    returns = ends if line == b"\r\n" else 0
    return whole.count(b"\n", 0, end) == ends and whole.count(b"\r", 0, end) == returns


def encode_event(data: bytes, event: str = "") -> bytes:
    """One event with one data line (``data`` must hold no newline: compact JSON has none)."""
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"

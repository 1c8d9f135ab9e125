"""Server-sent events by the standard, from bytes cut anywhere to events, and back."""

import codecs
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

_CR: Final = ord("\r")
_LF: Final = ord("\n")
_PLAIN_LINES: Final = 2
"""Of an event that is spelled plainly: its name and its data."""


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event: its type (empty where none was given) and its data lines joined by newlines."""

    event: str
    data: str


Piece: TypeAlias = bytes | tuple[bytes, bytes, bytes] | ServerSentEvent
"""An event: the bytes of its data; or those of its name, what stands between, and those of its data; or taken apart.

Bytes are not checked to be UTF-8.
"""


def event_of(piece: Piece) -> ServerSentEvent:
    """A piece taken apart."""
    if isinstance(piece, ServerSentEvent):
        return piece
    name, _, data = (b"", b"", piece) if isinstance(piece, bytes) else piece
    return ServerSentEvent(name.decode("utf-8", "replace"), data.decode("utf-8", "replace"))


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

    def pieces(self, chunk: bytes) -> Sequence[Piece]:
        """The same events as ``feed`` gives, as bytes where they are spelled plainly.

        Plainly: one ``data:`` line and nothing else, or behind an ``event:`` line. Either this is called or ``feed``,
        not both.
        """
        if not self._plain:
            events = self.feed(chunk)
            self._plain = chunk.endswith((b"\n\n", b"\r\n\r\n")) and self._rest == [""] and not self._data
            return events
        held = self._held
        if not held and (only := _only_piece(chunk)) is not None:
            self._first = False
            return [only]
        if not held and chunk.endswith(b"\n\n") and b"\r" not in chunk:
            # Whole events, as they nearly always come.
            plain = _plain_pieces(chunk, len(chunk) - 2, b"\n")
            if plain is not None:
                self._first = False
                return plain
        if b"\n" not in chunk and b"\r" not in chunk and not (held and held[-1].endswith((b"\r", b"\n"))):
            # No event ends here. Joined once, at its end, a long one costs no more than its length.
            if chunk:
                held.append(chunk)
            return []
        whole = b"".join((*held, chunk)) if held else chunk
        line = b"\r\n" if b"\r" in whole and whole.startswith(b"\r\n", whole.find(b"\n") - 1) else b"\n"
        blank = line + line
        end = whole.rfind(blank)
        if end < 0 and _may_go_on(whole):
            self._held = [whole]
            return []
        plain = _plain_pieces(whole, end, line)
        rest = whole[end + len(blank) :]
        if plain is None or (rest and not _may_go_on(rest)):
            self._held = []
            self._plain = False
            return self.pieces(whole)
        self._first = False
        self._held = [rest] if rest else []
        return plain

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


def _only_piece(chunk: bytes) -> Piece | None:
    """The one plain event that a chunk is: so they come from a model, which is slower than the network."""
    if _CR in chunk:
        end = len(chunk) - 4
        is_one = chunk.startswith(b"data: ") and chunk.endswith(b"\r\n\r\n")
        return chunk[6:end] if is_one and chunk.find(_CR) == end and chunk.find(_LF) == end + 1 else None
    if not chunk.endswith(b"\n\n"):
        return None
    first, end = chunk.find(_LF), len(chunk) - 2
    if first == end:
        return chunk[6:end] if chunk.startswith(b"data: ") else None
    is_one = chunk.startswith(b"event: ") and chunk.startswith(b"data: ", first + 1)
    return (
        (chunk[7:first], b"\ndata: ", chunk[first + 7 : end]) if is_one and chunk.find(_LF, first + 1) == end else None
    )


def _may_go_on(whole: bytes) -> bool:
    """Whether there are no more than the lines of one plain event, and half of the blank one may have come."""
    if b"\r" not in whole:
        return whole.count(b"\n") <= _PLAIN_LINES and b"\n\n" not in whole and not whole.startswith(b"\n")
    line = whole.rstrip(b"\r\n")
    ended = whole[len(line) :]
    return b"\n" not in line and b"\r" not in line and ended in {b"\r", b"\r\n", b"\r\n\r"}


def _plain_pieces(whole: bytes, end: int, line: bytes) -> Sequence[Piece] | None:
    """The events up to ``end``, where all are spelled alike and plainly."""
    if whole.startswith(b"data: "):
        events = whole[6:end].split(line + line + b"data: ")
        text = b"".join(events)
        return None if b"\n" in text or b"\r" in text else events
    if whole.startswith(b"event: "):
        named = [event.partition(line + b"data: ") for event in whole[7:end].split(line + line + b"event: ")]
        lines = 3 * len(named) - 2
        returns = lines if line == b"\r\n" else 0
        if whole.count(b"\n", 0, end) == lines and (b"\r" in whole and whole.count(b"\r", 0, end)) == returns:
            return None if b"" in [between for _, between, _ in named] else named
    return None


def encode_event(data: bytes, event: str = "") -> bytes:
    """One event with one data line (``data`` must hold no newline: compact JSON has none)."""
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"

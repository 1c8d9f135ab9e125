"""The chunks of a streamed answer, from bytes cut anywhere.

Asked with ``alt=sse`` Google sends events, else one JSON array; a host that fails may send one JSON object, its error.
What the first character is decides which of these it is.
"""

import codecs
from collections.abc import Sequence
from typing import Final

from providers.wire.sse import Piece, SseParser

_SPACE: Final = " \t\r\n\ufeff"


class ChunkParser:
    """Feed it bytes as they come; it gives back the JSON texts completed by them."""

    def __init__(self) -> None:
        self._head = b""
        self._parser: _Events | _Values | None = None

    def feed(self, chunk: bytes) -> Sequence[str | Piece]:
        """Texts completed by these bytes; as the pieces they came in, where they came as events."""
        if self._parser is None:
            self._head += chunk
            start = self._head.decode("utf-8", "ignore").lstrip(_SPACE)
            if not start:
                return []
            self._parser = _Values() if start[0] in "[{" else _Events()
            chunk, self._head = self._head, b""
        return self._parser.feed(chunk)

    def close(self) -> Sequence[str | Piece]:
        """The last text, where its end is missing."""
        return [] if self._parser is None else self._parser.close()


class _Events:
    """Server-sent events."""

    def __init__(self) -> None:
        self._parser = SseParser()

    def feed(self, chunk: bytes) -> Sequence[Piece]:
        return self._parser.pieces(chunk)

    def close(self) -> Sequence[Piece]:
        return self._parser.close()


class _Values:
    """Objects one after another, inside an array or not."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self._depth = 0
        self._in_text = False
        self._escaped = False

    def feed(self, chunk: bytes) -> list[str]:
        texts: list[str] = []
        data = self._decoder.decode(chunk)
        start = 0
        for position, letter in enumerate(data):
            if self._depth == 0:
                if letter != "{":
                    continue
                start, self._depth = position, 1
            elif self._ends_object(letter):
                texts.append("".join([*self._pieces, data[start : position + 1]]))
                self._pieces.clear()
        if self._depth:
            self._pieces.append(data[start:])
        return texts

    def _ends_object(self, letter: str) -> bool:
        """Take one character inside an object; whether it was its last."""
        if self._in_text:
            if self._escaped:
                self._escaped = False
            elif letter == "\\":
                self._escaped = True
            elif letter == '"':
                self._in_text = False
        elif letter == '"':
            self._in_text = True
        elif letter == "{":
            self._depth += 1
        elif letter == "}":
            self._depth -= 1
        return self._depth == 0

    def close(self) -> list[str]:
        """An object that was cut: it is no JSON, and its reader says so."""
        return ["".join(self._pieces)] if self._depth else []

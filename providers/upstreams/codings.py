"""Undoes the content codings of an answer, piece by piece."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

PIECE_BYTES = 1 << 20
"""What is undone is handed out in pieces no larger than this: a small body can stand for a very large one."""

_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
"""What zlib calls the three forms. ``deflate`` means the second, and some hosts send the third."""


class CodingError(Exception):
    """The body is not encoded as its headers say, or in a way that nobody asked for."""


class Undoing(Protocol):
    """One coding being undone."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes stand for. Raises CodingError."""
        ...

    def close(self) -> None:
        """The body has ended. Raises CodingError where it must not end here."""
        ...


def undoing(codings: Sequence[str]) -> Undoing | None:
    """What undoes these values of ``content-encoding``; ``None`` where there is nothing to undo.

    ``gzip`` and ``deflate`` are; none was asked for, and some hosts compress all the same. Raises CodingError for any
    other.
    """
    names = [name for value in codings for part in value.split(",") if (name := part.strip().lower())]
    steps: list[Undoing] = []
    for name in reversed(names):
        match name:
            case "identity":
                continue
            case "gzip" | "x-gzip":
                steps.append(_Zlib((_GZIP,)))
            case "deflate":
                steps.append(_Zlib((_ZLIB, _BARE)))
            case _:
                raise CodingError
    if not steps:
        return None
    return steps[0] if len(steps) == 1 else _Chain(steps)


class _Zlib:
    def __init__(self, forms: Sequence[int]) -> None:
        self._forms = list(forms)
        self._inflate = zlib.decompressobj(self._forms.pop(0))
        self._began = False
        self._said = False
        """Something came out: the form is the right one."""
        self._start = b""
        """What was fed before that."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        more = bool(data)
        while more:
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error:
                if self._said or not self._forms:
                    raise CodingError from None
                # So far it may as well be the other form.
                self._inflate = zlib.decompressobj(self._forms.pop(0))
                data, self._start = self._start + data, b""
                continue
            self._began = True
            self._said = self._said or bool(piece)
            if not self._said and self._forms:
                self._start += data
            if piece:
                yield piece
            data = self._inflate.unconsumed_tail
            # What follows the end is padding, and ignored as everywhere. A full piece may have left some inside.
            more = not self._inflate.eof and (bool(data) or len(piece) == PIECE_BYTES)

    def close(self) -> None:
        if self._began and not self._inflate.eof:
            raise CodingError


class _Chain:
    def __init__(self, steps: Sequence[Undoing]) -> None:
        self._first, self._rest = steps[0], list(steps[1:])

    def feed(self, data: bytes) -> Iterator[bytes]:
        pieces = self._first.feed(data)
        for step in self._rest:
            pieces = _through(step, pieces)
        return pieces

    def close(self) -> None:
        for step in (self._first, *self._rest):
            step.close()


def _through(step: Undoing, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from step.feed(piece)

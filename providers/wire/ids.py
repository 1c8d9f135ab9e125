"""Call ids made legal for a target by a deterministic, injective rewrite."""

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_PAIRS = [first + second for second in _BASE62 for first in _BASE62]
"""Two digits at a time, the lower one first."""


def base62_digest(text: str, length: int) -> str:
    """``length`` letters and digits that depend on the whole of ``text`` (5.95 bits each).

    The same in every release: renamed tools and rewritten ids are part of what a provider's cache knows a prompt by.
    """
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    pairs = []
    for _ in range(0, length, 2):
        number, pair = divmod(number, 62 * 62)
        pairs.append(_PAIRS[pair])
    return "".join(pairs)[:length]


def is_legal(text: str, pattern: str) -> bool:
    """Whether a name or an id matches ``pattern`` in full."""
    return matcher(pattern)(text) is not None


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], object]:
    """What gives something for a text that matches ``pattern`` in full, and ``None`` for any other."""
    return re.compile(pattern).fullmatch


@lru_cache(maxsize=4096)
def legal_id(original: str, pattern: str, length: int = 64) -> str:
    """``original`` where it matches ``pattern`` in full, else an id that does, with a digest of the whole original.

    Ids that differ stay different (ID-01 to ID-04): a rewritten id keeps a readable stem and ends in twelve
    digest characters, or is all digest where the pattern wants exactly ``length`` letters and digits.
    """
    if re.fullmatch(pattern, original):
        return original
    stem = re.sub(r"[^a-zA-Z0-9_-]", "_", original)[: max(0, length - 13)]
    readable = f"{stem}_{base62_digest(original, 12)}"
    if re.fullmatch(pattern, readable):
        return readable
    return base62_digest(original, length)


class UniqueIds:
    """Legal ids of one conversation, each given once: an id that comes again is told apart by its repetition."""

    def __init__(self, pattern: str, length: int) -> None:
        self._pattern = pattern
        self._length = length
        self._given: set[str] = set()
        self._repeats: dict[str, int] = {}
        """How often an id has come, where it has come again."""

    def of(self, original: str) -> str:
        """The legal id of this occurrence."""
        # From where its last repetition ended: an id that is the same in every turn must not cost the square of them.
        repeat = self._repeats.get(original, 1)
        written = legal_id(original if repeat == 1 else _repeated(original, repeat), self._pattern, self._length)
        while written in self._given:
            repeat += 1
            written = legal_id(_repeated(original, repeat), self._pattern, self._length)
        if repeat > 1:
            self._repeats[original] = repeat
        self._given.add(written)
        return written


def _repeated(original: str, repeat: int) -> str:
    return f"{original} ({repeat})"

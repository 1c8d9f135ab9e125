"""One growing text, parted into what may be shown and the calls written in it, wherever it is cut (TEXT-03)."""

from collections.abc import Callable
from typing import Final

from router.verdicts.written.cursor import Cursor, NeedMoreError, NoCallError
from router.verdicts.written.grammar import STARTS, STARTS_PATTERN, Block, Names, block_at, whole_json

FULL_WIDTH: Final = str.maketrans("｜▁＜＞", "|_<>")
"""Signs of markup as DeepSeek's models write them, one for one."""

_LONGEST_START: Final = max(map(len, STARTS))
_MOST_GAP: Final = 64
"""Characters of white space before a block that go with it."""
_MOST_BLOCK: Final = 1 << 17
"""Characters of a block: with more it is text, and nothing is held back for longer."""
_SLACK: Final = 512
"""More than the ends that may follow a block take."""
_FEW: Final = 256
"""So short a text is looked at with each piece; a longer one where the piece may have closed it."""
_CLOSERS: Final = frozenset(">]}`\n")


class Scanner:
    """Reads one text in pieces.

    ``takes``: whether the calls of a block are to be made; it stays text where they are not. ``alone``: the text may
    also be nothing but one call as JSON.
    """

    def __init__(self, names: Names, takes: Callable[[Block], bool], *, alone: bool) -> None:
        self._names = names
        self._takes = takes
        self._alone = alone
        self._held = ""
        self._gap = ""
        """White space around a block: shown where text is on both sides of it."""
        self._behind_block = False
        self._shown = False
        self._quiet = False
        """What is held began as a block and has not been closed."""

    def feed(self, text: str) -> str:
        """What may be shown with this piece."""
        self._held += text
        if self._quiet and len(self._held) > _FEW and _CLOSERS.isdisjoint(text) and len(self._held) < _MOST_BLOCK:
            return ""
        return self._read(final=False)

    def close(self) -> str:
        """The text ended: what was held and is no call."""
        return self._read(final=True)

    @property
    def held(self) -> str:
        """What has not been shown yet, as it came."""
        return self._gap + self._held

    def _read(self, *, final: bool) -> str:
        shown = ""
        self._quiet = False
        while self._held:
            plain = self._held if self._held.isascii() else self._held.translate(FULL_WIDTH)
            found = None if self._alone else STARTS_PATTERN.search(plain)
            if not self._alone and found is None:
                cut = len(plain) if final else _decided(plain)
                shown += self._show(cut)
                break
            start = 0 if found is None else found.start()
            begin = _before_gap(plain, start)
            cursor = Cursor(self._held, plain, start, final=final)
            try:
                block = whole_json(cursor, self._names) if found is None else block_at(cursor, self._names)
                if block.end - start > _MOST_BLOCK or not self._takes(block):
                    raise NoCallError
            except NeedMoreError:
                if len(plain) - start <= _MOST_BLOCK + _SLACK:
                    shown += self._show(begin)
                    self._quiet = True
                    break
                shown += self._past(found is None, start)
            except NoCallError:
                shown += self._past(found is None, start)
            else:
                shown += self._show(begin)
                self._take(start - begin, block.end - begin)
        return shown

    def _past(self, was_alone: bool, start: int) -> str:
        """Go on behind what turned out to be no call."""
        self._alone = False
        return "" if was_alone else self._show(start + 1)

    def _take(self, gap: int, end: int) -> None:
        self._alone = False
        self._gap += self._held[:gap]
        self._held = self._held[end:]
        self._behind_block = True

    def _show(self, length: int) -> str:
        if not length:
            return ""
        self._alone = False
        text, self._held = self._held[:length], self._held[length:]
        if self._behind_block:
            bare = text.lstrip()
            self._gap += text[: len(text) - len(bare)]
            if not bare:
                return ""
            text = self._gap + bare if self._shown else bare
            self._gap = ""
            self._behind_block = False
        self._shown = self._shown or not text.isspace()
        return text


def _decided(plain: str) -> int:
    """How much of a text without a block can be neither the beginning of one nor the white space before it."""
    for start in range(max(0, len(plain) - _LONGEST_START), len(plain)):
        if plain[start] in "<[" and any(option.startswith(plain[start:]) for option in STARTS):
            return _before_gap(plain, start)
    return _before_gap(plain, len(plain))


def _before_gap(plain: str, start: int) -> int:
    begin = start
    while begin > 0 and start - begin < _MOST_GAP and plain[begin - 1].isspace():
        begin -= 1
    return begin

"""A place in a text that may go on: a step takes what it wants, or says that it needs more, or that no call is here."""

import re
from typing import Final

_MOST_SPACE: Final = 64
"""Characters of white space within markup; with more it is none."""
_DEEPEST: Final = 200
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|(\\?\Z))|[{}\[\]]', re.DOTALL)
_CLOSES: Final = {"{": "}", "[": "]"}


class NeedMoreError(Exception):
    """The text may go on, and what is there may still become a call."""


class NoCallError(Exception):
    """This is no call, whatever follows."""


class Cursor:
    """Walks one text.

    ``plain`` is ``raw`` with the full-width signs of markup as ASCII: as long, and what literals are looked for in.
    ``final``: nothing follows.
    """

    def __init__(self, raw: str, plain: str, at: int, *, final: bool) -> None:
        self.raw = raw
        self.plain = plain
        self.at = at
        self.final = final

    def literal(self, *options: str) -> str:
        """Take one of these. Raises NoCallError where none stands here."""
        found = self.maybe(*options)
        if found is None:
            raise NoCallError
        return found

    def maybe(self, *options: str) -> str | None:
        """Take one of these where it stands here. No option may begin another."""
        for option in options:
            if self.plain.startswith(option, self.at):
                self.at += len(option)
                return option
        rest = self.plain[self.at : self.at + max(map(len, options))]
        may_grow = not self.final and self.at + len(rest) == len(self.plain)
        if may_grow and any(option.startswith(rest) for option in options):
            raise NeedMoreError
        return None

    def maybe_after_space(self, *options: str) -> str | None:
        """The same behind white space, which is left where it is if none follows."""
        before = self.at
        try:
            self.space()
        except NoCallError:
            return None
        found = self.maybe(*options)
        if found is None:
            self.at = before
        return found

    def ahead(self, character: str) -> bool:
        """Whether this character is next."""
        if self.at == len(self.plain) and not self.final:
            raise NeedMoreError
        return self.plain.startswith(character, self.at)

    def nothing(self) -> None:
        """Make sure that the text ends here."""
        if self.at < len(self.plain):
            raise NoCallError
        if not self.final:
            raise NeedMoreError

    def space(self) -> None:
        """Pass white space."""
        end = self.at
        while end < len(self.plain) and self.plain[end].isspace():
            end += 1
        if end - self.at > _MOST_SPACE:
            raise NoCallError
        self.at = end

    def word(self, pattern: re.Pattern[str], known: tuple[str, ...]) -> str:
        """Take what the pattern matches, one of the known names with something behind it."""
        match = pattern.match(self.plain, self.at)
        if match is not None:
            self.at = match.end()
            return match[0]
        rest = self.plain[self.at :]
        if not self.final and any(name.startswith(rest) for name in known):
            raise NeedMoreError
        raise NoCallError

    def until(self, closer: str) -> str:
        """Take what stands before the next ``closer``, and that as well."""
        end = self.plain.find(closer, self.at)
        if end < 0:
            raise NoCallError if self.final else NeedMoreError
        taken = self.raw[self.at : end]
        self.at = end + len(closer)
        return taken

    def json(self) -> str:
        """Take an object or array: up to the bracket that closes it, whatever is between."""
        stack: list[str] = []
        for token in _TOKEN.finditer(self.raw, self.at):
            bracket = token[0]
            if not stack and (token.start() != self.at or bracket not in _CLOSES):
                raise NoCallError
            if token[1] is not None:
                break
            if bracket in _CLOSES:
                stack.append(_CLOSES[bracket])
                if len(stack) > _DEEPEST:
                    raise NoCallError
            elif bracket in {"}", "]"}:
                if stack.pop() != bracket:
                    raise NoCallError
                if not stack:
                    taken = self.raw[self.at : token.end()]
                    self.at = token.end()
                    return taken
        if self.final or (not stack and self.at < len(self.raw)):
            raise NoCallError
        raise NeedMoreError

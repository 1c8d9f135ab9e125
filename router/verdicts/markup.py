"""Calls that arrive as text: the markup of models whose host did not read it (TEXT-01 to TEXT-03)."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.errors import InvalidToolCallError
from providers.spec.events import PartDelta, PartEnd, PartStart, StreamError, StreamEvent
from providers.spec.parts import TextPart
from providers.spec.response import Response

_FULL_WIDTH: Final = str.maketrans("｜▁＜＞", "|_<>")  # as DeepSeek's models write them
_NAMED: Final = r'\{\s{0,4}"name"\s{0,4}:\s{0,4}"'

_MARKUP: Final = (
    rf"<tool_call>\s{{0,8}}{_NAMED}NAME",  # Hermes, Qwen
    r"<tool_call>\s{0,8}NAME\s{0,8}<",  # GLM
    r"<function=NAME>",  # Qwen's coders, Llama
    r'<(?:\|DSML\||antml:|)invoke name="NAME',  # DeepSeek from V3.2 on, and those that write like Claude
    r"<\|tool_call_begin\|>\s{0,8}(?:function\s{0,4}<\|tool_sep\|>)?(?:functions\.)?NAME",  # DeepSeek, Kimi
    rf"\[TOOL_CALLS\]\s{{0,8}}(?:\[?\s{{0,4}}{_NAMED})?NAME",  # Mistral
    r"<\|(?:channel|start)\|>[a-z ]{0,24}to=functions\.NAME",  # gpt-oss
    rf"<\|python_tag\|>\s{{0,8}}(?:{_NAMED})?NAME",  # Llama
)
"""How models write calls, ``NAME`` for the tool's; full-width signs are read as their ASCII ones.

A name that was declared has to stand where it does in a call: text that only speaks of such markup is none (TEXT-02).
"""

_LONGEST_FRAME: Final = 96
"""More than any markup takes beside the name."""
_OPENERS: Final = re.compile(r"[<\[]")
_REASON: Final = "the text holds a call as the model writes it, which its host did not read: no call was made of it"


class Markup:
    """What a call of one of the request's tools looks like as text."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._compiled: re.Pattern[str] | None = None

    def stands_in(self, text: str) -> bool:
        """Whether there is a call in the text. Never without declared tools."""
        return self.may_stand_in(text) and self._pattern().search(text.translate(_FULL_WIDTH)) is not None

    def stands_in_answer(self, response: Response) -> bool:
        """Whether there is one in any text of a whole answer."""
        for candidate in response.candidates:
            for part in candidate.parts:
                if type(part) is TextPart and self.stands_in(part.text):
                    return True
        return False

    def safe_length(self, text: str) -> int:
        """How much of a text that goes on can be no beginning of markup."""
        if not self.may_stand_in(text):
            return len(text)
        # No markup is longer up to its name.
        start = max(0, len(text) - _LONGEST_FRAME - max(map(len, self._names)))
        found = _OPENERS.search(text.translate(_FULL_WIDTH), start)
        return len(text) if found is None else found.start()

    def may_stand_in(self, text: str) -> bool:
        """Whether there is a sign that every markup begins with: most texts have none, and need no pattern."""
        return ("<" in text or "[" in text or "＜" in text) and any(self._names)

    def _pattern(self) -> re.Pattern[str]:
        if self._compiled is None:
            # Something has to follow: a name may still go on in the next piece of a stream.
            name = f"(?:{'|'.join(map(re.escape, filter(None, self._names)))})(?=[^\\w-])"
            self._compiled = re.compile("|".join(_MARKUP).replace("NAME", name))
        return self._compiled


class MarkupWatch:
    """Looks for markup in the texts of a stream, wherever it is cut.

    ``holds``: what may be the beginning of markup is held back until it is known that it is none, and markup is an
    error; else the events pass as they come.
    """

    def __init__(self, markup: Markup, *, holds: bool) -> None:
        self._markup = markup
        self._holds = holds
        self._open: dict[tuple[int, int], str] = {}
        """The end of each open text that may begin markup; where texts are held, what is held."""
        self._begun = False
        """Whether there may be any such end."""
        self.found = False

    def feed(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """The events that may go on now; the last is an error where markup was found that may not pass."""
        if not self._holds:
            self._look(events)
            return events
        passed: list[StreamEvent] = []
        for event in events:
            passed += self._passed(event)
            if self.found:
                return [*passed, StreamError(error=refused())]
        return passed

    def _look(self, events: Sequence[StreamEvent]) -> None:
        """Look into the texts, where nothing is held."""
        for event in events:
            if type(event) is PartDelta:
                if (self._begun or self._markup.may_stand_in(event.text)) and self._is_open(event):
                    self._ready(event.candidate, event.index, event.text)
            elif isinstance(event, PartStart) and isinstance(event.part, TextPart):
                self._open[event.candidate, event.index] = ""
                self._ready(event.candidate, event.index, event.part.text)
            elif isinstance(event, PartEnd):
                self._open.pop((event.candidate, event.index), None)

    def _passed(self, event: StreamEvent) -> Iterable[StreamEvent]:
        match event:
            case PartStart(part=TextPart(text=text) as part):
                self._open[event.candidate, event.index] = ""
                ready = self._ready(event.candidate, event.index, text)
                if ready == text:
                    return [event]
                return [msgspec.structs.replace(event, part=msgspec.structs.replace(part, text=ready))]
            case PartDelta(text=text) if (event.candidate, event.index) in self._open:
                ready = self._ready(event.candidate, event.index, text)
                return [msgspec.structs.replace(event, text=ready)] if ready else []
            case PartEnd():
                kept = self._open.pop((event.candidate, event.index), "")
                last = PartDelta(index=event.index, candidate=event.candidate, text=kept)
                return [last, event] if kept else [event]
            case _:
                return [event]

    def _is_open(self, event: PartDelta) -> bool:
        return (event.candidate, event.index) in self._open

    def _ready(self, candidate: int, index: int, text: str) -> str:
        """What may pass of a text and what was held of it before."""
        whole = self._open[candidate, index] + text
        self.found = self.found or self._markup.stands_in(whole)
        safe = self._markup.safe_length(whole)
        self._open[candidate, index] = whole[safe:]
        self._begun = any(self._open.values())
        return "" if self.found and self._holds else whole[:safe]


def report_markup(report: Report) -> None:
    """Say that there is a call in the text."""
    report.add("response.content", "downgraded", _REASON)


def refused() -> InvalidToolCallError:
    """The error for a call as text where policy lets no wrong call through."""
    return InvalidToolCallError(f"{_REASON}; router.tool_validation is reject", code="call_as_text")

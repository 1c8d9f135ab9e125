"""Conversations in which nothing is out of the ordinary, written as turns that every provider takes as they are.

Texts, calls with their arguments, and results in text; each call answered once. Nothing in them would be reported,
mended or refused. Whatever holds anything else is not written here at all.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from providers.spec.parts import Part, TextPart, ToolCallPart, ToolResultPart
from providers.spec.request import Message
from providers.spec.values import Form, Json, JsonObject
from providers.wire.ids import matcher
from providers.wire.json import JsonError, loads_object


class Words(msgspec.Struct, frozen=True):
    """How a dialect says what a turn is made of."""

    text: Callable[[str], Json]
    """A text, which is not blank."""
    call: Callable[[str, str, JsonObject], Json]
    """A call: its id, its tool's name and its arguments."""
    result: Callable[[str, str, list[str]], Json]
    """What came of a call: the call's id, its tool's name, and texts."""


class PlainTurn(msgspec.Struct):
    """What one side said until the other spoke."""

    role: Literal["user", "assistant"]
    said: list[Json] = []
    """Texts and calls."""
    called: bool = False
    """Whether it has calls."""
    results: list[tuple[int, Json]] = []
    """The place of a call among all, and what came of it; in the order of the calls."""


class PlainTurns(msgspec.Struct, frozen=True):
    """A conversation."""

    system: list[Json]
    """Texts that were said to the model beforehand."""
    turns: list[PlainTurn]
    """In turn, the user's first and last."""
    last_called: bool
    """Whether the model's last turn has calls."""


def plain_turns(messages: tuple[Message, ...], dialect: str, ids: str, names: str, words: Words) -> PlainTurns | None:
    """The conversation in the words of ``dialect``; ``None`` for any that is not plain, or was written in it already.

    ``ids``, ``names``: the patterns of calls' ids and of tools' names that need no change.
    """
    walk = _Walk(dialect, ids, names, words)
    for message in messages:
        if message.name is not None or message.ext or (message.form is not None and walk.is_own(message.form)):
            return None
        match message.role:
            case "assistant":
                taken = walk.turn("assistant", message.parts)
            case "user" | "tool":
                taken = walk.turn("user", message.parts)
            case _:
                taken = walk.lead(message.parts)
        if not taken:
            return None
    return walk.end()


class _Walk:
    __slots__ = ("_began", "_calls", "_dialect", "_is_id", "_is_name", "_system", "_turns", "_waiting", "_words")

    def __init__(self, dialect: str, ids: str, names: str, words: Words) -> None:
        self._dialect = dialect
        self._is_id = matcher(ids)
        self._is_name = matcher(names)
        self._words = words
        self._system: list[Json] = []
        self._turns: list[PlainTurn] = []
        self._began = False
        self._calls: dict[str, tuple[int, str]] = {}
        """Place among all and name of every call, by its id."""
        self._waiting: set[str] = set()
        """Ids of those without a result."""

    def is_own(self, form: Form) -> bool:
        """Whether this is the spelling of the target's own dialect."""
        return form.dialect == self._dialect

    def lead(self, parts: tuple[Part, ...]) -> bool:
        """A message before the conversation; false for one that is not plain."""
        if self._began:
            return False
        for part in parts:
            if type(part) is not TextPart:
                return False
            if not self._text(part, self._system):
                return False
        return True

    def turn(self, role: Literal["user", "assistant"], parts: tuple[Part, ...]) -> bool:
        """A message of the model's, or of the user's and of tools; false for one that is not plain."""
        self._began = True
        last = self._turns[-1] if self._turns else None
        turn = last if last is not None and last.role == role else PlainTurn(role)
        if role == "assistant" and (last is None or (turn is not last and self._waiting)):
            return False
        for part in parts:
            if type(part) is TextPart:
                taken = self._text(part, turn.said)
            elif type(part) is ToolCallPart:
                taken = role == "assistant" and self._call(part, turn)
            else:
                taken = role == "user" and type(part) is ToolResultPart and self._result(part, turn)
            if not taken:
                return False
        if turn is not last and (turn.said or turn.results):
            self._turns.append(turn)
        return True

    def end(self) -> PlainTurns | None:
        """The conversation, where it has ended with the user's turn and every call has its result."""
        turns = self._turns
        if self._waiting or not turns or turns[-1].role != "user":
            return None
        for turn in turns:
            if len(turn.results) > 1:
                turn.results.sort(key=_place)
        return PlainTurns(self._system, turns, len(turns) > 1 and turns[-2].called)

    def _text(self, part: TextPart, said: list[Json]) -> bool:
        text = self._plain(part)
        if text:
            said.append(self._words.text(text))
        return text is not None

    def _plain(self, part: TextPart) -> str | None:
        """What the text says; ``None`` for one that is not plain."""
        if part.annotations or part.state is not None or part.ext:
            return None
        # A blank text is refused by some.
        if part.text.isspace() or (part.form is not None and self.is_own(part.form)):
            return None
        return part.text

    def _call(self, part: ToolCallPart, turn: PlainTurn) -> bool:
        if part.kind != "function" or part.executed_by != "client" or part.state is not None or part.ext:
            return False
        if part.form is not None and self.is_own(part.form):
            return False
        call_id, name = part.id, part.name
        if not call_id or call_id in self._calls or not self._is_id(call_id) or not self._is_name(name):
            return False
        try:
            arguments = loads_object(part.arguments) if part.arguments.strip() else {}
        except JsonError:
            return False
        self._calls[call_id] = len(self._calls), name
        self._waiting.add(call_id)
        turn.said.append(self._words.call(call_id, name, arguments))
        turn.called = True
        return True

    def _result(self, part: ToolResultPart, turn: PlainTurn) -> bool:
        if part.outcome != "ok" or part.executed_by != "client" or part.state is not None or part.ext:
            return False
        if part.form is not None and self.is_own(part.form):
            return False
        call_id = part.call_id
        if call_id not in self._waiting:
            return False
        self._waiting.remove(call_id)
        texts: list[str] = []
        for item in part.content:
            text = self._plain(item) if type(item) is TextPart else None
            if text is None:
                return False
            texts.append(text)
        place, name = self._calls[call_id]
        turn.results.append((place, self._words.result(call_id, name, texts)))
        return True


def _place(result: tuple[int, Json]) -> int:
    return result[0]

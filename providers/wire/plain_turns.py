"""Conversations in which nothing is out of the ordinary, read as turns that every provider takes as they are.

Texts, calls with their arguments, and results in text; each call answered once. Nothing in them would be reported,
mended or refused. Whatever holds anything else is not read here at all.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from providers.spec.parts import Part, TextPart, ToolCallPart, ToolResultPart
from providers.spec.request import Message
from providers.spec.values import JsonObject, Value
from providers.wire.ids import is_legal
from providers.wire.json import JsonError, loads_object


class PlainCall(msgspec.Struct, frozen=True):
    """A call that the model made."""

    id: str
    name: str
    arguments: JsonObject


class PlainTurn:
    """What one side said until the other spoke."""

    __slots__ = ("results", "role", "said")

    def __init__(self, role: Literal["user", "assistant"]) -> None:
        self.role = role
        self.said: list[str | PlainCall] = []
        """Texts, none of them blank, and calls."""
        self.results: list[tuple[int, PlainCall, list[str]]] = []
        """The place of a call among all, the call, and the texts that came of it; in the order of the calls."""


class PlainTurns(msgspec.Struct, frozen=True):
    """A conversation."""

    system: list[str]
    """What was said to the model beforehand."""
    turns: list[PlainTurn]
    """In turn, the user's first and last."""
    last_called: bool
    """Whether the model's last turn has calls."""


def plain_turns(messages: tuple[Message, ...], dialect: str, ids: str, names: str) -> PlainTurns | None:
    """The conversation; ``None`` for any that is not plain, or that was written in ``dialect``.

    ``ids``, ``names``: the patterns of calls' ids and of tools' names that need no change.
    """
    walk = _Walk(dialect, ids, names)
    for message in messages:
        if message.name is not None or not walk.is_bare(message):
            return None
        match message.role:
            case "assistant":
                taken = walk.assistant(message)
            case "user" | "tool":
                taken = walk.user(message)
            case _:
                taken = walk.lead(message)
        if not taken:
            return None
    return walk.end()


class _Walk:
    def __init__(self, dialect: str, ids: str, names: str) -> None:
        self._dialect = dialect
        self._ids = ids
        self._names = names
        self._system: list[str] = []
        self._turns: list[PlainTurn] = []
        self._began = False
        self._places: dict[str, int] = {}
        """Of every call, by its id."""
        self._waiting: dict[str, PlainCall] = {}
        self._last_called = False

    def is_bare(self, value: Value) -> bool:
        """Whether nothing is carried with it, and it is not spelled in the target's own dialect."""
        return not value.ext and (value.form is None or value.form.dialect != self._dialect)

    def lead(self, message: Message) -> bool:
        """A message before the conversation; false for one that is not plain."""
        return not self._began and all(self._text(part, self._system.append) for part in message.parts)

    def assistant(self, message: Message) -> bool:
        """A message of the model's; false for one that is not plain."""
        self._began = True
        if not self._turns:
            return False
        turn = self._turns[-1]
        if turn.role == "user":
            if self._waiting:
                return False
            turn = PlainTurn("assistant")
        for part in message.parts:
            if type(part) is ToolCallPart:
                call = self._call(part)
                if call is None:
                    return False
                turn.said.append(call)
            elif not self._text(part, turn.said.append):
                return False
        self._close(turn)
        return True

    def user(self, message: Message) -> bool:
        """A message of the user's or of tools; false for one that is not plain."""
        self._began = True
        turn = self._turns[-1] if self._turns and self._turns[-1].role == "user" else PlainTurn("user")
        for part in message.parts:
            if type(part) is ToolResultPart:
                if not self._result(part, turn):
                    return False
            elif not self._text(part, turn.said.append):
                return False
        self._close(turn)
        return True

    def end(self) -> PlainTurns | None:
        """The conversation, where it has ended with the user's turn and every call has its result."""
        if self._waiting or not self._turns or self._turns[-1].role != "user":
            return None
        for turn in self._turns:
            if len(turn.results) > 1:
                turn.results.sort(key=_place)
        said = self._turns[-2].said if len(self._turns) > 1 else ()
        return PlainTurns(self._system, self._turns, any(type(one) is PlainCall for one in said))

    def _close(self, turn: PlainTurn) -> None:
        if (turn.said or turn.results) and (not self._turns or self._turns[-1] is not turn):
            self._turns.append(turn)

    def _is_plain(self, text: TextPart) -> bool:
        # A blank text is refused by some.
        return text.state is None and not text.annotations and not text.text.isspace() and self.is_bare(text)

    def _text(self, part: Part, say: Callable[[str], None]) -> bool:
        if type(part) is not TextPart or not self._is_plain(part):
            return False
        if part.text:
            say(part.text)
        return True

    def _call(self, part: ToolCallPart) -> PlainCall | None:
        if part.kind != "function" or part.executed_by != "client" or part.state is not None or not self.is_bare(part):
            return None
        if (
            not part.id
            or part.id in self._places
            or not is_legal(part.id, self._ids)
            or not is_legal(part.name, self._names)
        ):
            return None
        try:
            arguments = loads_object(part.arguments) if part.arguments.strip() else {}
        except JsonError:
            return None
        call = PlainCall(part.id, part.name, arguments)
        self._places[part.id] = len(self._places)
        self._waiting[part.id] = call
        return call

    def _result(self, part: ToolResultPart, turn: PlainTurn) -> bool:
        if part.outcome != "ok" or part.executed_by != "client" or part.state is not None or not self.is_bare(part):
            return False
        call = self._waiting.pop(part.call_id, None)
        if call is None:
            return False
        texts: list[str] = []
        for item in part.content:
            if type(item) is not TextPart or not self._is_plain(item):
                return False
            texts.append(item.text)
        turn.results.append((self._places[part.call_id], call, texts))
        return True


def _place(result: tuple[int, PlainCall, list[str]]) -> int:
    return result[0]

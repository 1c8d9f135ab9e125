"""A history in which every call has its result and every result its call: the repair of what a client cut (HIST-07)."""

from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import Part, TextPart, ToolCallPart, ToolResultPart, is_client_call
from providers.spec.request import Message, Request
from providers.wire.waiting import Waiting

NO_RESULT: Final = "No result was recorded for this call."
"""What the model reads in place of a result that the history lacks; it is an error result."""

_HINT: Final = "router.orphans: repair mends such a history"


def no_call(call_id: str, path: str) -> InvalidRequestError:
    """The error for a result that no call waits for."""
    return InvalidRequestError(f"{path}: the result for call {call_id!r} has no call before it ({_HINT})", path=path)


def no_result(call_id: str, path: str) -> InvalidRequestError:
    """The error for a call that nothing answers."""
    return InvalidRequestError(f"{path}: the call {call_id!r} has no result ({_HINT})", path=path)


def without_orphans(request: Request, report: Report) -> Request:
    """The request with an error result for each call that has none, and without results that have no call; a result
    that something else was said before is put behind its call.

    A result belongs to the first call of the turn before it that has its id and none yet, as everywhere here. The same
    history is always mended alike; a whole one comes back as it is.
    """
    walk = _Walk(report)
    for index, message in enumerate(request.messages):
        walk.message(message, f"messages[{index}]")
    walk.end_turn()
    return msgspec.structs.replace(request, messages=tuple(walk.messages)) if walk.changed else request


class _Walk:
    def __init__(self, report: Report) -> None:
        self.messages: list[Message] = []
        self.changed = False
        self._report = report
        self._open: Waiting[tuple[ToolCallPart, str]] = Waiting()
        self._place = 0
        """Where results that are missing go: behind the turn that called, and the results that follow it at once."""

    def message(self, message: Message, path: str) -> None:
        if message.role == "assistant":
            self.end_turn()
            for number, part in enumerate(message.parts):
                if is_client_call(part):
                    self._open.add((part, f"{path}.content[{number}]"), part.id, part.name, nameable=not part.id)
            self.messages.append(message)
            self._place = len(self.messages)
            return
        places = enumerate(message.parts)
        parts = tuple(part for number, part in places if not self._is_orphan(part, f"{path}.content[{number}]"))
        if len(parts) != len(message.parts):
            self.changed = True
            if not parts:
                return
            message = msgspec.structs.replace(message, parts=parts)
        if self._place < len(self.messages) and any(map(_is_result, parts)):
            self._pull_up(message, path)
            return
        self.messages.append(message)
        if message.role == "tool":
            self._place = len(self.messages)

    def _pull_up(self, message: Message, path: str) -> None:
        """Put results behind their calls: something was said between, which most providers refuse."""
        self.changed = True
        self._report.add(path, "repaired", "the result stands behind its call: something was said between")
        results = tuple(filter(_is_result, message.parts))
        rest = tuple(part for part in message.parts if not _is_result(part))
        pulled = msgspec.structs.replace(message, parts=results) if not rest else Message(role="tool", parts=results)
        self.messages.insert(self._place, pulled)
        self._place += 1
        if rest:
            self.messages.append(msgspec.structs.replace(message, parts=rest))

    def end_turn(self) -> None:
        """Answer the calls of the turn that just ended as far as nobody else did."""
        for number, (call, path) in enumerate(self._open):
            said = ToolResultPart(call_id=call.id, name=call.name, outcome="error", content=(TextPart(text=NO_RESULT),))
            self.messages.insert(self._place + number, Message(role="tool", parts=(said,)))
            reason = f"the call {call.id or call.name!r} has no result: answered"
            self._report.add(path, "repaired", reason, to=NO_RESULT)
            self.changed = True
        self._open.clear()

    def _is_orphan(self, part: Part, path: str) -> bool:
        if not isinstance(part, ToolResultPart) or not _is_result(part):
            return False
        if self._open.take(part.call_id, part.name) is not None:
            return False
        reason = f"the result for call {part.call_id or part.name!r} has no call before it: left out"
        self._report.add(path, "dropped", reason)
        return True


def _is_result(part: Part) -> bool:
    return isinstance(part, ToolResultPart) and part.executed_by == "client"

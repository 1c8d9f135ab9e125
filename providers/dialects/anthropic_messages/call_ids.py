"""Ids of calls made legal and unique over a conversation, and results joined to their calls."""

from providers.dialects.anthropic_messages.grammar import CALL_ID, CALL_ID_LENGTH
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError
from providers.wire.ids import legal_id


class _Call:
    """A call that waits for its result."""

    def __init__(self, original: str, name: str, written: str, path: str) -> None:
        self.original = original
        self.name = name
        self.written = written
        self.path = path


class CallIds:
    """Walks a conversation in order.

    A result belongs to the first call of the turn before it that has its id and none yet, so ids that repeat from
    turn to turn stay apart (ID-07).

    ``lenient``: a conversation in the target's own dialect; orphans are its provider's to judge.
    """

    def __init__(self, report: Report, *, lenient: bool) -> None:
        self._report = report
        self._lenient = lenient
        self._used: set[str] = set()
        self._open: list[_Call] = []

    def call(self, original: str, name: str, path: str) -> str:
        """The id a call is sent with. A call without one gets one that is the same in every round (ID-06)."""
        written = self._unique(original or f"call at {path}")
        if written != original:
            self._report.add(f"{path}.id", "mapped", "not a legal or unique id here", from_=original, to=written)
        self._open.append(_Call(original, name, written, path))
        return written

    def result(self, call_id: str, name: str | None, path: str) -> str:
        """The id a result is sent with. Raises InvalidRequestError where no call waits for it (HIST-07, ID-13)."""
        call = self._answered(call_id, name)
        if call is not None:
            self._open.remove(call)
            return call.written
        if self._lenient:
            return legal_id(call_id, CALL_ID, CALL_ID_LENGTH)
        raise InvalidRequestError(f"{path}: the result for call {call_id!r} has no call before it", path=path)

    def check_answered(self) -> None:
        """Raise InvalidRequestError where a call of the turn that just ended has no result (HIST-07)."""
        if self._open and not self._lenient:
            call = self._open[0]
            raise InvalidRequestError(f"{call.path}: the call {call.original!r} has no result", path=call.path)
        self._open.clear()

    def _answered(self, call_id: str, name: str | None) -> _Call | None:
        if call_id:
            return next((call for call in self._open if call.original == call_id), None)
        # A result without id follows the order of the calls, by name where it has one.
        return next((call for call in self._open if not call.original and name in {None, call.name}), None)

    def _unique(self, original: str) -> str:
        written = legal_id(original, CALL_ID, CALL_ID_LENGTH)
        repeat = 1
        while written in self._used:
            repeat += 1
            written = legal_id(f"{original} ({repeat})", CALL_ID, CALL_ID_LENGTH)
        self._used.add(written)
        return written

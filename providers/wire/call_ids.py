"""Ids of calls made legal and unique over a conversation, and results joined to their calls."""

from providers.spec.adjustments import Report
from providers.spec.parts import ToolCallPart, ToolResultPart
from providers.wire.ids import UniqueIds, base62_digest, legal_id
from providers.wire.orphans import no_call, no_result
from providers.wire.waiting import Waiting


class _Call:
    """A call that waits for its result."""

    def __init__(self, part: ToolCallPart, written: str, path: str) -> None:
        self.part = part
        self.written = written
        self.path = path


class CallIds:
    """Walks a conversation in order.

    A result belongs to the first call before it that has its id and none yet, so ids that repeat from turn to turn
    stay apart (ID-07). ``lenient``: a conversation in the target's own dialect, where ids may repeat, and orphans are
    the provider's to judge.
    """

    def __init__(self, report: Report, *, pattern: str, length: int, lenient: bool) -> None:
        self._report = report
        self._pattern = pattern
        self._length = length
        self._lenient = lenient
        self._ids = UniqueIds(pattern, length)
        self._open: Waiting[_Call] = Waiting()

    def call(self, part: ToolCallPart, path: str) -> str:
        """The id a call is sent with. A call without one gets one that is the same in every round (ID-06)."""
        written = self._unique(part.id or f"call_{base62_digest(path, 16)}")
        if written != part.id:
            reason = "not a legal or unique id here"
            self._report.add(f"{path}.id", "mapped", reason, from_=part.id, to=written)
        self._open.add(_Call(part, written, path), part.id, part.name, nameable=not part.id)
        return written

    def result(self, part: ToolResultPart, path: str) -> tuple[str, ToolCallPart | None]:
        """The id a result is sent with, and its call where that is known.

        Raises InvalidRequestError where no call waits for it (HIST-07, ID-13).
        """
        # A result without id follows the order of the calls that have none, by name where it has one.
        call = self._open.take(part.call_id, part.name)
        if call is not None:
            return call.written, call.part
        if self._lenient:
            return legal_id(part.call_id, self._pattern, self._length) if part.call_id else "", None
        raise no_call(part.call_id, path)

    def check_answered(self) -> None:
        """Raise InvalidRequestError where a call of the turn that just ended has no result (HIST-07)."""
        if self._open and not self._lenient:
            call = next(iter(self._open))
            raise no_result(call.part.id, call.path)
        self._open.clear()

    def _unique(self, original: str) -> str:
        return legal_id(original, self._pattern, self._length) if self._lenient else self._ids.of(original)

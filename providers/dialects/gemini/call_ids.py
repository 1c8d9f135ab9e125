"""Calls and results of a conversation joined by id, and the ids that Google gets to see.

Google takes any id, and wants a response to carry its call's. An id that this codec minted for a call that had none is
left out again on both: the turn goes back as Google made it, and pairs by name and order.
"""

import msgspec

from providers.dialects.gemini.grammar import is_minted
from providers.spec.adjustments import Report
from providers.spec.profile import Profile
from providers.wire.ids import UniqueIds
from providers.wire.orphans import no_call, no_result
from providers.wire.waiting import Waiting


class Call(msgspec.Struct, frozen=True):
    """A call that waits for its result."""

    original: str
    name: str
    written: str | None
    """The id it is sent with; ``None`` where it has none."""
    path: str
    position: int
    """Among the calls of the conversation."""


class CallIds:
    """Walks a conversation in order.

    A result belongs to the first call of the turn before it that has its id and none yet, so ids that repeat from
    turn to turn stay apart (ID-07).

    ``lenient``: a conversation in this dialect; orphans and repeated ids are its provider's to judge.
    """

    def __init__(self, profile: Profile, report: Report, *, lenient: bool) -> None:
        self._report = report
        self._lenient = lenient
        self._ids = UniqueIds(profile.tool_call_id, profile.tool_call_id_length)
        self._open: Waiting[Call] = Waiting()
        self._count = 0

    def call(self, original: str, name: str, path: str) -> str | None:
        """The id a call is sent with."""
        written = self._written(original, path)
        call = Call(original, name, written, path, self._count)
        self._open.add(call, original, name, nameable=not original)
        self._count += 1
        return written

    def result(self, call_id: str, name: str | None, path: str) -> Call:
        """The call that a result answers. Raises InvalidRequestError where none waits for it (HIST-07, ID-13)."""
        # A result without id follows the order of the calls that have none, by name where it has one.
        call = self._open.take(call_id, name)
        if call is not None:
            return call
        if self._lenient:
            return Call(call_id, name or "", None if is_minted(call_id) else call_id, path, self._count)
        raise no_call(call_id, path)

    def check_answered(self) -> None:
        """Raise InvalidRequestError where a call of the turn that just ended has no result (HIST-07)."""
        if self._open and not self._lenient:
            call = next(iter(self._open))
            raise no_result(call.original, call.path)
        self._open.clear()

    def _written(self, original: str, path: str) -> str | None:
        if not original or is_minted(original):
            return None
        if self._lenient:
            return original
        written = self._ids.of(original)
        if written != original:
            self._report.add(f"{path}.id", "mapped", "not a legal or unique id here", from_=original, to=written)
        return written

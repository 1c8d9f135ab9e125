"""The declared policies of a request, applied where its candidate needs them: to histories with orphans, and to a call
forced while the model thinks.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ForcedChoiceError
from providers.spec.request import Reasoning, Request
from providers.wire.orphans import without_orphans
from providers.wire.places import moved
from router.options import Options

Encode = Callable[[Request, Report], EncodedRequest]

_CONFLICT: Final = "this model takes no forced call while it thinks"


def encoded_under(options: Options, request: Request, report: Report, encode: Encode) -> EncodedRequest:
    """The request as ``encode`` writes it, mended as the caller's policies say.

    Raises what ``encode`` raises, ForcedChoiceError also where turning thinking off is no way out: the model thinks
    whatever it is told.
    """
    if options.orphans == "repair":
        mended = without_orphans(request, report)
        report = report if mended is request else report.moving(moved(request, mended))
        request = mended
    before = len(report.adjustments)
    try:
        return encode(request, report)
    except ForcedChoiceError:
        # Decided by the codec on what would be sent, in every round anew (CHOICE-06).
        if options.forced_choice == "refuse":
            raise
    # Nothing was sent: what was said of it is said again.
    report.forget(since=before)
    return encode(_without_conflict(options, request, report), report)


def _without_conflict(options: Options, request: Request, report: Report) -> Request:
    """The same without the one of the two that policy gives up (CHOICE-04)."""
    choice = request.tool_choice
    if options.forced_choice == "downgrade_choice" and choice is not None:
        report.add("tool_choice", "downgraded", _CONFLICT, from_="required", to="auto")
        # A call of the named tools alone stays possible; its form would spell the forced one.
        auto = msgspec.structs.replace(choice, mode="auto", form=None)
        return msgspec.structs.replace(request, tool_choice=auto)
    report.add("reasoning", "downgraded", f"{_CONFLICT}: thinking is turned off", to="none")
    return msgspec.structs.replace(request, reasoning=Reasoning(enabled=False, effort="none"))

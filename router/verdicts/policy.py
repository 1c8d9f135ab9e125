"""What is made of the verdicts on a whole answer: reported, mended, refused, or left out where a face cannot say it."""

import operator
from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.errors import InvalidToolCallError
from providers.spec.parts import Part, ToolCallPart, is_client_call
from providers.spec.response import Candidate, Response
from providers.wire.json import JsonError, loads_object
from router.verdicts.free_text import unwrapped
from router.verdicts.judge import GOOD, Judge, Verdict
from router.verdicts.markup import refused, report_markup
from router.verdicts.written.recovery import recovery_for

_MISSING: Final = "a call was required and the model made none; asking again may help"


def judged(response: Response, judge: Judge, report: Report, *, objects: bool) -> tuple[Response, tuple[Verdict, ...]]:
    """The answer as policy has it, and the verdicts on its calls.

    ``objects``: the face writes arguments as an object. Raises InvalidToolCallError where policy rejects a call, or
    that none came.
    """
    recovery = recovery_for(judge)
    if recovery is not None:
        response = recovery.answer(response)
        recovery.report(report)
    if judge.markup.stands_in_answer(response):
        if judge.policy == "reject":
            raise refused()
        report_markup(report)
    verdicts: list[Verdict] = []
    candidates = []
    for candidate in response.candidates:
        read = _unwrapped(candidate, judge.free_text) if judge.free_text else candidate
        found = judge.verdicts(read)
        if judge.missed(read.finish, len(found)):
            if judge.policy == "reject":
                raise missing()
            report_missing(report)
        verdicts += found
        treats = objects or judge.policy == "repair"
        candidates.append(_treated(read, found, report, objects=objects) if treats else read)
    if judge.policy == "reject":
        wrong = tuple(verdict for verdict in verdicts if verdict.status not in GOOD)
        if wrong:
            raise rejected(wrong)
    if all(map(operator.is_, candidates, response.candidates)):
        return response, tuple(verdicts)
    return msgspec.structs.replace(response, candidates=tuple(candidates)), tuple(verdicts)


def _unwrapped(candidate: Candidate, names: frozenset[str]) -> Candidate:
    """The candidate with calls of free-text tools as such; the same where it has none."""
    parts = [unwrapped(part, names) if is_client_call(part) else part for part in candidate.parts]
    same = all(map(operator.is_, parts, candidate.parts))
    return candidate if same else msgspec.structs.replace(candidate, parts=tuple(parts))


def rejected(verdicts: tuple[Verdict, ...]) -> InvalidToolCallError:
    """The error for calls that policy does not let through. It names no argument."""
    first = verdicts[0]
    where = f" at {first.errors[0].path}" if first.errors and first.errors[0].path else ""
    return InvalidToolCallError(
        f"the model's call of {first.name!r} is not valid ({first.status}{where}); router.tool_validation is reject",
        code=first.status,
    )


def missing() -> InvalidToolCallError:
    """The error for an answer without the call that was required, where policy lets none through."""
    return InvalidToolCallError(f"{_MISSING}; router.tool_validation is reject", code="no_call")


def report_missing(report: Report) -> None:
    """Say that the call which was required did not come."""
    report.add("response.tool_calls", "dropped", _MISSING)


def as_object(call: ToolCallPart) -> ToolCallPart | None:
    """The call where its arguments can be written as an object, else ``None``.

    Free text of a custom tool can, by its convention; ``null`` is what hosts write for no arguments (Groq).
    """
    if call.kind == "custom":
        return call
    try:
        loads_object(call.arguments)
    except JsonError:
        return msgspec.structs.replace(call, arguments="{}") if call.arguments.strip() == "null" else None
    return call


def report_left_out(report: Report, places: tuple[int, ...]) -> None:
    """Say which calls the face could not say."""
    for place in places:
        reason = "the arguments are no JSON object, and this dialect has no other way to write them"
        report.add(f"response.tool_calls[{place}]", "dropped", reason)


def _treated(candidate: Candidate, verdicts: tuple[Verdict, ...], report: Report, *, objects: bool) -> Candidate:
    """The candidate with mended arguments, and without the calls that the face cannot say; the same if that is all."""
    if not verdicts or not (objects or any(verdict.status == "repaired" for verdict in verdicts)):
        return candidate
    calls = iter(verdicts)
    parts: list[Part] = []
    left_out: list[int] = []
    for part in candidate.parts:
        if is_client_call(part):
            verdict = next(calls)
            call = part if verdict.status != "repaired" else msgspec.structs.replace(part, arguments=verdict.arguments)
            said = as_object(call) if objects else call
            if said is None:
                left_out.append(verdict.index)
            else:
                parts.append(said)
        else:
            parts.append(part)
    report_left_out(report, tuple(left_out))
    return msgspec.structs.replace(candidate, parts=tuple(parts))

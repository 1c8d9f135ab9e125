"""Callers from before tools: ``functions``, ``function_call`` and the role ``function``, with any provider (HIST-10).

Their requests go to hosts that still have those fields as they are, else in today's words; their answers have one
``function_call``, which is all that their clients read.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from providers.dialects.openai_chat.grammar import NAME, is_known, variant_of
from providers.spec.adjustments import Report
from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, PartUpdate, StreamEvent
from providers.spec.parts import Part, ToolCallPart, is_client_call
from providers.spec.profile import Target
from providers.spec.request import Message, Request, Tool
from providers.spec.response import Candidate, Finish, Response
from providers.spec.values import Form

_FIELD: Final = "function_call"
_CALL_FORM: Final = Form(dialect=NAME, variants={"field": _FIELD})
_ONE_ONLY: Final = "function_call holds one call, and the caller's client reads no other"


def is_legacy(request: Request) -> bool:
    """Whether the caller declared ``functions``."""
    return variant_of(request.form, "tools") == "functions"


def takes_legacy(target: Target) -> bool:
    """Whether such a request may leave as it is: to a chat host that has the fields, or of which nothing is known."""
    profile = target.profile
    return target.dialect == NAME and (profile.legacy_functions or not is_known(profile))


def modern(request: Request) -> Request:
    """The request in today's words."""
    return msgspec.structs.replace(
        request,
        messages=tuple(map(_modern_message, request.messages)),
        tools=request.tools and tuple(map(_modern_tool, request.tools)),
        form=_without(request.form, "tools", "choice", "parallel"),
    )


def _modern_tool(tool: Tool) -> Tool:
    if tool.form is None:
        return tool
    form = msgspec.structs.replace(tool.form, variants={**tool.form.variants, "shape": "flat"})
    return msgspec.structs.replace(tool, form=form)


def _modern_message(message: Message) -> Message:
    parts = tuple(_modern_part(part) for part in message.parts)
    return msgspec.structs.replace(message, parts=parts, form=_without(message.form, "role"))


def _modern_part(part: Part) -> Part:
    if isinstance(part, ToolCallPart) and variant_of(part.form, "field") == _FIELD:
        return msgspec.structs.replace(part, form=None)
    return part


def _without(form: Form | None, *names: str) -> Form | None:
    if form is None or not any(name in form.variants for name in names):
        return form
    variants = {name: variant for name, variant in form.variants.items() if name not in names}
    return msgspec.structs.replace(form, variants=variants)


class LegacyAnswer:
    """Makes one answer one that such a client reads: its first call as ``function_call``, the others left out."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        """Index of the call that is told, by candidate."""
        self._left_out: set[tuple[int, int]] = set()
        self._numbers: dict[tuple[int, int], int] = {}

    def answer(self, response: Response) -> Response:
        """A whole answer."""
        return msgspec.structs.replace(response, candidates=tuple(map(self._candidate, response.candidates)))

    def feed(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """Events of a stream."""
        return [passed for event in events for passed in self._passed(event)]

    def report(self, report: Report) -> None:
        """Say which calls were left out."""
        for number, _ in enumerate(self._left_out, 1):
            report.add(f"response.tool_calls[{number}]", "dropped", _ONE_ONLY)

    def _candidate(self, candidate: Candidate) -> Candidate:
        parts = (self._part(candidate.index, index, part) for index, part in enumerate(candidate.parts))
        kept = tuple(part for part in parts if part is not None)
        finish = None if candidate.finish is None else self._finish(candidate.index, candidate.finish)
        return msgspec.structs.replace(candidate, parts=kept, finish=finish)

    def _passed(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case PartStart():
                part = self._part(event.candidate, event.index, event.part)
                if part is not None:
                    number = sum(candidate == event.candidate for candidate, _ in self._numbers)
                    self._numbers[event.candidate, event.index] = number
                    yield msgspec.structs.replace(event, part=part, index=number)
            case PartDelta() | PartUpdate() | PartEnd():
                place = self._numbers.get((event.candidate, event.index))
                if place is not None:
                    yield event if place == event.index else msgspec.structs.replace(event, index=place)
            case CandidateEnd():
                yield msgspec.structs.replace(event, finish=self._finish(event.candidate, event.finish))
            case _:
                yield event

    def _part(self, candidate: int, index: int, part: Part) -> Part | None:
        if not is_client_call(part):
            return part
        if candidate in self._first:
            self._left_out.add((candidate, index))
            return None
        self._first[candidate] = index
        return part if variant_of(part.form, "field") == _FIELD else msgspec.structs.replace(part, form=_CALL_FORM)

    def _finish(self, candidate: int, finish: Finish) -> Finish:
        if finish.reason != "tool_calls" or candidate not in self._first:
            return finish
        # The reason such clients wait for; what the provider said stays in its own dialect's words only.
        return msgspec.structs.replace(finish, raw=_FIELD, form=Form(dialect=NAME))
